// Prepended, in place of gemm.wgsl, to the shaders that are one product of matrices, for devices that multiply matrices
// of 16 x 16 halves by themselves (matrices.wgsl). What the shader that follows declares is said in gemm.wgsl: it is
// the same text under both.
//
// A workgroup computes TILE_ROWS x TILE_COLUMNS numbers, walking along k in steps of TILE_INNER, as there. Its subgroups
// of 32 threads share the tile, SUBGROUP_ROWS x SUBGROUP_COLUMNS numbers each, in blocks of 16 x 16:
//
//                right_tile
//               +----+----+
//               |    |    |  TILE_INNER
//               +----+----+
//  +--------+   +----+----+
//  |        |   | 0  | 1  |  SUBGROUP_ROWS
//  |        |   +----+----+
//  |        |   | 2  | 3  |
//  +--------+   +----+----+
//   left_tile    SUBGROUP_COLUMNS
//
// The tiles hold numbers one by one, along m, o or k as they lie in memory: a matrix is taken either way. Each row of
// them is eight numbers longer than it has to be, so that the rows of a block lie in different banks of the memory. The
// sums have names, eight of them at most: in an array drivers keep them far from the tensor cores.
//
// Workgroup memory for matrices must have a size that the text says, so what describes a tile is not overridden but
// written before this text (see shaderSource): TILE_ROWS, TILE_COLUMNS, TILE_INNER, SUBGROUP_ROWS, SUBGROUP_COLUMNS.

const SUBGROUP = 32u;
const SUBGROUPS_ACROSS = TILE_COLUMNS / SUBGROUP_COLUMNS;
const SUBGROUPS = TILE_ROWS / SUBGROUP_ROWS * SUBGROUPS_ACROSS;
const THREADS = SUBGROUPS * SUBGROUP;
const BLOCKS_DOWN = SUBGROUP_ROWS / 16u;
const BLOCKS_ACROSS = SUBGROUP_COLUMNS / 16u;

// As in gemm.wgsl: vectors of four that a thread loads, where the matrix is not turned, and threads that load a block
// of four by four, where it is.
const LEFT_LOADS = TILE_ROWS * TILE_INNER / 4u / THREADS;
const RIGHT_LOADS = TILE_COLUMNS * TILE_INNER / 4u / THREADS;
const LEFT_BLOCKS = TILE_INNER / 4u * (TILE_ROWS / 4u);
const RIGHT_BLOCKS = TILE_INNER / 4u * (TILE_COLUMNS / 4u);

// Numbers from one row of a tile to the next: [m][k] where turned, else [k][m], and likewise of o.
const LEFT_STRIDE = select(TILE_ROWS, TILE_INNER, LEFT_TURNED) + 8u;
const RIGHT_STRIDE = select(TILE_COLUMNS, TILE_INNER, RIGHT_TURNED) + 8u;

var<workgroup> left_tile: array<real, LEFT_STRIDE * select(TILE_INNER, TILE_ROWS, LEFT_TURNED)>;
var<workgroup> right_tile: array<real, RIGHT_STRIDE * select(TILE_INNER, TILE_COLUMNS, RIGHT_TURNED)>;
var<workgroup> laid_out: array<f32, SUBGROUPS * 256u>; // a block of sums of each subgroup

struct Terms {
  begin: u32,
  end: u32,
}

// A position so far outside that the sum of two, or one and any other, is outside as well.
const OUTSIDE = -0x20000000;

// Where a load goes: the block of a turned matrix has four rows from local / (TILE_INNER / 4) * 4 on.
fn place_of_load(local: u32, slot: u32, width: u32, stride: u32, is_turned: bool) -> u32 {
  if (is_turned) {
    return (local / (TILE_INNER / 4u) * 4u + slot) * stride + local % (TILE_INNER / 4u) * 4u;
  }
  let load = local + slot * THREADS;
  return load / (width / 4u) * stride + load % (width / 4u) * 4u;
}

fn place_left(local: u32, slot: u32, load: real4) {
  let at = place_of_load(local, slot, TILE_ROWS, LEFT_STRIDE, LEFT_TURNED);
  left_tile[at] = load.x;
  left_tile[at + 1u] = load.y;
  left_tile[at + 2u] = load.z;
  left_tile[at + 3u] = load.w;
}

fn place_right(local: u32, slot: u32, load: real4) {
  let at = place_of_load(local, slot, TILE_COLUMNS, RIGHT_STRIDE, RIGHT_TURNED);
  right_tile[at] = load.x;
  right_tile[at + 1u] = load.y;
  right_tile[at + 2u] = load.z;
  right_tile[at + 3u] = load.w;
}

@compute @workgroup_size(THREADS)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
  subgroup: Subgroup,
  my_lane: Lane,
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

  let lane = lane_of(my_lane);
  let my_row = number_of(subgroup) / SUBGROUPS_ACROSS * SUBGROUP_ROWS;
  let my_column = number_of(subgroup) % SUBGROUPS_ACROSS * SUBGROUP_COLUMNS;

  var sums00: Sums; // of the upper left block
  var sums01: Sums;
  var sums10: Sums;
  var sums11: Sums;
  var sums20: Sums;
  var sums21: Sums;
  var sums30: Sums;
  var sums31: Sums;
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
      if (!LEFT_TURNED || local < LEFT_BLOCKS) {
        place_left(local, 0u, left0);
        if (LEFT_TURNED || LEFT_LOADS > 1u) {
          place_left(local, 1u, left1);
        }
        if (LEFT_TURNED || LEFT_LOADS > 2u) {
          place_left(local, 2u, left2);
          place_left(local, 3u, left3);
        }
      }
      if (!RIGHT_TURNED || local < RIGHT_BLOCKS) {
        place_right(local, 0u, right0);
        if (RIGHT_TURNED || RIGHT_LOADS > 1u) {
          place_right(local, 1u, right1);
        }
        if (RIGHT_TURNED || RIGHT_LOADS > 2u) {
          place_right(local, 2u, right2);
          place_right(local, 3u, right3);
        }
      }
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
    for (var k = 0u; k < TILE_INNER; k += 16u) {
      let right_near = right_matrix(right_start(my_column, k));
      var right_far: Right;
      if (BLOCKS_ACROSS > 1u) {
        right_far = right_matrix(right_start(my_column + 16u, k));
      }
      let block_row0 = left_matrix(left_start(my_row, k));
      sums00 = plus_product(sums00, block_row0, right_near, lane);
      if (BLOCKS_ACROSS > 1u) {
        sums01 = plus_product(sums01, block_row0, right_far, lane);
      }
      if (BLOCKS_DOWN > 1u) {
        let block_row1 = left_matrix(left_start(my_row + 16u, k));
        sums10 = plus_product(sums10, block_row1, right_near, lane);
        if (BLOCKS_ACROSS > 1u) {
          sums11 = plus_product(sums11, block_row1, right_far, lane);
        }
      }
      if (BLOCKS_DOWN > 2u) {
        let block_row2 = left_matrix(left_start(my_row + 32u, k));
        sums20 = plus_product(sums20, block_row2, right_near, lane);
        let block_row3 = left_matrix(left_start(my_row + 48u, k));
        sums30 = plus_product(sums30, block_row3, right_near, lane);
        if (BLOCKS_ACROSS > 1u) {
          sums21 = plus_product(sums21, block_row2, right_far, lane);
          sums31 = plus_product(sums31, block_row3, right_far, lane);
        }
      }
    }
  }

  let row = first_row + my_row;
  let column = first_column + my_column;
  store_block(part, row, column, number_of(subgroup), sums00, lane);
  if (BLOCKS_ACROSS > 1u) {
    store_block(part, row, column + 16u, number_of(subgroup), sums01, lane);
  }
  if (BLOCKS_DOWN > 1u) {
    store_block(part, row + 16u, column, number_of(subgroup), sums10, lane);
    if (BLOCKS_ACROSS > 1u) {
      store_block(part, row + 16u, column + 16u, number_of(subgroup), sums11, lane);
    }
  }
  if (BLOCKS_DOWN > 2u) {
    store_block(part, row + 32u, column, number_of(subgroup), sums20, lane);
    store_block(part, row + 48u, column, number_of(subgroup), sums30, lane);
    if (BLOCKS_ACROSS > 1u) {
      store_block(part, row + 32u, column + 16u, number_of(subgroup), sums21, lane);
      store_block(part, row + 48u, column + 16u, number_of(subgroup), sums31, lane);
    }
  }
}

// Where a block begins in a tile.
fn left_start(row: u32, k: u32) -> u32 {
  return select(k * LEFT_STRIDE + row, row * LEFT_STRIDE + k, LEFT_TURNED);
}

fn right_start(column: u32, k: u32) -> u32 {
  return select(k * RIGHT_STRIDE + column, column * RIGHT_STRIDE + k, RIGHT_TURNED);
}

// Only all threads together know a block's numbers: it is laid out in workgroup memory, for each to take eight of them.
fn store_block(part: u32, first_row: u32, first_column: u32, subgroup: u32, sums: Sums, lane: u32) {
  lay_out(subgroup * 256u, sums, lane);
  workgroupBarrier();
  let in_block = lane / 4u * 16u + lane % 4u * 4u;
  let row = first_row + lane / 4u;
  let column = first_column + lane % 4u * 4u;
  store(part, row, column, four_laid_out(subgroup * 256u + in_block));
  store(part, row + 8u, column, four_laid_out(subgroup * 256u + in_block + 128u));
  workgroupBarrier();
}

fn four_laid_out(at: u32) -> vec4f {
  return vec4f(laid_out[at], laid_out[at + 1u], laid_out[at + 2u], laid_out[at + 3u]);
}
