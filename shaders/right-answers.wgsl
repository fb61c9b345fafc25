// 1 where the logit at the label is larger than every other of its row, else 0: the smaller ones are counted, which
// must be all but itself. What is not a number is neither smaller nor has a smaller one. One workgroup a row.

struct Sizes {
  rows: u32,
  columns: u32,
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
  let label = u32(labels[row]);
  let own = logits[start + min(label, sizes.columns - 1u)]; // a label that is no class must not read outside

  var smaller = 0.0;
  for (var c = local; c < sizes.columns; c += THREADS) {
    smaller += select(0.0, 1.0, logits[start + c] < own);
  }
  smaller = sum_of(thread, smaller);

  if (local == 0u) {
    output[row] = select(0.0, 1.0, label < sizes.columns && smaller == f32(sizes.columns) - 1.0);
  }
}
