// One part [outer, inner] of a joined tensor [outer, total], where it begins at column `start`.
// One thread a number of the part.

struct Sizes {
  outer: u32,
  inner: u32,
  total: u32,
  start: u32,
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> input: array<real>;
@group(0) @binding(2) var<storage, read_write> output: array<real>;

@compute @workgroup_size(WORKGROUP)
fn main(thread: Thread) {
  let index = thread_number(thread);
  let row = index / sizes.inner;
  if (row >= sizes.outer) {
    return;
  }
  output[row * sizes.total + sizes.start + index % sizes.inner] = input[index];
}
