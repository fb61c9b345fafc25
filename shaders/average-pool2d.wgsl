// y[n,i,j,c] = mean of x[n, i*stride_y+p-top, j*stride_x+q-left, c] over the p,q inside the image
// and 0 in the channels that x does not have.
// One thread a number of the output. Neighbouring threads have neighbouring channels, hence neighbouring reads.

struct Window {
  batch: u32,
  height: i32,
  width: i32,
  channels: u32,
  out_height: u32,
  out_width: u32,
  filter_height: u32,
  filter_width: u32,
  stride_y: u32,
  stride_x: u32,
  top: i32,
  left: i32,
  out_channels: u32,
}

@group(0) @binding(0) var<uniform> sizes: Window;
@group(0) @binding(1) var<storage, read> input: array<real>;
@group(0) @binding(2) var<storage, read_write> output: array<real>;

@compute @workgroup_size(WORKGROUP)
fn main(thread: Thread) {
  let index = thread_number(thread);
  let place = place_of(index, sizes.out_height, sizes.out_width, sizes.out_channels);
  if (place.n >= sizes.batch) {
    return;
  }
  if (place.c >= sizes.channels) {
    output[index] = real();
    return;
  }
  var sum = 0.0;
  var count = 0.0;
  for (var p = 0u; p < sizes.filter_height; p++) {
    let y = i32(place.i * sizes.stride_y + p) - sizes.top;
    if (y < 0 || y >= sizes.height) {
      continue;
    }
    for (var q = 0u; q < sizes.filter_width; q++) {
      let x = i32(place.j * sizes.stride_x + q) - sizes.left;
      if (x < 0 || x >= sizes.width) {
        continue;
      }
      let pixel = (place.n * u32(sizes.height) + u32(y)) * u32(sizes.width) + u32(x);
      sum += f32(input[pixel * sizes.channels + place.c]);
      count += 1.0;
    }
  }
  output[index] = real(sum / max(count, 1.0));
}
