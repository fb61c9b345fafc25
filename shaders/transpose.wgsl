// y[i, j] = x[j, i]: a matrix [columns, rows] written as [rows, columns]

struct Sizes {
  length: u32,
  rows: u32,
  columns: u32,
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> input: array<f32>;
@group(0) @binding(2) var<storage, read_write> output: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(thread: Thread) {
  let i = thread_number(thread);
  if (i >= sizes.length) {
    return;
  }
  output[i] = input[i % sizes.columns * sizes.rows + i / sizes.columns];
}
