// Bilinear samples of one image for each of `batch` matrices: output pixel (i, j) looks at x = m0*j + m1*i + m2,
// y = m3*j + m4*i + m5; outside the image is zero. One thread a number of the output.

struct Sizes {
  batch: u32,
  height: i32,
  width: i32,
  channels: u32,
  out_height: u32,
  out_width: u32,
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> image: array<f32>;
@group(0) @binding(2) var<storage, read> matrices: array<f32>;
@group(0) @binding(3) var<storage, read_write> output: array<f32>;

fn pixel(y: i32, x: i32, c: u32) -> f32 {
  if (y < 0 || y >= sizes.height || x < 0 || x >= sizes.width) {
    return 0.0;
  }
  return image[u32(y * sizes.width + x) * sizes.channels + c];
}

@compute @workgroup_size(WORKGROUP)
fn main(thread: Thread) {
  let index = thread_number(thread);
  let place = place_of(index, sizes.out_height, sizes.out_width, sizes.channels);
  if (place.n >= sizes.batch) {
    return;
  }
  let i = f32(place.i);
  let j = f32(place.j);
  let m = 6u * place.n;
  // Positions far outside are drawn to just outside, where they fit into an integer.
  let x = clamp(matrices[m] * j + matrices[m + 1u] * i + matrices[m + 2u], -2.0, f32(sizes.width) + 1.0);
  let y = clamp(matrices[m + 3u] * j + matrices[m + 4u] * i + matrices[m + 5u], -2.0, f32(sizes.height) + 1.0);
  let column = i32(floor(x));
  let row = i32(floor(y));
  let right = x - floor(x);
  let down = y - floor(y);
  let upper = mix(pixel(row, column, place.c), pixel(row, column + 1, place.c), right);
  let lower = mix(pixel(row + 1, column, place.c), pixel(row + 1, column + 1, place.c), right);
  output[index] = mix(upper, lower, down);
}
