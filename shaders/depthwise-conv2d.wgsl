// y[n,i,j,c] = f(bias[c] + sum over p,q of x[n, i*stride_y+p-top, j*stride_x+q-left, c] * filter[p,q,c])
// One thread a number of the output, or a vector of four channels. Neighbouring threads have neighbouring channels, hence neighbouring reads.

struct Window {
  batch: u32,
  height: i32,
  width: i32,
  channels: u32, // counted in LANES
  out_height: u32,
  out_width: u32,
  filter_height: u32,
  filter_width: u32,
  stride_y: u32,
  stride_x: u32,
  top: i32,
  left: i32,
  has_bias: u32,
  slope: f32,
  ceiling: f32,
}

@group(0) @binding(0) var<uniform> sizes: Window;
@group(0) @binding(1) var<storage, read> input: array<Lanes>;
@group(0) @binding(2) var<storage, read> weights: array<Lanes>;
@group(0) @binding(3) var<storage, read> bias: array<Numbers>;
@group(0) @binding(4) var<storage, read_write> output: array<Lanes>;

@compute @workgroup_size(WORKGROUP)
fn main(thread: Thread) {
  let index = thread_number(thread);
  let place = place_of(index, sizes.out_height, sizes.out_width, sizes.channels);
  if (place.n >= sizes.batch) {
    return;
  }
  var sum = Numbers(0.0);
  if (sizes.has_bias != 0) {
    sum = bias[place.c];
  }
  for (var p = 0u; p < sizes.filter_height; p++) {
    let y = i32(place.i * sizes.stride_y + p) - sizes.top;
    if (y < 0 || y >= sizes.height) {
      continue; // outside the image is zero
    }
    for (var q = 0u; q < sizes.filter_width; q++) {
      let x = i32(place.j * sizes.stride_x + q) - sizes.left;
      if (x < 0 || x >= sizes.width) {
        continue;
      }
      let pixel = (place.n * u32(sizes.height) + u32(y)) * u32(sizes.width) + u32(x);
      let weight = weights[(p * sizes.filter_width + q) * sizes.channels + place.c];
      sum += Numbers(input[pixel * sizes.channels + place.c]) * Numbers(weight);
    }
  }
  output[index] = Lanes(activate_all(sum, sizes.slope, sizes.ceiling));
}
