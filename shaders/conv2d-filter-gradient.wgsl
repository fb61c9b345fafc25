// dfilter[p,q,c,o] = sum over n,i,j of x[n, i*stride_y+p-top, j*stride_x+q-left, c] * dy[n,i,j,o]
//
// as a product of matrices that is small in rows and columns and very long in k:
//   row     m = (p * filter_width + q) * in_channels + c        a weight
//   column  o                                                   an output channel
//   inner   k = (n * out_height + i) * out_width + j            a position of dy
// So that all of the card has work, k is cut into parts of `share` positions. Each part stores a whole sum of its own,
// output[part][m][o], and sum-rows adds them up. Both have a fixed order: the same numbers every time.
//
// This is what gemm.wgsl computes.

struct Sizes {
  rows: u32,
  columns: u32,
  parts: u32,
  inner: u32,
  share: u32, // a multiple of TILE_INNER
  height: i32,
  width: i32,
  in_channels: u32,
  out_height: u32,
  out_width: u32,
  filter_width: u32,
  stride_y: u32,
  stride_x: u32,
  top: i32,
  left: i32,
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> input: array<Lanes>;
@group(0) @binding(2) var<storage, read> output_gradient: array<Lanes>;
@group(0) @binding(3) var<storage, read_write> output: array<Numbers>; // in full: sums, or parts of them

// The input lies in memory with c, hence m, running fastest.
const LEFT_TURNED = false;
const RIGHT_TURNED = false;

fn terms_of(part: u32) -> Terms {
  return Terms(part * sizes.share, min((part + 1u) * sizes.share, sizes.inner));
}

// What a row adds to the origin of a window.
struct Tap {
  y: i32,
  x: i32,
  channel: i32, // counted in LANES
}

// A position of dy.
struct Position {
  n: u32,
  i: u32,
  j: u32,
}

// A thread loads the same four rows from LEFT_LOADS k, and from RIGHT_LOADS k the same four columns.
var<private> taps: array<Tap, 4>; // where VECTOR, the first stands for all
var<private> positions: array<Position, 4>;
var<private> left_k: u32;
var<private> right_k: u32;
var<private> right_column: u32;

fn tap_of(row: u32) -> Tap {
  if (row >= sizes.rows) {
    return Tap(OUTSIDE, OUTSIDE, 0);
  }
  let position = row / sizes.in_channels;
  return Tap(
    i32(position / sizes.filter_width) - sizes.top,
    i32(position % sizes.filter_width) - sizes.left,
    i32(row % sizes.in_channels / LANES),
  );
}

fn position_of(k: u32) -> Position {
  let line = k / sizes.out_width;
  return Position(line / sizes.out_height, line % sizes.out_height, k % sizes.out_width);
}

fn begin(local: u32, part: u32, first_row: u32, first_column: u32, first_k: u32) {
  let across = TILE_ROWS / 4u;
  let row = first_row + local % across * 4u;
  for (var lane = 0u; lane < 4u; lane++) {
    taps[lane] = tap_of(row + lane);
  }
  left_k = first_k + local / across;
  for (var slot = 0u; slot < LEFT_LOADS; slot++) {
    positions[slot] = position_of(left_k + slot * (THREADS / across));
  }
  right_k = first_k + local / (TILE_COLUMNS / 4u);
  right_column = first_column + local % (TILE_COLUMNS / 4u) * 4u;
}

// TILE_INNER positions further, without a division.
fn moved_on(start: Position) -> Position {
  var position = start;
  position.j += TILE_INNER;
  while (position.j >= sizes.out_width) {
    position.j -= sizes.out_width;
    position.i += 1u;
    if (position.i == sizes.out_height) {
      position.i = 0u;
      position.n += 1u;
    }
  }
  return position;
}

fn advance() {
  left_k += TILE_INNER;
  right_k += TILE_INNER;
  for (var slot = 0u; slot < LEFT_LOADS; slot++) {
    positions[slot] = moved_on(positions[slot]);
  }
}

// The numbers of the input that a weight meets at a position, zero outside the image. Without branches, which
// SwiftShader compiles for minutes where there are so many.
fn input_at(position: Position, tap: Tap, k: u32) -> real4 {
  let y = i32(position.i * sizes.stride_y) + tap.y;
  let x = i32(position.j * sizes.stride_x) + tap.x;
  let pixel = (i32(position.n) * sizes.height + y) * sizes.width + x;
  let is_inside = (k < sizes.inner) & (u32(y) < u32(sizes.height)) & (u32(x) < u32(sizes.width));
  let index = select(0, pixel * i32(sizes.in_channels / LANES) + tap.channel, is_inside);
  return select(real4(), real4(input[index]), is_inside);
}

fn left_at(slot: u32) -> real4 {
  let k = left_k + slot * (THREADS / (TILE_ROWS / 4u));
  let position = positions[slot];
  if (VECTOR) {
    return input_at(position, taps[0], k);
  }
  var numbers: real4;
  for (var lane = 0u; lane < 4u; lane++) {
    numbers[lane] = input_at(position, taps[lane], k).x;
  }
  return numbers;
}

// Past the end stands the last gradient there is: past the last k the input is zero, and columns past the last are not kept.
fn gradient_at(k: u32, column: u32) -> real4 {
  let index = min(k, sizes.inner - 1u) * sizes.columns + min(column, sizes.columns - LANES);
  return real4(output_gradient[index / LANES]);
}

fn right_at(slot: u32) -> real4 {
  let k = right_k + slot * (THREADS / (TILE_COLUMNS / 4u));
  if (VECTOR) {
    return gradient_at(k, right_column);
  }
  var numbers: real4;
  for (var lane = 0u; lane < 4u; lane++) {
    numbers[lane] = gradient_at(k, right_column + lane).x;
  }
  return numbers;
}

fn store(part: u32, row: u32, column: u32, sums: vec4f) {
  if (row >= sizes.rows || column >= sizes.columns) {
    return;
  }
  let index = (part * sizes.rows + row) * sizes.columns + column;
  if (VECTOR) {
    output[index / LANES] = numbers_of(sums);
    return;
  }
  for (var c = 0u; c < 4u && column + c < sizes.columns; c++) {
    output[index + c] = numbers_of(vec4f(sums[c]));
  }
}

fn store_moments(tile: u32, column: u32, mean: vec4f, variance: vec4f) {}
