// y = exp(x - max) / sum of the same, over each row.
// One workgroup a row: each thread folds every 64th number, then the threads' results are folded as a tree.

const THREADS = 64u;

struct Sizes {
  rows: u32,
  columns: u32,
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> input: array<f32>;
@group(0) @binding(2) var<storage, read_write> output: array<f32>;

var<workgroup> partial: array<f32, THREADS>;

@compute @workgroup_size(THREADS)
fn main(thread: Thread) {
  // The workgroups past the last row compute it once more, since all threads must reach the barriers together.
  let start = min(workgroup_number(thread), sizes.rows - 1u) * sizes.columns;
  let local = thread.local;

  var largest = -3.4028234e38;
  for (var c = local; c < sizes.columns; c += THREADS) {
    largest = max(largest, input[start + c]);
  }
  partial[local] = largest;
  for (var half = THREADS / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (local < half) {
      partial[local] = max(partial[local], partial[local + half]);
    }
  }
  workgroupBarrier();
  largest = partial[0];
  workgroupBarrier(); // everyone has read it before it is overwritten

  var sum = 0.0;
  for (var c = local; c < sizes.columns; c += THREADS) {
    sum += exp(input[start + c] - largest);
  }
  partial[local] = sum;
  for (var half = THREADS / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (local < half) {
      partial[local] += partial[local + half];
    }
  }
  workgroupBarrier();
  sum = partial[0];

  for (var c = local; c < sizes.columns; c += THREADS) {
    output[start + c] = exp(input[start + c] - largest) / sum;
  }
}
