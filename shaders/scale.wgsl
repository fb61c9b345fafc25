// y = x * factor + offset

struct Sizes {
  length: u32,
  factor: f32,
  offset: f32,
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> input: array<real>;
@group(0) @binding(2) var<storage, read_write> output: array<real>;

@compute @workgroup_size(WORKGROUP)
fn main(thread: Thread) {
  let i = thread_number(thread);
  if (i >= sizes.length) {
    return;
  }
  output[i] = real(f32(input[i]) * sizes.factor + sizes.offset);
}
