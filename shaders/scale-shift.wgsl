// y = f(x * scale[c] + shift[c])

struct Sizes {
  length: u32,
  channels: u32,
  slope: f32,
  ceiling: f32,
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> input: array<real>;
@group(0) @binding(2) var<storage, read> scale: array<f32>;
@group(0) @binding(3) var<storage, read> shift: array<f32>;
@group(0) @binding(4) var<storage, read_write> output: array<real>;

@compute @workgroup_size(WORKGROUP)
fn main(thread: Thread) {
  let i = thread_number(thread);
  if (i >= sizes.length) {
    return;
  }
  let c = i % sizes.channels;
  output[i] = real(activate(f32(input[i]) * scale[c] + shift[c], sizes.slope, sizes.ceiling));
}
