// dz = dloss * (softmax(z) - t) over each row, t being 1 - smoothing at the label plus smoothing / columns everywhere.
// One workgroup a row.

struct Sizes {
  rows: u32,
  columns: u32,
  smoothing: f32,
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> logits: array<f32>;
@group(0) @binding(2) var<storage, read> labels: array<f32>;
@group(0) @binding(3) var<storage, read> output_gradient: array<f32>;
@group(0) @binding(4) var<storage, read_write> output: array<f32>;

@compute @workgroup_size(THREADS)
fn main(thread: RowThread) {
  let local = thread.local;
  let row = row_of(thread, sizes.rows);
  let start = row * sizes.columns;

  var largest = -3.4028234e38;
  for (var c = local; c < sizes.columns; c += THREADS) {
    largest = max(largest, logits[start + c]);
  }
  largest = largest_of(thread, largest);

  var sum = 0.0;
  for (var c = local; c < sizes.columns; c += THREADS) {
    sum += exp(logits[start + c] - largest);
  }
  sum = sum_of(thread, sum);

  let label = u32(labels[row]);
  let everywhere = sizes.smoothing / f32(sizes.columns);
  for (var c = local; c < sizes.columns; c += THREADS) {
    let t = everywhere + select(0.0, 1.0 - sizes.smoothing, c == label);
    output[start + c] = output_gradient[row] * (exp(logits[start + c] - largest) / sum - t);
  }
}
