// With n = |x| and y = x / n: dx = (dy - y * sum(dy * y)) / n where n > epsilon, dy / epsilon elsewhere.
// One workgroup a row.

struct Sizes {
  rows: u32,
  columns: u32,
  epsilon: f32,
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> input: array<f32>;
@group(0) @binding(2) var<storage, read> output_gradient: array<f32>;
@group(0) @binding(3) var<storage, read_write> output: array<f32>;

@compute @workgroup_size(THREADS)
fn main(thread: RowThread) {
  let local = thread.local;
  let start = row_of(thread, sizes.rows) * sizes.columns;

  var squares = 0.0;
  for (var c = local; c < sizes.columns; c += THREADS) {
    squares += input[start + c] * input[start + c];
  }
  let length = sqrt(sum_of(thread, squares));
  let divisor = max(length, sizes.epsilon);

  var product = 0.0;
  for (var c = local; c < sizes.columns; c += THREADS) {
    product += output_gradient[start + c] * (input[start + c] / divisor);
  }
  product = sum_of(thread, product);
  if (length <= sizes.epsilon) {
    product = 0.0; // the length is held at epsilon: it does not depend on x
  }

  for (var c = local; c < sizes.columns; c += THREADS) {
    output[start + c] = (output_gradient[start + c] - input[start + c] / divisor * product) / divisor;
  }
}
