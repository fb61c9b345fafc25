// y[i] = left[i] * right[i mod right_length]

struct Sizes {
  length: u32,
  right_length: u32,
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> left: array<real>;
@group(0) @binding(2) var<storage, read> right: array<real>;
@group(0) @binding(3) var<storage, read_write> output: array<real>;

@compute @workgroup_size(WORKGROUP)
fn main(thread: Thread) {
  let i = thread_number(thread);
  if (i >= sizes.length) {
    return;
  }
  output[i] = real(f32(left[i]) * f32(right[i % sizes.right_length]));
}
