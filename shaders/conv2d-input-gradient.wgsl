// dx[n,y,x,c] = sum over p,q,o of dy[n,i,j,o] * filter[p,q,c,o], with y = i*stride_y+p-top and x = j*stride_x+q-left
//
// Only every stride-th p can hit a row y: those with (y + top - p) divisible by the stride. The rows that share their
// p are a phase, and so are columns; a phase is one part of the work, a convolution of dy without any stride:
//   row     m = (n * phase.height + a) * phase.width + b       the pixel (first_y + a*stride_y, first_x + b*stride_x)
//   column  o' = c                                             a channel of the input
//   inner   k = (u * phase.taps + v) * out_channels + o        the tap (phase.p + u*stride_y, phase.q + v*stride_x)
// so no product is computed that is known to be zero. A phase without taps stores zeros.
//
// This is what gemm.wgsl computes.

struct Sizes {
  rows: u32, // of the largest phase
  columns: u32, // the channels of the input
  parts: u32, // stride_y * stride_x
  batch: u32,
  height: u32,
  width: u32,
  out_height: i32,
  out_width: i32,
  out_channels: u32,
  filter_height: u32,
  filter_width: u32,
  stride_y: u32,
  stride_x: u32,
  top: u32,
  left: u32,
  has_addend: u32,
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> output_gradient: array<Lanes>;
@group(0) @binding(2) var<storage, read> weights: array<Lanes>;
@group(0) @binding(3) var<storage, read> addend: array<Lanes>; // another gradient of the same input
@group(0) @binding(4) var<storage, read_write> output: array<Lanes>;

// Both lie in memory with o, hence k, running fastest.
const LEFT_TURNED = true;
const RIGHT_TURNED = true;

struct Phase {
  p: u32,
  q: u32,
  first_y: u32,
  first_x: u32,
  height: u32,
  width: u32,
  taps: u32, // in a row of the filter
  inner: u32,
}

fn phase_of(part: u32) -> Phase {
  let p = part / sizes.stride_x;
  let q = part % sizes.stride_x;
  let first_y = (p + sizes.stride_y - sizes.top % sizes.stride_y) % sizes.stride_y;
  let first_x = (q + sizes.stride_x - sizes.left % sizes.stride_x) % sizes.stride_x;
  // How many of first, first + stride, ... are below the end.
  let height = (sizes.height + sizes.stride_y - 1u - first_y) / sizes.stride_y;
  let width = (sizes.width + sizes.stride_x - 1u - first_x) / sizes.stride_x;
  let taps_down = (sizes.filter_height + sizes.stride_y - 1u - p) / sizes.stride_y;
  let taps = (sizes.filter_width + sizes.stride_x - 1u - q) / sizes.stride_x;
  return Phase(p, q, first_y, first_x, height, width, taps, taps_down * taps * sizes.out_channels);
}

fn terms_of(part: u32) -> Terms {
  return Terms(0u, phase_of(part).inner);
}

// The position of dy that the first tap meets, and the index of its first channel, counted in LANES.
struct Origin {
  i: i32,
  j: i32,
  index: i32,
}

struct Tap {
  u: i32,
  v: i32,
  channel: i32,
}

var<private> phase: Phase;
// A thread loads the same four k of four rows and of four columns.
var<private> origins: array<Origin, 4>;
var<private> tap: Tap;
var<private> tap_k: u32;
var<private> right_column: u32;

fn origin_of(row: u32) -> Origin {
  if (row >= sizes.batch * phase.height * phase.width) {
    return Origin(OUTSIDE, OUTSIDE, 0);
  }
  let line = row / phase.width;
  // Divisible by the stride, even where p is larger than y + top.
  let i = (i32(phase.first_y + line % phase.height * sizes.stride_y + sizes.top) - i32(phase.p)) / i32(sizes.stride_y);
  let j = (i32(phase.first_x + row % phase.width * sizes.stride_x + sizes.left) - i32(phase.q)) / i32(sizes.stride_x);
  let pixel = (i32(line / phase.height) * sizes.out_height + i) * sizes.out_width + j;
  return Origin(i, j, pixel * i32(sizes.out_channels / LANES));
}

fn tap_of(k: u32) -> Tap {
  if (k >= phase.inner) {
    return Tap(-OUTSIDE, -OUTSIDE, 0);
  }
  let position = k / sizes.out_channels;
  return Tap(i32(position / phase.taps), i32(position % phase.taps), i32(k % sizes.out_channels / LANES));
}

fn begin(local: u32, part: u32, first_row: u32, first_column: u32, first_k: u32) {
  phase = phase_of(part);
  let across = TILE_INNER / 4u;
  for (var slot = 0u; slot < 4u; slot++) {
    origins[slot] = origin_of(first_row + local / across * 4u + slot);
  }
  tap_k = first_k + local % across * 4u;
  tap = tap_of(tap_k);
  right_column = first_column + local / across * 4u;
}

// From tap to tap without a division.
fn advance() {
  tap_k += TILE_INNER;
  if (VECTOR) {
    let channels = i32(sizes.out_channels / LANES);
    tap.channel += i32(TILE_INNER / LANES);
    while (tap.channel >= channels) {
      tap.channel -= channels;
      tap.v += 1;
      if (tap.v == i32(phase.taps)) {
        tap.v = 0;
        tap.u += 1;
      }
    }
  }
}

// The numbers of dy that a tap of a pixel meets, zero outside.
fn gradient_at(origin: Origin, at: Tap, k: u32) -> real4 {
  let i = origin.i - at.u;
  let j = origin.j - at.v;
  let index = origin.index - (at.u * sizes.out_width + at.v) * i32(sizes.out_channels / LANES) + at.channel;
  let is_inside = (k < phase.inner) & (u32(i) < u32(sizes.out_height)) & (u32(j) < u32(sizes.out_width));
  return select(real4(), real4(output_gradient[select(0, index, is_inside)]), is_inside);
}

fn left_at(slot: u32) -> real4 {
  let origin = origins[slot];
  if (VECTOR) {
    return gradient_at(origin, tap, tap_k);
  }
  var numbers: real4;
  for (var lane = 0u; lane < 4u; lane++) {
    numbers[lane] = gradient_at(origin, tap_of(tap_k + lane), tap_k + lane).x;
  }
  return numbers;
}

// filter[p,q,column,o] at a tap. Past the end stands the last weight there is: past the last k the gradient is zero, and
// columns past the last are not kept.
fn weight_at(at: Tap, column: u32) -> real4 {
  let p = min(phase.p + u32(at.u) * sizes.stride_y, sizes.filter_height - 1u);
  let q = min(phase.q + u32(at.v) * sizes.stride_x, sizes.filter_width - 1u);
  let row = (p * sizes.filter_width + q) * sizes.columns + min(column, sizes.columns - 1u);
  return real4(weights[row * (sizes.out_channels / LANES) + u32(at.channel)]);
}

// Four k of one column.
fn right_at(slot: u32) -> real4 {
  let column = right_column + slot;
  if (VECTOR) {
    return weight_at(tap, column);
  }
  var numbers: real4;
  for (var lane = 0u; lane < 4u; lane++) {
    numbers[lane] = weight_at(tap_of(tap_k + lane), column).x;
  }
  return numbers;
}

fn store(part: u32, row: u32, column: u32, sums: vec4f) {
  if (row >= sizes.batch * phase.height * phase.width || column >= sizes.columns) {
    return;
  }
  let line = row / phase.width;
  let y = phase.first_y + line % phase.height * sizes.stride_y;
  let x = phase.first_x + row % phase.width * sizes.stride_x;
  let index = ((line / phase.height * sizes.height + y) * sizes.width + x) * sizes.columns + column;
  if (VECTOR) {
    var z = sums;
    if (sizes.has_addend != 0) {
      z += vec4f(real4(addend[index / LANES]));
    }
    output[index / LANES] = lanes_of(real4(z));
    return;
  }
  for (var c = 0u; c < 4u && column + c < sizes.columns; c++) {
    var z = sums[c];
    if (sizes.has_addend != 0) {
      z += f32(first_lane(addend[index + c]));
    }
    output[index + c] = lanes_of(real4(real(z)));
  }
}

fn store_moments(tile: u32, column: u32, mean: vec4f, variance: vec4f) {}
