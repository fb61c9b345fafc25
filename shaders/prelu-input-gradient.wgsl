// dx = x > 0 ? dy : slopes[c] * dy

struct Sizes {
  length: u32,
  channels: u32,
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> input: array<real>;
@group(0) @binding(2) var<storage, read> slopes: array<f32>;
@group(0) @binding(3) var<storage, read> output_gradient: array<real>;
@group(0) @binding(4) var<storage, read_write> output: array<real>;

@compute @workgroup_size(WORKGROUP)
fn main(thread: Thread) {
  let i = thread_number(thread);
  if (i >= sizes.length) {
    return;
  }
  let dy = f32(output_gradient[i]);
  output[i] = real(select(slopes[i % sizes.channels] * dy, dy, f32(input[i]) > 0.0));
}
