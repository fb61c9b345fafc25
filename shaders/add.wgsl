// y[i] = f(left[i] + right[i mod right_length])

struct Sizes {
  length: u32,
  right_length: u32,
  slope: f32,
  ceiling: f32,
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> left: array<Lanes>;
@group(0) @binding(2) var<storage, read> right: array<Lanes>;
@group(0) @binding(3) var<storage, read_write> output: array<Lanes>;

@compute @workgroup_size(WORKGROUP)
fn main(thread: Thread) {
  let i = thread_number(thread);
  if (i >= sizes.length) {
    return;
  }
  let sum = Numbers(left[i]) + Numbers(right[i % sizes.right_length]);
  output[i] = Lanes(activate_all(sum, sizes.slope, sizes.ceiling));
}
