// y = x / max(|x|, epsilon), |x| the Euclidean length of each row. One workgroup a row.

struct Sizes {
  rows: u32,
  columns: u32,
  epsilon: f32,
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> input: array<real>;
@group(0) @binding(2) var<storage, read_write> output: array<real>;

@compute @workgroup_size(THREADS)
fn main(thread: RowThread) {
  let local = thread.local;
  let start = row_of(thread, sizes.rows) * sizes.columns;

  var squares = 0.0;
  for (var c = local; c < sizes.columns; c += THREADS) {
    let x = f32(input[start + c]);
    squares += x * x;
  }
  let length = max(sqrt(sum_of(thread, squares)), sizes.epsilon);

  for (var c = local; c < sizes.columns; c += THREADS) {
    output[start + c] = real(f32(input[start + c]) / length);
  }
}
