// y = (x - mean[c]) / sqrt(variance[c] + epsilon) * gamma[c] + beta[c]

struct Sizes {
  length: u32,
  channels: u32,
  epsilon: f32,
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> input: array<real>;
@group(0) @binding(2) var<storage, read> mean: array<f32>;
@group(0) @binding(3) var<storage, read> variance: array<f32>;
@group(0) @binding(4) var<storage, read> gamma: array<f32>;
@group(0) @binding(5) var<storage, read> beta: array<f32>;
@group(0) @binding(6) var<storage, read_write> output: array<real>;

@compute @workgroup_size(WORKGROUP)
fn main(thread: Thread) {
  let i = thread_number(thread);
  if (i >= sizes.length) {
    return;
  }
  let c = i % sizes.channels;
  let deviation = sqrt(variance[c] + sizes.epsilon);
  output[i] = real((f32(input[i]) - mean[c]) / deviation * gamma[c] + beta[c]);
}
