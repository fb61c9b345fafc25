// Prepended to the shaders that are one product of matrices: this is the product, they say where its numbers come
// from and where they go. Row m of the left matrix times column o of the right one, summed over k.
//
// A workgroup computes TILE_ROWS x TILE_COLUMNS numbers of the product. It walks along k in steps of TILE_INNER: its
// threads put a tile of the left matrix and a tile of the right one into workgroup memory, each number once, then each
// thread multiplies its four to sixteen rows with its four or eight columns, in registers. What the next step needs is
// fetched before the step's products are made: memory answers while the thread multiplies.
//
//           +-------------+
//         k |             | TILE_INNER      right_tile[k][o / 4]: a vec4f holds four columns of one k
//           +-------------+
//     k            o
//  +-----+  +-------------+
//  |     |  |    sums     | TILE_ROWS       left_tile[k][m / 4]: a vec4f holds four rows of one k
//  +-----+  +-------------+
//            TILE_COLUMNS
//
// Two vectors of each tile give 64 products. Where there are too few tiles to fill a card, SLICES groups of threads
// share the k of a step, and their sums are added up in the end, always in the same order.
//
// The workgroups come in parts, each with all tiles of a product of its own: shares of a long sum, say.
// The shader that follows declares
//   sizes.rows, sizes.columns, sizes.parts           rows and columns of the largest part
//   const LEFT_TURNED, const RIGHT_TURNED            whether the matrix lies in memory along k, not along m or o
//   fn terms_of(part) -> Terms                       the k that are summed
//   fn begin(local, part, first_row, first_column, first_k)   finds out where this thread's loads are
//   fn left_at(slot) -> real4                        the thread's load number `slot`, zeros outside the matrix:
//                                                    four rows of one k, or, turned, four k of row `slot` of its block
//   fn right_at(slot) -> real4                       the same of columns
//   fn advance()                                     moves all loads on by TILE_INNER
//   fn store(part, row, column, sums)                takes four columns of a row, or less at the edge
//   fn store_moments(tile, column, mean, variance)    takes those of four columns over the rows of a tile, if MOMENTS
//
// Each comes in two forms: after lanes-4.wgsl, where all channels are multiples of four, and after lanes-1.wgsl.

override TILE_ROWS = 32u; // a multiple of 4
override TILE_COLUMNS = 32u; // a multiple of 4
override TILE_INNER = 16u; // a multiple of 4
override ROWS_PER_THREAD = 4u; // 4, 8 or 16
override COLUMN_VECTORS = 1u; // vectors of four columns that a thread computes: 1 or 2
override SLICES = 1u; // a power of two; several only where a thread computes 4 x 4 numbers

override MOMENTS = false; // whether the product is followed by moments; there is one part then

override SLICE_THREADS = TILE_ROWS / ROWS_PER_THREAD * (TILE_COLUMNS / 4u / COLUMN_VECTORS);
override THREADS = SLICE_THREADS * SLICES;
// Vectors of each tile that a thread loads, 1, 2 or 4, where the matrix is not turned.
override LEFT_LOADS = TILE_ROWS * TILE_INNER / 4u / THREADS;
override RIGHT_LOADS = TILE_COLUMNS * TILE_INNER / 4u / THREADS;
// Where it is turned, the first threads load a block of four by four numbers each. There are not more than threads.
override LEFT_BLOCKS = TILE_INNER / 4u * (TILE_ROWS / 4u);
override RIGHT_BLOCKS = TILE_INNER / 4u * (TILE_COLUMNS / 4u);

var<workgroup> left_tile: array<vec4f, TILE_INNER * (TILE_ROWS / 4u)>;
var<workgroup> right_tile: array<vec4f, TILE_INNER * (TILE_COLUMNS / 4u)>;

struct Terms {
  begin: u32,
  end: u32,
}

// A position so far outside that the sum of two, or one and any other, is outside as well.
const OUTSIDE = -0x20000000;

fn place_left(local: u32, load0: real4, load1: real4, load2: real4, load3: real4) {
  if (!LEFT_TURNED) {
    left_tile[local] = vec4f(load0);
    if (LEFT_LOADS > 1u) {
      left_tile[local + THREADS] = vec4f(load1);
    }
    if (LEFT_LOADS > 2u) {
      left_tile[local + 2u * THREADS] = vec4f(load2);
      left_tile[local + 3u * THREADS] = vec4f(load3);
    }
  } else if (local < LEFT_BLOCKS) {
    let block = transpose(mat4x4f(vec4f(load0), vec4f(load1), vec4f(load2), vec4f(load3)));
    let across = TILE_ROWS / 4u;
    let to = local % (TILE_INNER / 4u) * 4u * across + local / (TILE_INNER / 4u);
    left_tile[to] = block[0];
    left_tile[to + across] = block[1];
    left_tile[to + 2u * across] = block[2];
    left_tile[to + 3u * across] = block[3];
  }
}

fn place_right(local: u32, load0: real4, load1: real4, load2: real4, load3: real4) {
  if (!RIGHT_TURNED) {
    right_tile[local] = vec4f(load0);
    if (RIGHT_LOADS > 1u) {
      right_tile[local + THREADS] = vec4f(load1);
    }
    if (RIGHT_LOADS > 2u) {
      right_tile[local + 2u * THREADS] = vec4f(load2);
      right_tile[local + 3u * THREADS] = vec4f(load3);
    }
  } else if (local < RIGHT_BLOCKS) {
    let block = transpose(mat4x4f(vec4f(load0), vec4f(load1), vec4f(load2), vec4f(load3)));
    let across = TILE_COLUMNS / 4u;
    let to = local % (TILE_INNER / 4u) * 4u * across + local / (TILE_INNER / 4u);
    right_tile[to] = block[0];
    right_tile[to + across] = block[1];
    right_tile[to + 2u * across] = block[2];
    right_tile[to + 3u * across] = block[3];
  }
}

// Four rows by four columns more: the product of a column of the left tile by a row of the right one.
fn plus_product(sums: mat4x4f, x: vec4f, y: vec4f) -> mat4x4f {
  return mat4x4f(
    fma(vec4f(x.x), y, sums[0]),
    fma(vec4f(x.y), y, sums[1]),
    fma(vec4f(x.z), y, sums[2]),
    fma(vec4f(x.w), y, sums[3]),
  );
}

// The sums of all slices, in those of the first: the upper half is added to the lower one until one is left. They meet in
// the right tile, which nobody needs any more: SLICES / 2 * TILE_ROWS is not more than TILE_INNER.
fn slices_added(local: u32, mine: mat4x4f) -> mat4x4f {
  var sums = mine;
  let in_slice = local % SLICE_THREADS * 4u;
  let slice = local / SLICE_THREADS;
  for (var half = SLICES / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (slice >= half && slice < 2u * half) {
      let at = (slice - half) * SLICE_THREADS * 4u + in_slice;
      right_tile[at] = sums[0];
      right_tile[at + 1u] = sums[1];
      right_tile[at + 2u] = sums[2];
      right_tile[at + 3u] = sums[3];
    }
    workgroupBarrier();
    if (slice < half) {
      let at = slice * SLICE_THREADS * 4u + in_slice;
      sums += mat4x4f(right_tile[at], right_tile[at + 1u], right_tile[at + 2u], right_tile[at + 3u]);
    }
  }
  return sums;
}

fn store_block(part: u32, row: u32, column: u32, sums: mat4x4f) {
  for (var r = 0u; r < 4u; r++) {
    store(part, row + r, column, sums[r]);
  }
}

// Sums over all rows of the tile, out of those that each thread has over its own: a row of threads puts theirs into
// the left tile, which nobody needs any more, and whoever wants the sums of a column goes down it. MOMENTS need room for
// TILE_ROWS / ROWS_PER_THREAD rows of sums: ROWS_PER_THREAD * TILE_INNER is not less than TILE_COLUMNS.
fn share_sums(local: u32, row: u32, column: u32, columns_apart: u32, near: vec4f, far: vec4f) {
  workgroupBarrier();
  if (local < SLICE_THREADS) {
    left_tile[row * (TILE_COLUMNS / 4u) + column] = near;
    if (COLUMN_VECTORS > 1u) {
      left_tile[row * (TILE_COLUMNS / 4u) + column + columns_apart] = far;
    }
  }
  workgroupBarrier();
}

fn shared_sum(column: u32) -> vec4f {
  var sum = vec4f();
  for (var row = 0u; row < TILE_ROWS / ROWS_PER_THREAD; row++) {
    sum += left_tile[row * (TILE_COLUMNS / 4u) + column];
  }
  return sum;
}

fn rows_added(numbers: mat4x4f) -> vec4f {
  return numbers[0] + numbers[1] + numbers[2] + numbers[3];
}

// Of four rows, those among the first `count` of the tile.
fn squares(numbers: mat4x4f, mean: vec4f, row: u32, count: u32) -> vec4f {
  return square(numbers[0], mean, row < count)
    + square(numbers[1], mean, row + 1u < count)
    + square(numbers[2], mean, row + 2u < count)
    + square(numbers[3], mean, row + 3u < count);
}

fn square(numbers: vec4f, mean: vec4f, counts: bool) -> vec4f {
  let d = numbers - mean;
  return select(vec4f(), d * d, counts);
}

// The number of the workgroup comes by itself, not in a struct with the number of the thread: only so can a compiler
// see that all threads of a workgroup walk along the same k and reach the barriers together. What a thread sums up and
// has fetched are variables here, with names: in arrays, or handed to functions and back, drivers keep them worse.
@compute @workgroup_size(THREADS)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let number = group.y * groups.x + group.x;
  let tiles_across = (sizes.columns + TILE_COLUMNS - 1u) / TILE_COLUMNS;
  let tiles_down = (sizes.rows + TILE_ROWS - 1u) / TILE_ROWS;
  let part = number / tiles_across / tiles_down;
  if (part >= sizes.parts) {
    return;
  }
  let first_row = number / tiles_across % tiles_down * TILE_ROWS;
  let first_column = number % tiles_across * TILE_COLUMNS;
  let terms = terms_of(part);

  // Where this thread's numbers begin in the tiles, counted in vectors.
  let in_slice = local % SLICE_THREADS;
  let slice_k = local / SLICE_THREADS * (TILE_INNER / SLICES);
  let my_column = in_slice % (TILE_COLUMNS / 4u / COLUMN_VECTORS);
  let my_row = in_slice / (TILE_COLUMNS / 4u / COLUMN_VECTORS);
  let left_start = slice_k * (TILE_ROWS / 4u) + my_row;
  let right_start = slice_k * (TILE_COLUMNS / 4u) + my_column;
  let rows_apart = TILE_ROWS / ROWS_PER_THREAD; // from one four of the thread's rows to the next, in vectors
  let columns_apart = TILE_COLUMNS / 4u / COLUMN_VECTORS;

  var near0: mat4x4f;
  var near1: mat4x4f;
  var near2: mat4x4f;
  var near3: mat4x4f;
  var far0: mat4x4f;
  var far1: mat4x4f;
  var far2: mat4x4f;
  var far3: mat4x4f;
  var left0: real4;
  var left1: real4;
  var left2: real4;
  var left3: real4;
  var right0: real4;
  var right1: real4;
  var right2: real4;
  var right3: real4;

  begin(local, part, first_row, first_column, terms.begin);
  // One step more than there are products: the first only fetches, and nothing is fetched for the one after the last.
  for (var first_k = terms.begin; first_k < terms.end + TILE_INNER; first_k += TILE_INNER) {
    let is_first = first_k == terms.begin;
    if (!is_first) {
      workgroupBarrier(); // all have read the step before
      place_left(local, left0, left1, left2, left3);
      place_right(local, right0, right1, right2, right3);
      workgroupBarrier();
    }
    if (first_k < terms.end) {
      if (!is_first) {
        advance();
      }
      if (!LEFT_TURNED || local < LEFT_BLOCKS) {
        left0 = left_at(0u);
        if (LEFT_TURNED || LEFT_LOADS > 1u) {
          left1 = left_at(1u);
        }
        if (LEFT_TURNED || LEFT_LOADS > 2u) {
          left2 = left_at(2u);
          left3 = left_at(3u);
        }
      }
      if (!RIGHT_TURNED || local < RIGHT_BLOCKS) {
        right0 = right_at(0u);
        if (RIGHT_TURNED || RIGHT_LOADS > 1u) {
          right1 = right_at(1u);
        }
        if (RIGHT_TURNED || RIGHT_LOADS > 2u) {
          right2 = right_at(2u);
          right3 = right_at(3u);
        }
      }
    }
    if (is_first) {
      continue;
    }
    for (var k = 0u; k < TILE_INNER / SLICES; k++) {
      let left = left_start + k * (TILE_ROWS / 4u);
      let right = right_start + k * (TILE_COLUMNS / 4u);
      let x0 = left_tile[left];
      let y = right_tile[right];
      near0 = plus_product(near0, x0, y);
      if (ROWS_PER_THREAD > 4u) {
        near1 = plus_product(near1, left_tile[left + rows_apart], y);
      }
      if (ROWS_PER_THREAD > 8u) {
        near2 = plus_product(near2, left_tile[left + 2u * rows_apart], y);
        near3 = plus_product(near3, left_tile[left + 3u * rows_apart], y);
      }
      if (COLUMN_VECTORS > 1u) {
        let z = right_tile[right + columns_apart];
        far0 = plus_product(far0, x0, z);
        if (ROWS_PER_THREAD > 4u) {
          far1 = plus_product(far1, left_tile[left + rows_apart], z);
        }
        if (ROWS_PER_THREAD > 8u) {
          far2 = plus_product(far2, left_tile[left + 2u * rows_apart], z);
          far3 = plus_product(far3, left_tile[left + 3u * rows_apart], z);
        }
      }
    }
  }

  if (SLICES > 1u) {
    near0 = slices_added(local, near0);
  }
  if (MOMENTS) {
    // In two passes: the mean first, then the squares of what differs from it. Rows past the last are sums of zeros.
    let count = min(TILE_ROWS, sizes.rows - first_row);
    let near = rows_added(near0) + rows_added(near1) + rows_added(near2) + rows_added(near3);
    let far = rows_added(far0) + rows_added(far1) + rows_added(far2) + rows_added(far3);
    share_sums(local, my_row, my_column, columns_apart, near, far);
    let near_mean = shared_sum(my_column) / f32(count);
    var far_mean = vec4f();
    if (COLUMN_VECTORS > 1u) {
      far_mean = shared_sum(my_column + columns_apart) / f32(count);
    }
    let my_first = 4u * my_row;
    var near_squares = squares(near0, near_mean, my_first, count);
    var far_squares = squares(far0, far_mean, my_first, count);
    if (ROWS_PER_THREAD > 4u) {
      near_squares += squares(near1, near_mean, my_first + 4u * rows_apart, count);
      far_squares += squares(far1, far_mean, my_first + 4u * rows_apart, count);
    }
    if (ROWS_PER_THREAD > 8u) {
      near_squares += squares(near2, near_mean, my_first + 8u * rows_apart, count);
      near_squares += squares(near3, near_mean, my_first + 12u * rows_apart, count);
      far_squares += squares(far2, far_mean, my_first + 8u * rows_apart, count);
      far_squares += squares(far3, far_mean, my_first + 12u * rows_apart, count);
    }
    share_sums(local, my_row, my_column, columns_apart, near_squares, far_squares);
    if (local < SLICE_THREADS && my_row == 0u) {
      let tile = first_row / TILE_ROWS;
      let columns = first_column + 4u * my_column;
      store_moments(tile, columns, near_mean, shared_sum(my_column) / f32(count));
      if (COLUMN_VECTORS > 1u) {
        let far_sum = shared_sum(my_column + columns_apart);
        store_moments(tile, columns + 4u * columns_apart, far_mean, far_sum / f32(count));
      }
    }
  }
  if (local >= SLICE_THREADS) {
    return;
  }
  let row = first_row + 4u * my_row;
  let column = first_column + 4u * my_column;
  store_block(part, row, column, near0);
  if (ROWS_PER_THREAD > 4u) {
    store_block(part, row + 4u * rows_apart, column, near1);
  }
  if (ROWS_PER_THREAD > 8u) {
    store_block(part, row + 8u * rows_apart, column, near2);
    store_block(part, row + 12u * rows_apart, column, near3);
  }
  if (COLUMN_VECTORS > 1u) {
    let far_column = column + 4u * columns_apart;
    store_block(part, row, far_column, far0);
    if (ROWS_PER_THREAD > 4u) {
      store_block(part, row + 4u * rows_apart, far_column, far1);
    }
    if (ROWS_PER_THREAD > 8u) {
      store_block(part, row + 8u * rows_apart, far_column, far2);
      store_block(part, row + 12u * rows_apart, far_column, far3);
    }
  }
}
