// The image at (top, left) of a larger one, zeros elsewhere; new channels come last. One thread a number of the output.

struct Sizes {
  batch: u32,
  height: i32,
  width: i32,
  channels: u32,
  out_height: u32,
  out_width: u32,
  out_channels: u32,
  top: i32,
  left: i32,
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> input: array<real>;
@group(0) @binding(2) var<storage, read_write> output: array<real>;

@compute @workgroup_size(WORKGROUP)
fn main(thread: Thread) {
  let index = thread_number(thread);
  let place = place_of(index, sizes.out_height, sizes.out_width, sizes.out_channels);
  if (place.n >= sizes.batch) {
    return;
  }
  let y = i32(place.i) - sizes.top;
  let x = i32(place.j) - sizes.left;
  var value = real();
  if (y >= 0 && y < sizes.height && x >= 0 && x < sizes.width && place.c < sizes.channels) {
    let pixel = (place.n * u32(sizes.height) + u32(y)) * u32(sizes.width) + u32(x);
    value = input[pixel * sizes.channels + place.c];
  }
  output[index] = value;
}
