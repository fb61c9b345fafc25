// dx = gamma[c] / sqrt(variance[c] + epsilon) * (dy - mean of dy - xhat * mean of dy * xhat), the means those of the
// channel over all rows, from the sums that batch-norm-sums has made; dy times f' where an activation follows

struct Sizes {
  length: u32,
  channels: u32,
  has_activated: u32,
  epsilon: f32,
  slope: f32,
  ceiling: f32,
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> input: array<Lanes>;
@group(0) @binding(2) var<storage, read> output_gradient: array<Lanes>;
@group(0) @binding(3) var<storage, read> moments: array<Numbers>;
@group(0) @binding(4) var<storage, read> gamma: array<Numbers>;
@group(0) @binding(5) var<storage, read> beta_gradient: array<Numbers>;
@group(0) @binding(6) var<storage, read> gamma_gradient: array<Numbers>;
@group(0) @binding(7) var<storage, read> activated: array<Lanes>; // what the activation made of y
@group(0) @binding(8) var<storage, read_write> output: array<Lanes>;

@compute @workgroup_size(WORKGROUP)
fn main(thread: Thread) {
  let i = thread_number(thread);
  if (i >= sizes.length) {
    return;
  }
  let c = i % sizes.channels;
  let rows = f32(sizes.length / sizes.channels);
  let deviation = sqrt(moments[sizes.channels + c] + sizes.epsilon); // moments: means, then variances
  let xhat = (Numbers(input[i]) - moments[c]) / deviation;
  var dy = Numbers(output_gradient[i]);
  if (sizes.has_activated != 0) {
    dy *= derivative(Numbers(activated[i]), sizes.slope, sizes.ceiling);
  }
  let centred = dy - beta_gradient[c] / rows - xhat * (gamma_gradient[c] / rows);
  output[i] = Lanes(gamma[c] / deviation * centred);
}
