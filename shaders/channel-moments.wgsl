// output[part] = [means, variances] of the channels over the rows of the part.
//
// A difference of two large sums would lose the variance where the mean is large. Instead moments are merged, two sets
// of numbers at a time (Chan, Golub and LeVeque): with d = mean_b - mean_a and n = n_a + n_b,
//   mean = mean_a + d * n_b / n,   squares = squares_a + squares_b + d^2 * n_a * n_b / n,   variance = squares / n
// where squares is the sum of (x - mean)^2. A single number is a set, too: n = 1, squares = 0.
//
// The workgroups are those of reduction.wgsl: a grid of threads `across` wide, each thread merging down its column,
// the grid then folded in half until one row is left. If there are several parts, a second dispatch merges what they
// store: its rows are sets of `set_size` numbers, the last of what is left of `total`.

struct Sizes {
  rows: u32,
  columns: u32,
  share: u32,
  across: u32,
  total: u32,
  set_size: u32, // 1 where the rows are the numbers themselves
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> input: array<Lanes>;
@group(0) @binding(2) var<storage, read_write> output: array<Numbers>;

struct Moments {
  count: f32,
  mean: Numbers,
  squares: Numbers,
}

fn merged(a: Moments, b: Moments) -> Moments {
  let count = a.count + b.count;
  let share = b.count / max(count, 1.0);
  let d = b.mean - a.mean;
  return Moments(count, a.mean + d * share, a.squares + b.squares + d * d * a.count * share);
}

fn moments_of(row: u32, column: u32) -> Moments {
  if (sizes.set_size == 1u) {
    return Moments(1.0, Numbers(input[row * sizes.columns + column]), Numbers(0.0));
  }
  let count = f32(min(sizes.set_size, sizes.total - row * sizes.set_size));
  let start = row * 2u * sizes.columns + column;
  return Moments(count, Numbers(input[start]), Numbers(input[start + sizes.columns]) * count);
}

var<workgroup> grid: array<Moments, WORKGROUP>;

@compute @workgroup_size(WORKGROUP)
fn main(thread: Thread) {
  let local = thread.local;
  let groups_across = (sizes.columns + sizes.across - 1u) / sizes.across;
  let part = workgroup_number(thread) / groups_across;
  let column = workgroup_number(thread) % groups_across * sizes.across + local % sizes.across;
  let down = WORKGROUP / sizes.across;

  let begin = part * sizes.share;
  let end = min(begin + sizes.share, sizes.rows);
  var moments = Moments();
  if (column < sizes.columns) {
    for (var row = begin + local / sizes.across; row < end; row += down) {
      moments = merged(moments, moments_of(row, column));
    }
  }
  grid[local] = moments;
  for (var half = WORKGROUP / 2u; half >= sizes.across; half /= 2u) {
    workgroupBarrier();
    if (local < half) {
      grid[local] = merged(grid[local], grid[local + half]);
    }
  }
  if (local < sizes.across && column < sizes.columns && begin < sizes.rows) {
    let start = part * 2u * sizes.columns + column;
    output[start] = grid[local].mean;
    output[start + sizes.columns] = grid[local].squares / grid[local].count;
  }
}
