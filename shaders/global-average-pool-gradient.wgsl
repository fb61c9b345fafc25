// dx[n, position, c] = dy[n, c] / positions

struct Sizes {
  length: u32,
  positions: u32,
  channels: u32,
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> output_gradient: array<real>;
@group(0) @binding(2) var<storage, read_write> output: array<real>;

@compute @workgroup_size(WORKGROUP)
fn main(thread: Thread) {
  let i = thread_number(thread);
  if (i >= sizes.length) {
    return;
  }
  let n = i / (sizes.positions * sizes.channels);
  output[i] = real(f32(output_gradient[n * sizes.channels + i % sizes.channels]) / f32(sizes.positions));
}
