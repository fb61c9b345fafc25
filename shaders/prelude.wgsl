// Prepended to every shader, after storage-f32.wgsl or storage-f16.wgsl.

// Threads in a workgroup where each thread computes one number.
const WORKGROUP = 256u;

struct Thread {
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
}

// One dimension may have 65,535 workgroups only, so they come folded into columns and rows.
fn workgroup_number(thread: Thread) -> u32 {
  return thread.group.y * thread.groups.x + thread.group.x;
}

fn thread_number(thread: Thread) -> u32 {
  return workgroup_number(thread) * WORKGROUP + thread.local;
}

// What is not a number stays so, which min() and max() do not promise.
fn activate(z: f32, slope: f32, ceiling: f32) -> f32 {
  let y = select(slope * z, z, z > 0.0);
  return select(y, ceiling, y > ceiling);
}

// Where a number lies in an image [batch, height, width, channels].
struct Place {
  n: u32,
  i: u32,
  j: u32,
  c: u32,
}

fn place_of(index: u32, height: u32, width: u32, channels: u32) -> Place {
  let pixel = index / channels;
  let row = pixel / width;
  return Place(row / height, row % height, pixel % width, index % channels);
}
