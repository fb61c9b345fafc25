// mean = kept * mean + mean_share * moments[0], variance = kept * variance + variance_share * moments[1], both in place

struct Sizes {
  channels: u32,
  kept: f32,
  mean_share: f32,
  variance_share: f32,
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> moments: array<f32>;
@group(0) @binding(2) var<storage, read_write> mean: array<f32>;
@group(0) @binding(3) var<storage, read_write> variance: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(thread: Thread) {
  let c = thread_number(thread);
  if (c >= sizes.channels) {
    return;
  }
  mean[c] = sizes.kept * mean[c] + sizes.mean_share * moments[c];
  variance[c] = sizes.kept * variance[c] + sizes.variance_share * moments[sizes.channels + c];
}
