// What the shaders of a program hold (halves, where storage-f16.wgsl says so) as f32.

struct Sizes {
  length: u32,
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> input: array<Lanes>;
@group(0) @binding(2) var<storage, read_write> output: array<Numbers>;

@compute @workgroup_size(WORKGROUP)
fn main(thread: Thread) {
  let i = thread_number(thread);
  if (i >= sizes.length) {
    return;
  }
  output[i] = Numbers(input[i]);
}
