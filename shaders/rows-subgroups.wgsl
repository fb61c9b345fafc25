// Takes the place of rows.wgsl where the device has subgroups: the threads of a subgroup, however many there are, fold
// among themselves, and only the subgroups meet in workgroup memory: two barriers in place of seven. The subgroups are
// folded in their order.

enable subgroups;

const THREADS = 64u;

struct RowThread {
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
  @builtin(subgroup_id) subgroup: u32,
  @builtin(num_subgroups) subgroups: u32,
}

var<workgroup> results: array<f32, THREADS>; // one for each subgroup, of which there may be as many as threads

// The sum of what the threads give, handed to all of them.
fn sum_of(thread: RowThread, mine: f32) -> f32 {
  let ours = subgroupAdd(mine);
  workgroupBarrier(); // everyone has read the results before these
  if (subgroupElect()) {
    results[thread.subgroup] = ours;
  }
  workgroupBarrier();
  var sum = results[0];
  for (var k = 1u; k < thread.subgroups; k++) {
    sum += results[k];
  }
  return sum;
}

fn largest_of(thread: RowThread, mine: f32) -> f32 {
  let ours = subgroupMax(mine);
  workgroupBarrier();
  if (subgroupElect()) {
    results[thread.subgroup] = ours;
  }
  workgroupBarrier();
  var largest = results[0];
  for (var k = 1u; k < thread.subgroups; k++) {
    largest = max(largest, results[k]);
  }
  return largest;
}

// The workgroups past the last row compute it once more, since all threads must reach the barriers together.
fn row_of(thread: RowThread, rows: u32) -> u32 {
  return min(thread.group.y * thread.groups.x + thread.group.x, rows - 1u);
}
