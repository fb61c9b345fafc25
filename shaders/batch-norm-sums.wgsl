// beta_gradient = sums of dy, gamma_gradient = sums of dy * xhat over the rows, with xhat = (x - mean) / sqrt(variance +
// epsilon), dy times f' where an activation follows; see reduction.wgsl. Both come out of one walk through x and dy.
//
// If there are several parts, a part stores both of its sums, one behind the other, to `beta_gradient`, and a second
// dispatch has these rows of sums as input.

alias Sum = TwoSums;

struct Sizes {
  rows: u32,
  columns: u32,
  share: u32,
  across: u32,
  reads_sums: u32,
  stores_sums: u32,
  has_activated: u32,
  epsilon: f32,
  slope: f32,
  ceiling: f32,
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> input: array<Lanes>;
@group(0) @binding(2) var<storage, read> output_gradient: array<Lanes>;
@group(0) @binding(3) var<storage, read> moments: array<Numbers>; // means, then variances
@group(0) @binding(4) var<storage, read> activated: array<Lanes>; // what the activation made of y
@group(0) @binding(5) var<storage, read_write> beta_gradient: array<Numbers>;
@group(0) @binding(6) var<storage, read_write> gamma_gradient: array<Numbers>;

fn term(row: u32, column: u32) -> TwoSums {
  if (sizes.reads_sums != 0) {
    let start = row * 2u * sizes.columns + column;
    return TwoSums(Numbers(input[start]), Numbers(input[start + sizes.columns]));
  }
  let index = row * sizes.columns + column;
  var dy = Numbers(output_gradient[index]);
  if (sizes.has_activated != 0) {
    dy *= derivative(Numbers(activated[index]), sizes.slope, sizes.ceiling);
  }
  return TwoSums(dy, dy * (Numbers(input[index]) - moments[column]));
}

fn store(part: u32, column: u32, sum: TwoSums) {
  if (sizes.stores_sums != 0) {
    let start = part * 2u * sizes.columns + column;
    beta_gradient[start] = sum[0];
    beta_gradient[start + sizes.columns] = sum[1];
    return;
  }
  beta_gradient[column] = sum[0];
  gamma_gradient[column] = sum[1] / sqrt(moments[sizes.columns + column] + sizes.epsilon);
}
