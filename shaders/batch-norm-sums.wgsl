// output[part] = [sums of dy, sums of dy * xhat] over the rows of the part, with xhat = (x - mean) / sqrt(variance +
// epsilon); see reduction.wgsl. Both come out of one walk through x and dy.

alias Sum = vec2f;

struct Sizes {
  rows: u32,
  columns: u32,
  share: u32,
  across: u32,
  epsilon: f32,
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> input: array<f32>;
@group(0) @binding(2) var<storage, read> output_gradient: array<f32>;
@group(0) @binding(3) var<storage, read> moments: array<f32>; // means, then variances
@group(0) @binding(4) var<storage, read_write> output: array<f32>;

fn term(row: u32, column: u32) -> vec2f {
  let index = row * sizes.columns + column;
  let dy = output_gradient[index];
  return vec2f(dy, dy * (input[index] - moments[column]));
}

fn store(part: u32, column: u32, sum: vec2f) {
  let start = part * 2u * sizes.columns + column;
  output[start] = sum.x;
  output[start + sizes.columns] = sum.y / sqrt(moments[sizes.columns + column] + sizes.epsilon);
}
