// Prepended to the shaders that add up the rows of a matrix [rows, columns], in an order that is always the same.
//
// A workgroup adds up `across` (a power of two) neighbouring columns over the `share` rows of its part. Its threads
// form a grid, `across` wide: each thread goes down its column from row to row of the grid, then the grid is folded in
// half until one row is left. If there are several parts, sum-rows adds up what they store.
//
// The shader that follows declares
//   sizes.rows, sizes.columns, sizes.share, sizes.across
//   alias Sum                                  what is added up: f32 or a vector
//   fn term(row, column) -> Sum
//   fn store(part, column, sum)

var<workgroup> grid: array<Sum, WORKGROUP>;

@compute @workgroup_size(WORKGROUP)
fn main(thread: Thread) {
  let local = thread.local;
  let groups_across = (sizes.columns + sizes.across - 1u) / sizes.across;
  let part = workgroup_number(thread) / groups_across;
  let column = workgroup_number(thread) % groups_across * sizes.across + local % sizes.across;
  let down = WORKGROUP / sizes.across;

  let begin = part * sizes.share;
  let end = min(begin + sizes.share, sizes.rows);
  var sum = Sum();
  if (column < sizes.columns) {
    for (var row = begin + local / sizes.across; row < end; row += down) {
      sum += term(row, column);
    }
  }
  grid[local] = sum;
  for (var half = WORKGROUP / 2u; half >= sizes.across; half /= 2u) {
    workgroupBarrier();
    if (local < half) {
      grid[local] += grid[local + half];
    }
  }
  if (local < sizes.across && column < sizes.columns && begin < sizes.rows) {
    store(part, column, grid[local]);
  }
}
