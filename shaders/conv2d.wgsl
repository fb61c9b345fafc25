// y[n,i,j,o] = f(bias[o] + residual[n,i,j,o]
//                + sum over p,q,c of x[n, i*stride_y+p-top, j*stride_x+q-left, c] * filter[p,q,c,o])
//
// as one product of matrices whose left one is never written down (an implicit GEMM):
//   row     m = (n * out_height + i) * out_width + j                  an output position
//   column  o                                                         an output channel
//   inner   k = (p * filter_width + q) * in_channels + c              a term of the sum: the filter [fh,fw,c,o]
//                                                                     lies in memory as the matrix [inner, columns]
//
// which gemm.wgsl computes. With VECTOR, the channels of input and output are multiples of four.

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
@group(0) @binding(1) var<storage, read> input: array<f32>;
@group(0) @binding(2) var<storage, read> weights: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read> residual: array<f32>;
// The same two buffers once more, for VECTOR.
@group(0) @binding(5) var<storage, read> input_vectors: array<vec4f>;
@group(0) @binding(6) var<storage, read> weight_vectors: array<vec4f>;
@group(0) @binding(7) var<storage, read_write> output: array<f32>;

// Where the window of each row of the tile begins.
struct Origin {
  y: i32,
  x: i32,
  image: i32, // n * height
}

var<workgroup> origins: array<Origin, TILE_ROWS>;

fn origin_of(row: u32) -> Origin {
  if (row >= sizes.rows) {
    return Origin(OUTSIDE, OUTSIDE, 0);
  }
  let line = row / sizes.out_width;
  let y = i32(line % sizes.out_height * sizes.stride_y) - sizes.top;
  let x = i32(row % sizes.out_width * sizes.stride_x) - sizes.left;
  return Origin(y, x, i32(line / sizes.out_height) * sizes.height);
}

fn terms_of(part: u32) -> Terms {
  return Terms(0u, sizes.inner);
}

fn begin(local: u32, part: u32, first_row: u32) {
  for (var row = local; row < TILE_ROWS; row += THREADS) {
    origins[row] = origin_of(first_row + row);
  }
}

// Nothing: each thread finds the taps of its own k.
fn prepare(local: u32, first_k: u32) {}

// What a term k adds to the origin of a window.
struct Tap {
  y: i32,
  x: i32,
  channel: u32,
}

fn tap_of(k: u32) -> Tap {
  if (k >= sizes.inner) {
    return Tap(OUTSIDE, OUTSIDE, 0u);
  }
  let position = k / sizes.in_channels;
  return Tap(i32(position / sizes.filter_width), i32(position % sizes.filter_width), k % sizes.in_channels);
}

// The index of a number of the input, or -1 outside the image, where everything is zero.
fn input_index(origin: Origin, tap: Tap) -> i32 {
  let y = origin.y + tap.y;
  let x = origin.x + tap.x;
  if (y < 0 || y >= sizes.height || x < 0 || x >= sizes.width) {
    return -1;
  }
  return ((origin.image + y) * sizes.width + x) * i32(sizes.in_channels) + i32(tap.channel);
}

fn input_number(origin: Origin, tap: Tap) -> f32 {
  let index = input_index(origin, tap);
  if (index < 0) {
    return 0.0;
  }
  return input[index];
}

fn load_left(local: u32, first_k: u32) {
  let across = TILE_INNER / 4u;
  // THREADS is a multiple of `across`, so a thread loads the same four k of several rows and finds their taps once.
  let k = first_k + local % across * 4u;
  if (VECTOR) {
    let tap = tap_of(k);
    for (var at = local; at < TILE_ROWS * across; at += THREADS) {
      let index = input_index(origins[at / across], tap);
      if (index < 0) {
        left_tile[at] = vec4f(0.0);
      } else {
        left_tile[at] = input_vectors[index / 4];
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
        input_number(origin, tap0),
        input_number(origin, tap1),
        input_number(origin, tap2),
        input_number(origin, tap3),
      );
    }
  }
}

fn weight(k: u32, column: u32) -> f32 {
  if (column >= sizes.columns) {
    return 0.0;
  }
  return weights[k * sizes.columns + column];
}

fn load_right(local: u32, first_k: u32, first_column: u32) {
  let across = TILE_COLUMNS / 4u;
  for (var at = local; at < TILE_INNER * across; at += THREADS) {
    let k = first_k + at / across;
    let column = first_column + at % across * 4u;
    if (k >= sizes.inner || column >= sizes.columns) {
      right_tile[at] = vec4f(0.0);
    } else if (VECTOR) {
      right_tile[at] = weight_vectors[(k * sizes.columns + column) / 4u];
    } else {
      right_tile[at] = vec4f(
        weight(k, column),
        weight(k, column + 1u),
        weight(k, column + 2u),
        weight(k, column + 3u),
      );
    }
  }
}

// What follows the sum, for one row and four columns.
fn store(part: u32, row: u32, column: u32, sums: vec4f) {
  if (row >= sizes.rows) {
    return;
  }
  for (var c = 0u; c < 4u && column + c < sizes.columns; c++) {
    let index = row * sizes.columns + column + c;
    var z = sums[c];
    if (sizes.has_bias != 0) {
      z += bias[column + c];
    }
    if (sizes.has_residual != 0) {
      z += residual[index];
    }
    output[index] = activate(z, sizes.slope, sizes.ceiling);
  }
}
