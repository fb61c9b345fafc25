// output[part, c] = sum of x * dy over the rows of the part where x <= 0; see reduction.wgsl

alias Sum = f32;

struct Sizes {
  rows: u32,
  columns: u32,
  share: u32,
  across: u32,
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> input: array<real>;
@group(0) @binding(2) var<storage, read> output_gradient: array<real>;
@group(0) @binding(3) var<storage, read_write> output: array<f32>;

fn term(row: u32, column: u32) -> f32 {
  let index = row * sizes.columns + column;
  return min(f32(input[index]), 0.0) * f32(output_gradient[index]);
}

fn store(part: u32, column: u32, sum: f32) {
  output[part * sizes.columns + column] = sum;
}
