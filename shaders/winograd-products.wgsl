// M[xi] = V[xi] U[xi] for each of the sixteen places xi of a tile: the third step of Winograd's convolution
// (winograd.ts has the whole of it), as sixteen products of matrices:
//   part    xi
//   row     a tile
//   column  o             an output channel
//   inner   k = c         an input channel
// which gemm.wgsl computes.

struct Sizes {
  rows: u32,
  columns: u32,
  parts: u32,
  inner: u32,
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> tiles: array<Lanes>; // [parts, rows, inner]
@group(0) @binding(2) var<storage, read> filters: array<Lanes>; // [parts, inner, columns] or, turned, [parts, columns, inner]
@group(0) @binding(3) var<storage, read_write> output: array<Lanes>; // [parts, rows, columns]

const LEFT_TURNED = true;
override RIGHT_TURNED = false;

// A thread loads four k of four rows. Of the columns it loads the same where they are turned too, else four of them
// from every RIGHT_LOADS-th k.
var<private> left_row: u32;
var<private> left_k: u32;
var<private> right_column: u32;
var<private> right_k: u32;
var<private> place: u32;

fn terms_of(part: u32) -> Terms {
  return Terms(0u, sizes.inner);
}

fn begin(local: u32, part: u32, first_row: u32, first_column: u32, first_k: u32) {
  let across = TILE_INNER / 4u;
  left_row = first_row + local / across * 4u;
  left_k = first_k + local % across * 4u;
  if (RIGHT_TURNED) {
    right_column = first_column + local / across * 4u;
    right_k = left_k;
  } else {
    right_column = first_column + local % (TILE_COLUMNS / 4u) * 4u;
    right_k = first_k + local / (TILE_COLUMNS / 4u);
  }
  place = part;
}

fn advance() {
  left_k += TILE_INNER;
  right_k += TILE_INNER;
}

fn left_at(slot: u32) -> real4 {
  let row = left_row + slot;
  let is_inside = (left_k < sizes.inner) & (row < sizes.rows);
  let index = ((place * sizes.rows + row) * sizes.inner + left_k) / LANES;
  return select(real4(), real4(tiles[select(0u, index, is_inside)]), is_inside);
}

fn right_at(slot: u32) -> real4 {
  let k = select(right_k + slot * (THREADS / (TILE_COLUMNS / 4u)), right_k, RIGHT_TURNED);
  let column = select(right_column, right_column + slot, RIGHT_TURNED);
  let is_inside = (k < sizes.inner) & (column < sizes.columns);
  let in_place = select(k * sizes.columns + column, column * sizes.inner + k, RIGHT_TURNED);
  let index = (place * sizes.inner * sizes.columns + in_place) / LANES;
  return select(real4(), real4(filters[select(0u, index, is_inside)]), is_inside);
}

fn store(part: u32, row: u32, column: u32, sums: vec4f) {
  if (row < sizes.rows && column < sizes.columns) {
    output[((part * sizes.rows + row) * sizes.columns + column) / LANES] = lanes_of(real4(sums));
  }
}

fn store_moments(tile: u32, column: u32, mean: vec4f, variance: vec4f) {}
