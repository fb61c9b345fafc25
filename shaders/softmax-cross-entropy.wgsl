// loss = log(sum of e^(z - max)) - sum of t * (z - max) over each row, which is log(sum of e^(z - max)) + max - sum of
// t * z since the targets t sum to one, without the digits that max would cost. t is 1 - smoothing at the label plus
// smoothing / columns everywhere. One workgroup a row.

struct Sizes {
  rows: u32,
  columns: u32,
  smoothing: f32,
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> logits: array<f32>;
@group(0) @binding(2) var<storage, read> labels: array<f32>;
@group(0) @binding(3) var<storage, read_write> output: array<f32>;

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

  var exponentials = 0.0;
  var sum = 0.0;
  for (var c = local; c < sizes.columns; c += THREADS) {
    let z = logits[start + c] - largest;
    exponentials += exp(z);
    sum += z;
  }
  exponentials = sum_of(thread, exponentials);
  sum = sum_of(thread, sum);

  if (local == 0u) {
    let label = min(u32(labels[row]), sizes.columns - 1u); // a label that is no class must not read outside
    let at_label = logits[start + label] - largest;
    output[row] = log(exponentials) - (1.0 - sizes.smoothing) * at_label - sizes.smoothing / f32(sizes.columns) * sum;
  }
}
