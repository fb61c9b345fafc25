// y[n,i,j,o] = f(bias[o] + residual[n,i,j,o]
//                + sum over p,q,c of x[n, i*stride_y+p-top, j*stride_x+q-left, c] * filter[p,q,c,o])
//
// as one product of matrices whose left one is never written down (an implicit GEMM):
//   row     m = (n * out_height + i) * out_width + j                  an output position
//   column  o                                                         an output channel
//   inner   k = (p * filter_width + q) * in_channels + c              a term of the sum: the filter [fh,fw,c,o]
//                                                                     lies in memory as the matrix [inner, columns]
// which gemm.wgsl computes. Input, filter, residual and output are bound as vectors or as numbers: LANES channels each.

struct Sizes {
  rows: u32,
  columns: u32,
  parts: u32,
  inner: u32,
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
  has_bias: u32,
  has_residual: u32,
  slope: f32,
  ceiling: f32,
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> input: array<Lanes>;
@group(0) @binding(2) var<storage, read> weights: array<Lanes>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read> residual: array<Lanes>;
@group(0) @binding(5) var<storage, read_write> output: array<Lanes>;
@group(0) @binding(6) var<storage, read_write> moments: array<f32>; // [tiles down, 2, columns], if MOMENTS

// The input lies in memory with c, hence k, running fastest.
const LEFT_TURNED = true;
const RIGHT_TURNED = false;

// A product of matrices is a convolution of one pixel with one pixel, without padding: a row's window is never outside.
override POINTWISE = false;

// Where the window of an output position begins, and the index of the first channel there, counted in LANES.
struct Origin {
  y: i32,
  x: i32,
  index: i32,
}

// What a term k adds to the origin of a window.
struct Tap {
  y: i32,
  x: i32,
  channel: i32,
}

// A thread loads four k of four rows, and from RIGHT_LOADS k the same four columns.
var<private> origins: array<Origin, 4>;
var<private> tap: Tap;
var<private> left_k: u32;
var<private> right_k: u32;
var<private> right_column: u32;

fn terms_of(part: u32) -> Terms {
  return Terms(0u, sizes.inner);
}

fn origin_of(row: u32) -> Origin {
  if (row >= sizes.rows) {
    return Origin(OUTSIDE, OUTSIDE, 0);
  }
  let line = row / sizes.out_width;
  let y = i32(line % sizes.out_height * sizes.stride_y) - sizes.top;
  let x = i32(row % sizes.out_width * sizes.stride_x) - sizes.left;
  let pixel = (i32(line / sizes.out_height) * sizes.height + y) * sizes.width + x;
  return Origin(y, x, pixel * i32(sizes.in_channels / LANES));
}

fn tap_of(k: u32) -> Tap {
  if (k >= sizes.inner) {
    return Tap(OUTSIDE, OUTSIDE, 0);
  }
  let position = k / sizes.in_channels;
  return Tap(
    i32(position / sizes.filter_width),
    i32(position % sizes.filter_width),
    i32(k % sizes.in_channels / LANES),
  );
}

// Where single numbers are loaded, each has a tap of its own, found once: 3x3 and 7x7 filters over three colours fit. The
// others are not used; four of them, for what lies behind them in workgroup memory must begin at a multiple of 16 bytes.
const MOST_TAPS = select(160u, 4u, VECTOR);
var<workgroup> known_taps: array<Tap, MOST_TAPS>;

fn known_tap(k: u32) -> Tap {
  if (sizes.inner > MOST_TAPS || k >= sizes.inner) {
    return tap_of(k);
  }
  return known_taps[k];
}

fn begin(local: u32, part: u32, first_row: u32, first_column: u32, first_k: u32) {
  let across = TILE_INNER / 4u;
  for (var slot = 0u; slot < 4u; slot++) {
    origins[slot] = origin_of(first_row + local / across * 4u + slot);
  }
  left_k = first_k + local % across * 4u;
  tap = tap_of(left_k);
  right_k = first_k + local / (TILE_COLUMNS / 4u);
  right_column = first_column + local % (TILE_COLUMNS / 4u) * 4u;
  if (!VECTOR) {
    for (var k = local; k < min(sizes.inner, MOST_TAPS); k += THREADS) {
      known_taps[k] = tap_of(k);
    }
    workgroupBarrier();
  }
}

// From tap to tap without a division: channels run out first, then the columns of the filter, then its rows.
fn advance() {
  left_k += TILE_INNER;
  right_k += TILE_INNER;
  if (VECTOR) {
    let channels = i32(sizes.in_channels / LANES);
    tap.channel += i32(TILE_INNER / LANES);
    while (!POINTWISE && tap.channel >= channels) {
      tap.channel -= channels;
      tap.x += 1;
      if (tap.x == i32(sizes.filter_width)) {
        tap.x = 0;
        tap.y += 1;
      }
    }
  }
}

// The numbers of the input at a tap of a window, zero outside the image. Without branches, which SwiftShader compiles
// for minutes where there are so many.
fn input_at(origin: Origin, at: Tap, k: u32) -> real4 {
  if (POINTWISE) {
    let is_real = (k < sizes.inner) & (origin.y >= 0);
    return select(real4(), real4(input[select(0, origin.index + at.channel, is_real)]), is_real);
  }
  let y = origin.y + at.y;
  let x = origin.x + at.x;
  let index = origin.index + (at.y * sizes.width + at.x) * i32(sizes.in_channels / LANES) + at.channel;
  let is_inside = (k < sizes.inner) & (u32(y) < u32(sizes.height)) & (u32(x) < u32(sizes.width));
  return select(real4(), real4(input[select(0, index, is_inside)]), is_inside);
}

fn left_at(slot: u32) -> real4 {
  let origin = origins[slot];
  if (VECTOR) {
    return input_at(origin, tap, left_k);
  }
  var numbers: real4;
  for (var lane = 0u; lane < 4u; lane++) {
    numbers[lane] = input_at(origin, known_tap(left_k + lane), left_k + lane).x;
  }
  return numbers;
}

// Past the end stands the last weight there is: past the last k the input is zero, and columns past the last are not kept.
fn weight_at(k: u32, column: u32) -> real4 {
  let index = min(k, sizes.inner - 1u) * sizes.columns + min(column, sizes.columns - LANES);
  return real4(weights[index / LANES]);
}

fn right_at(slot: u32) -> real4 {
  let k = right_k + slot * (THREADS / (TILE_COLUMNS / 4u));
  if (VECTOR) {
    return weight_at(k, right_column);
  }
  var numbers: real4;
  for (var lane = 0u; lane < 4u; lane++) {
    numbers[lane] = weight_at(k, right_column + lane).x;
  }
  return numbers;
}

fn activated(z: vec4f) -> vec4f {
  return vec4f(
    activate(z.x, sizes.slope, sizes.ceiling),
    activate(z.y, sizes.slope, sizes.ceiling),
    activate(z.z, sizes.slope, sizes.ceiling),
    activate(z.w, sizes.slope, sizes.ceiling),
  );
}

// What follows the sum, for one row and four columns.
fn store(part: u32, row: u32, column: u32, sums: vec4f) {
  if (row >= sizes.rows || column >= sizes.columns) {
    return;
  }
  let index = row * sizes.columns + column;
  if (VECTOR) {
    var z = sums;
    if (sizes.has_bias != 0) {
      z += vec4f(bias[column], bias[column + 1u], bias[column + 2u], bias[column + 3u]);
    }
    if (sizes.has_residual != 0) {
      z += vec4f(real4(residual[index / LANES]));
    }
    output[index / LANES] = lanes_of(real4(activated(z)));
    return;
  }
  for (var c = 0u; c < 4u && column + c < sizes.columns; c++) {
    var z = sums[c];
    if (sizes.has_bias != 0) {
      z += bias[column + c];
    }
    if (sizes.has_residual != 0) {
      z += f32(first_lane(residual[index + c]));
    }
    output[index + c] = lanes_of(real4(real(activate(z, sizes.slope, sizes.ceiling))));
  }
}

fn store_moments(tile: u32, column: u32, mean: vec4f, variance: vec4f) {
  let start = tile * 2u * sizes.columns;
  for (var c = 0u; c < 4u && column + c < sizes.columns; c++) {
    moments[start + column + c] = mean[c];
    moments[start + sizes.columns + column + c] = variance[c];
  }
}
