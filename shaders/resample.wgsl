// y[o,j,i] = sum over t of weights[t,j] * x[o, places[t,j], i]; a place of -1 counts as `fill`.
// One thread a number of the output.

struct Sizes {
  length: u32,
  side: u32,
  out_side: u32,
  inner: u32,
  taps: u32,
  fill: f32,
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> input: array<real>;
@group(0) @binding(2) var<storage, read> places: array<f32>;
@group(0) @binding(3) var<storage, read> weights: array<f32>;
@group(0) @binding(4) var<storage, read_write> output: array<real>;

@compute @workgroup_size(WORKGROUP)
fn main(thread: Thread) {
  let index = thread_number(thread);
  if (index >= sizes.length) {
    return;
  }
  let i = index % sizes.inner;
  let row = index / sizes.inner;
  let j = row % sizes.out_side;
  let first = row / sizes.out_side * sizes.side;
  var sum = 0.0;
  for (var t = 0u; t < sizes.taps; t++) {
    let place = i32(places[t * sizes.out_side + j]);
    var value = sizes.fill;
    if (place >= 0) {
      value = f32(input[(first + u32(place)) * sizes.inner + i]);
    }
    sum += weights[t * sizes.out_side + j] * value;
  }
  output[index] = real(sum);
}
