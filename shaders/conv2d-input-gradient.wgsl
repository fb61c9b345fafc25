// dx[n,y,x,c] = sum over p,q,o of dy[n,i,j,o] * filter[p,q,c,o], with y = i*stride_y+p-top and x = j*stride_x+q-left
//
// Only every stride-th p can hit a row y: those with (y + top - p) divisible by the stride. The rows that share their
// p are a phase, and so are columns; a phase is one part of the work, a convolution of dy without any stride:
//   row     m = (n * phase.height + a) * phase.width + b       the pixel (first_y + a*stride_y, first_x + b*stride_x)
//   column  o' = c                                             a channel of the input
//   inner   k = (u * phase.taps + v) * out_channels + o        the tap (phase.p + u*stride_y, phase.q + v*stride_x)
// so no product is computed that is known to be zero. A phase without taps stores zeros.
//
// This is what gemm.wgsl computes. With VECTOR, the channels of the output are a multiple of four.

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
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> output_gradient: array<f32>;
@group(0) @binding(2) var<storage, read> weights: array<f32>;
// The same two buffers once more, for VECTOR.
@group(0) @binding(3) var<storage, read> gradient_vectors: array<vec4f>;
@group(0) @binding(4) var<storage, read> weight_vectors: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> output: array<f32>;

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

// The position of dy that the first tap meets, for each row of the tile.
struct Origin {
  y: i32,
  x: i32,
  image: i32, // n * out_height
}

var<private> phase: Phase;
var<workgroup> origins: array<Origin, TILE_ROWS>;

fn origin_of(row: u32) -> Origin {
  if (row >= sizes.batch * phase.height * phase.width) {
    return Origin(OUTSIDE, OUTSIDE, 0);
  }
  let line = row / phase.width;
  // Divisible by the stride, even where p is larger than y + top.
  let y = i32(phase.first_y + line % phase.height * sizes.stride_y + sizes.top) - i32(phase.p);
  let x = i32(phase.first_x + row % phase.width * sizes.stride_x + sizes.left) - i32(phase.q);
  return Origin(y / i32(sizes.stride_y), x / i32(sizes.stride_x), i32(line / phase.height) * sizes.out_height);
}

fn begin(local: u32, part: u32, first_row: u32) {
  phase = phase_of(part);
  for (var row = local; row < TILE_ROWS; row += THREADS) {
    origins[row] = origin_of(first_row + row);
  }
}

// Nothing: each thread finds the taps of its own k.
fn prepare(local: u32, first_k: u32) {}

struct Tap {
  u: i32,
  v: i32,
  channel: u32,
}

fn tap_of(k: u32) -> Tap {
  if (k >= phase.inner) {
    return Tap(-OUTSIDE, -OUTSIDE, 0u);
  }
  let tap = k / sizes.out_channels;
  return Tap(i32(tap / phase.taps), i32(tap % phase.taps), k % sizes.out_channels);
}

// The index of a number of dy, or -1 outside.
fn gradient_index(origin: Origin, tap: Tap) -> i32 {
  let i = origin.y - tap.u;
  let j = origin.x - tap.v;
  if (i < 0 || i >= sizes.out_height || j < 0 || j >= sizes.out_width) {
    return -1;
  }
  return ((origin.image + i) * sizes.out_width + j) * i32(sizes.out_channels) + i32(tap.channel);
}

fn gradient_number(origin: Origin, tap: Tap) -> f32 {
  let index = gradient_index(origin, tap);
  if (index < 0) {
    return 0.0;
  }
  return output_gradient[index];
}

fn load_left(local: u32, first_k: u32) {
  let across = TILE_INNER / 4u;
  // THREADS is a multiple of `across`, so a thread loads the same four k of several rows and finds their taps once.
  let k = first_k + local % across * 4u;
  if (VECTOR) {
    let tap = tap_of(k);
    for (var at = local; at < TILE_ROWS * across; at += THREADS) {
      let index = gradient_index(origins[at / across], tap);
      if (index < 0) {
        left_tile[at] = vec4f(0.0);
      } else {
        left_tile[at] = gradient_vectors[index / 4];
      }
    }
  } else {
    let tap0 = tap_of(k);
    let tap1 = tap_of(k + 1u);
    let tap2 = tap_of(k + 2u);
    let tap3 = tap_of(k + 3u);
    for (var at = local; at < TILE_ROWS * across; at += THREADS) {
      let origin = origins[at / across];
      left_tile[at] = vec4f(
        gradient_number(origin, tap0),
        gradient_number(origin, tap1),
        gradient_number(origin, tap2),
        gradient_number(origin, tap3),
      );
    }
  }
}

// The index of filter[p,q,column,o].
fn weight_index(tap: Tap, column: u32) -> u32 {
  let p = phase.p + u32(tap.u) * sizes.stride_y;
  let q = phase.q + u32(tap.v) * sizes.stride_x;
  return ((p * sizes.filter_width + q) * sizes.columns + column) * sizes.out_channels + tap.channel;
}

fn weight(k: u32, column: u32) -> f32 {
  if (k >= phase.inner) {
    return 0.0;
  }
  return weights[weight_index(tap_of(k), column)];
}

// Four k of one column.
fn weights_at(k: u32, column: u32) -> vec4f {
  if (k >= phase.inner || column >= sizes.columns) {
    return vec4f(0.0);
  }
  if (VECTOR) {
    return weight_vectors[weight_index(tap_of(k), column) / 4u];
  }
  return vec4f(weight(k, column), weight(k + 1u, column), weight(k + 2u, column), weight(k + 3u, column));
}

// The filter lies in memory with o, hence k, running fastest: it is read in blocks of four k by four columns, which
// are turned over on their way into the tile. Neighbouring threads have neighbouring k.
fn load_right(local: u32, first_k: u32, first_column: u32) {
  let across = TILE_COLUMNS / 4u;
  let down = TILE_INNER / 4u;
  for (var at = local; at < down * across; at += THREADS) {
    let k = first_k + at % down * 4u;
    let column = first_column + at / down * 4u;
    let block = transpose(mat4x4f(
      weights_at(k, column),
      weights_at(k, column + 1u),
      weights_at(k, column + 2u),
      weights_at(k, column + 3u),
    ));
    let to = at % down * 4u * across + at / down;
    right_tile[to] = block[0];
    right_tile[to + across] = block[1];
    right_tile[to + 2u * across] = block[2];
    right_tile[to + 3u * across] = block[3];
  }
}

fn store(part: u32, row: u32, column: u32, sums: vec4f) {
  if (row >= sizes.batch * phase.height * phase.width) {
    return;
  }
  let line = row / phase.width;
  let y = phase.first_y + line % phase.height * sizes.stride_y;
  let x = phase.first_x + row % phase.width * sizes.stride_x;
  let pixel = (line / phase.height * sizes.height + y) * sizes.width + x;
  for (var c = 0u; c < 4u && column + c < sizes.columns; c++) {
    output[pixel * sizes.columns + column + c] = sums[c];
  }
}
