// Prepended to the shaders in which one workgroup computes one row: each thread folds every 64th number of the row,
// then the threads' results are folded as a tree, here. rows-subgroups.wgsl is the same for devices with subgroups.

const THREADS = 64u;

alias RowThread = Thread;

var<workgroup> results: array<f32, THREADS>;

// The sum of what the threads give, handed to all of them.
fn sum_of(thread: RowThread, mine: f32) -> f32 {
  let local = thread.local;
  workgroupBarrier(); // everyone has read the result before this one
  results[local] = mine;
  for (var half = THREADS / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (local < half) {
      results[local] += results[local + half];
    }
  }
  workgroupBarrier();
  return results[0];
}

fn largest_of(thread: RowThread, mine: f32) -> f32 {
  let local = thread.local;
  workgroupBarrier();
  results[local] = mine;
  for (var half = THREADS / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (local < half) {
      results[local] = max(results[local], results[local + half]);
    }
  }
  workgroupBarrier();
  return results[0];
}

// The workgroups past the last row compute it once more, since all threads must reach the barriers together.
fn row_of(thread: RowThread, rows: u32) -> u32 {
  return min(workgroup_number(thread), rows - 1u);
}
