// y[o, i] = x[o, start + i]: columns `start` and following of a matrix [outer, total], as a matrix [outer, inner]

struct Sizes {
  length: u32,
  inner: u32,
  total: u32,
  start: u32,
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> input: array<real>;
@group(0) @binding(2) var<storage, read_write> output: array<real>;

@compute @workgroup_size(WORKGROUP)
fn main(thread: Thread) {
  let i = thread_number(thread);
  if (i >= sizes.length) {
    return;
  }
  output[i] = input[i / sizes.inner * sizes.total + sizes.start + i % sizes.inner];
}
