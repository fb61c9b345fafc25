// y = xhat * gamma[c] + beta[c], with xhat = (x - mean[c]) / sqrt(variance[c] + epsilon)

struct Sizes {
  length: u32,
  channels: u32,
  epsilon: f32,
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> input: array<f32>;
@group(0) @binding(2) var<storage, read> moments: array<f32>;
@group(0) @binding(3) var<storage, read> gamma: array<f32>;
@group(0) @binding(4) var<storage, read> beta: array<f32>;
@group(0) @binding(5) var<storage, read_write> output: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(thread: Thread) {
  let i = thread_number(thread);
  if (i >= sizes.length) {
    return;
  }
  let c = i % sizes.channels;
  let deviation = sqrt(moments[sizes.channels + c] + sizes.epsilon); // moments: means, then variances
  output[i] = (input[i] - moments[c]) / deviation * gamma[c] + beta[c];
}
