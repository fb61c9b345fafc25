// y[n, i, j, c] = x[n, i+top, j+left, c]: the part of an image that pad had put there

struct Sizes {
  length: u32,
  height: u32,
  width: u32,
  channels: u32,
  out_height: u32,
  out_width: u32,
  out_channels: u32,
  top: u32,
  left: u32,
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
  let place = place_of(i, sizes.height, sizes.width, sizes.channels);
  let line = place.n * sizes.out_height + place.i + sizes.top;
  let pixel = line * sizes.out_width + place.j + sizes.left;
  output[i] = input[pixel * sizes.out_channels + place.c];
}
