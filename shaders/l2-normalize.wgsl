// y = x / max(|x|, epsilon), |x| the Euclidean length of each row.
// One workgroup a row: each thread sums every 64th square, then the threads' sums are added as a tree.

const THREADS = 64u;

struct Sizes {
  rows: u32,
  columns: u32,
  epsilon: f32,
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

  var sum = 0.0;
  for (var c = local; c < sizes.columns; c += THREADS) {
    sum += input[start + c] * input[start + c];
  }
  partial[local] = sum;
  for (var half = THREADS / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (local < half) {
      partial[local] += partial[local + half];
    }
  }
  workgroupBarrier();
  let length = max(sqrt(partial[0]), sizes.epsilon);

  for (var c = local; c < sizes.columns; c += THREADS) {
    output[start + c] = input[start + c] / length;
  }
}
