// dx = y * (dy - sum(dy * y)) over each row, y the softmax. One workgroup a row.

struct Sizes {
  rows: u32,
  columns: u32,
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> softmax: array<f32>;
@group(0) @binding(2) var<storage, read> output_gradient: array<f32>;
@group(0) @binding(3) var<storage, read_write> output: array<f32>;

@compute @workgroup_size(THREADS)
fn main(thread: RowThread) {
  let local = thread.local;
  let start = row_of(thread, sizes.rows) * sizes.columns;

  var sum = 0.0;
  for (var c = local; c < sizes.columns; c += THREADS) {
    sum += output_gradient[start + c] * softmax[start + c];
  }
  sum = sum_of(thread, sum);

  for (var c = local; c < sizes.columns; c += THREADS) {
    output[start + c] = softmax[start + c] * (output_gradient[start + c] - sum);
  }
}
