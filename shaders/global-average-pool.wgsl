// y[n,c] = mean over all positions of x[n,position,c]
// One thread a number of the output. Neighbouring threads have neighbouring channels, hence neighbouring reads.

struct Sizes {
  batch: u32,
  positions: u32,
  channels: u32,
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> input: array<real>;
@group(0) @binding(2) var<storage, read_write> output: array<real>;

@compute @workgroup_size(WORKGROUP)
fn main(thread: Thread) {
  let index = thread_number(thread);
  let n = index / sizes.channels;
  if (n >= sizes.batch) {
    return;
  }
  let start = n * sizes.positions * sizes.channels + index % sizes.channels;
  var sum = 0.0;
  for (var position = 0u; position < sizes.positions; position++) {
    sum += f32(input[start + position * sizes.channels]);
  }
  output[index] = real(sum / f32(sizes.positions));
}
