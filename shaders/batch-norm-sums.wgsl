// output[part] = [sums of dy, sums of dy * xhat] over the rows of the part, with xhat = (x - mean) / sqrt(variance +
// epsilon), dy times f' where an activation follows; see reduction.wgsl. Both come out of one walk through x and dy.

alias Sum = TwoSums;

struct Sizes {
  rows: u32,
  columns: u32,
  share: u32,
  across: u32,
  has_activated: u32,
  epsilon: f32,
  slope: f32,
  ceiling: f32,
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> input: array<Numbers>;
@group(0) @binding(2) var<storage, read> output_gradient: array<Numbers>;
@group(0) @binding(3) var<storage, read> moments: array<Numbers>; // means, then variances
@group(0) @binding(4) var<storage, read> activated: array<Numbers>; // what the activation made of y
@group(0) @binding(5) var<storage, read_write> output: array<Numbers>;

fn term(row: u32, column: u32) -> TwoSums {
  let index = row * sizes.columns + column;
  var dy = output_gradient[index];
  if (sizes.has_activated != 0) {
    dy *= derivative(activated[index], sizes.slope, sizes.ceiling);
  }
  return TwoSums(dy, dy * (input[index] - moments[column]));
}

fn store(part: u32, column: u32, sum: TwoSums) {
  let start = part * 2u * sizes.columns + column;
  output[start] = sum[0];
  output[start + sizes.columns] = sum[1] / sqrt(moments[sizes.columns + column] + sizes.epsilon);
}
