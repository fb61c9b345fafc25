// y = f(xhat * gamma[c] + beta[c] + residual), with xhat = (x - mean[c]) / sqrt(variance[c] + epsilon)

struct Sizes {
  length: u32,
  channels: u32,
  has_residual: u32,
  epsilon: f32,
  slope: f32,
  ceiling: f32,
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> input: array<Lanes>;
@group(0) @binding(2) var<storage, read> moments: array<Numbers>;
@group(0) @binding(3) var<storage, read> gamma: array<Numbers>;
@group(0) @binding(4) var<storage, read> beta: array<Numbers>;
@group(0) @binding(5) var<storage, read> residual: array<Lanes>;
@group(0) @binding(6) var<storage, read_write> output: array<Lanes>;

@compute @workgroup_size(WORKGROUP)
fn main(thread: Thread) {
  let i = thread_number(thread);
  if (i >= sizes.length) {
    return;
  }
  let c = i % sizes.channels;
  let deviation = sqrt(moments[sizes.channels + c] + sizes.epsilon); // moments: means, then variances
  var z = (Numbers(input[i]) - moments[c]) / deviation * gamma[c] + beta[c];
  if (sizes.has_residual != 0) {
    z += Numbers(residual[i]);
  }
  output[i] = Lanes(activate_all(z, sizes.slope, sizes.ceiling));
}
