// y[n,i,j,o] = f(bias[o] + residual[n,i,j,o]
//                + sum over p,q,c of x[n, i*stride_y+p-top, j*stride_x+q-left, c] * filter[p,q,c,o])
//
// as one product of matrices whose left one is never written down (an implicit GEMM):
//   row     m = (n * out_height + i) * out_width + j                  an output position
//   column  o                                                         an output channel
//   inner   k = (p * filter_width + q) * in_channels + c              a term of the sum: the filter [fh,fw,c,o]
//                                                                     lies in memory as the matrix [inner, columns]
//
// A workgroup computes TILE_ROWS x TILE_COLUMNS numbers of the product. It walks along k in steps of TILE_INNER: all
// its threads load a tile of the left matrix and a tile of the filter into workgroup memory, each number once, then
// each thread multiplies its ROWS_PER_THREAD rows with its four columns, in registers.
//
//           +-------------+
//         k |             | TILE_INNER      filter_tile[k][o / 4]: a vec4f holds four columns of one k
//           +-------------+
//     k            o
//  +-----+  +-------------+
//  |     |  |    sums     | TILE_ROWS       input_tile[row][k / 4]: a vec4f holds four k of one row
//  +-----+  +-------------+
//            TILE_COLUMNS
//
// Everything is read as vectors: four of the filter and one of each row give 16 products a row.

override TILE_ROWS = 32u;
override TILE_COLUMNS = 32u; // a multiple of 4
override TILE_INNER = 16u; // a multiple of 4
override ROWS_PER_THREAD = 4u; // 1, 2, 4 or 8
// Whether the channels of input and output are multiples of four, so that both are read as vectors.
override VECTOR = false;

override THREADS = TILE_ROWS / ROWS_PER_THREAD * (TILE_COLUMNS / 4u); // a multiple of TILE_INNER / 4

// A row or tap so far outside that the sum of the two is outside whatever the other one is.
const OUTSIDE = -0x20000000;

struct Sizes {
  rows: u32,
  columns: u32,
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
var<workgroup> input_tile: array<vec4f, TILE_ROWS * (TILE_INNER / 4u)>;
var<workgroup> filter_tile: array<vec4f, TILE_INNER * (TILE_COLUMNS / 4u)>;

fn origin_of(row: u32) -> Origin {
  if (row >= sizes.rows) {
    return Origin(OUTSIDE, OUTSIDE, 0);
  }
  let line = row / sizes.out_width;
  let y = i32(line % sizes.out_height * sizes.stride_y) - sizes.top;
  let x = i32(row % sizes.out_width * sizes.stride_x) - sizes.left;
  return Origin(y, x, i32(line / sizes.out_height) * sizes.height);
}

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

fn load_input_tile(local: u32, first_k: u32) {
  let across = TILE_INNER / 4u;
  // THREADS is a multiple of `across`, so a thread loads the same four k of several rows and finds their taps once.
  let k = first_k + local % across * 4u;
  if (VECTOR) {
    let tap = tap_of(k);
    for (var at = local; at < TILE_ROWS * across; at += THREADS) {
      let index = input_index(origins[at / across], tap);
      if (index < 0) {
        input_tile[at] = vec4f(0.0);
      } else {
        input_tile[at] = input_vectors[index / 4];
      }
    }
  } else {
    let tap0 = tap_of(k);
    let tap1 = tap_of(k + 1u);
    let tap2 = tap_of(k + 2u);
    let tap3 = tap_of(k + 3u);
    for (var at = local; at < TILE_ROWS * across; at += THREADS) {
      let origin = origins[at / across];
      input_tile[at] = vec4f(
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

fn load_filter_tile(local: u32, first_k: u32, first_column: u32) {
  let across = TILE_COLUMNS / 4u;
  for (var at = local; at < TILE_INNER * across; at += THREADS) {
    let k = first_k + at / across;
    let column = first_column + at % across * 4u;
    if (k >= sizes.inner || column >= sizes.columns) {
      filter_tile[at] = vec4f(0.0);
    } else if (VECTOR) {
      filter_tile[at] = weight_vectors[(k * sizes.columns + column) / 4u];
    } else {
      filter_tile[at] = vec4f(
        weight(k, column),
        weight(k, column + 1u),
        weight(k, column + 2u),
        weight(k, column + 3u),
      );
    }
  }
}

// Four rows of the filter at four columns.
struct Weights {
  w0: vec4f,
  w1: vec4f,
  w2: vec4f,
  w3: vec4f,
}

// One after the other, so that each line is one fused multiply-add.
fn plus_product(sum: vec4f, x: vec4f, w: Weights) -> vec4f {
  var result = sum;
  result += x.x * w.w0;
  result += x.y * w.w1;
  result += x.z * w.w2;
  result += x.w * w.w3;
  return result;
}

// What follows the sum, for one row and four columns.
fn store(row: u32, column: u32, sums: vec4f) {
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

@compute @workgroup_size(THREADS)
fn main(thread: Thread) {
  let local = thread.local;
  let tile = workgroup_number(thread);
  let tiles_across = (sizes.columns + TILE_COLUMNS - 1u) / TILE_COLUMNS;
  let first_row = tile / tiles_across * TILE_ROWS;
  let first_column = tile % tiles_across * TILE_COLUMNS;

  let threads_across = TILE_COLUMNS / 4u;
  let my_column = local % threads_across; // counted in vectors
  let my_row = local / threads_across * ROWS_PER_THREAD;

  for (var row = local; row < TILE_ROWS; row += THREADS) {
    origins[row] = origin_of(first_row + row);
  }
  workgroupBarrier();

  // Variables and not an array, which a driver that does not unroll loops would keep in memory.
  var sum0: vec4f;
  var sum1: vec4f;
  var sum2: vec4f;
  var sum3: vec4f;
  var sum4: vec4f;
  var sum5: vec4f;
  var sum6: vec4f;
  var sum7: vec4f;
  for (var first_k = 0u; first_k < sizes.inner; first_k += TILE_INNER) {
    load_input_tile(local, first_k);
    load_filter_tile(local, first_k, first_column);
    workgroupBarrier();
    let next = TILE_INNER / 4u; // from one row of input_tile to the next
    for (var k = 0u; k < next; k++) {
      let at = 4u * k * threads_across + my_column;
      let w = Weights(
        filter_tile[at],
        filter_tile[at + threads_across],
        filter_tile[at + 2u * threads_across],
        filter_tile[at + 3u * threads_across],
      );
      let x = my_row * next + k;
      sum0 = plus_product(sum0, input_tile[x], w);
      if (ROWS_PER_THREAD > 1u) {
        sum1 = plus_product(sum1, input_tile[x + next], w);
      }
      if (ROWS_PER_THREAD > 2u) {
        sum2 = plus_product(sum2, input_tile[x + 2u * next], w);
        sum3 = plus_product(sum3, input_tile[x + 3u * next], w);
      }
      if (ROWS_PER_THREAD > 4u) {
        sum4 = plus_product(sum4, input_tile[x + 4u * next], w);
        sum5 = plus_product(sum5, input_tile[x + 5u * next], w);
        sum6 = plus_product(sum6, input_tile[x + 6u * next], w);
        sum7 = plus_product(sum7, input_tile[x + 7u * next], w);
      }
    }
    workgroupBarrier();
  }

  let row = first_row + my_row;
  let column = first_column + 4u * my_column;
  store(row, column, sum0);
  if (ROWS_PER_THREAD > 1u) {
    store(row + 1u, column, sum1);
  }
  if (ROWS_PER_THREAD > 2u) {
    store(row + 2u, column, sum2);
    store(row + 3u, column, sum3);
  }
  if (ROWS_PER_THREAD > 4u) {
    store(row + 4u, column, sum4);
    store(row + 5u, column, sum5);
    store(row + 6u, column, sum6);
    store(row + 7u, column, sum7);
  }
}
