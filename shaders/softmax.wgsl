// y = exp(x - max) / sum of the same, over each row. One workgroup a row.

struct Sizes {
  rows: u32,
  columns: u32,
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> input: array<real>;
@group(0) @binding(2) var<storage, read_write> output: array<real>;

@compute @workgroup_size(THREADS)
fn main(thread: RowThread) {
  let local = thread.local;
  let start = row_of(thread, sizes.rows) * sizes.columns;

  var largest = -3.4028234e38;
  for (var c = local; c < sizes.columns; c += THREADS) {
    largest = max(largest, f32(input[start + c]));
  }
  largest = largest_of(thread, largest);

  var sum = 0.0;
  for (var c = local; c < sizes.columns; c += THREADS) {
    sum += exp(f32(input[start + c]) - largest);
  }
  sum = sum_of(thread, sum);

  for (var c = local; c < sizes.columns; c += THREADS) {
    output[start + c] = real(exp(f32(input[start + c]) - largest) / sum);
  }
}
