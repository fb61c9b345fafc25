// y = f(x) for every number

struct Sizes {
  length: u32,
  slope: f32,
  ceiling: f32,
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> input: array<Lanes>;
@group(0) @binding(2) var<storage, read_write> output: array<Lanes>;

@compute @workgroup_size(WORKGROUP)
fn main(thread: Thread) {
  let i = thread_number(thread);
  if (i >= sizes.length) {
    return;
  }
  output[i] = Lanes(activate_all(Numbers(input[i]), sizes.slope, sizes.ceiling));
}
