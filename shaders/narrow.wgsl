// f32 as what the shaders of a program hold: halves, where storage-f16.wgsl says so.

struct Sizes {
  length: u32,
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> input: array<Numbers>;
@group(0) @binding(2) var<storage, read_write> output: array<Lanes>;

@compute @workgroup_size(WORKGROUP)
fn main(thread: Thread) {
  let i = thread_number(thread);
  if (i >= sizes.length) {
    return;
  }
  output[i] = Lanes(input[i]);
}
