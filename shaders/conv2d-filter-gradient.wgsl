// dfilter[p,q,c,o] = sum over n,i,j of x[n, i*stride_y+p-top, j*stride_x+q-left, c] * dy[n,i,j,o]
//
// as a product of matrices that is small in rows and columns and very long in k:
//   row     m = (p * filter_width + q) * in_channels + c        a weight
//   column  o                                                   an output channel
//   inner   k = (n * out_height + i) * out_width + j            a position of dy
// So that all of the card has work, k is cut into parts of `share` positions. Each part stores a whole sum of its own,
// output[part][m][o], and sum-rows adds them up. Both have a fixed order: the same numbers every time.
//
// This is what gemm.wgsl computes. With VECTOR, the channels of input and output are multiples of four.

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
@group(0) @binding(1) var<storage, read> input: array<f32>;
@group(0) @binding(2) var<storage, read> output_gradient: array<f32>;
// The same two buffers once more, for VECTOR.
@group(0) @binding(3) var<storage, read> input_vectors: array<vec4f>;
@group(0) @binding(4) var<storage, read> gradient_vectors: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> output: array<f32>;

fn terms_of(part: u32) -> Terms {
  return Terms(part * sizes.share, min((part + 1u) * sizes.share, sizes.inner));
}

// What a row adds to the origin of a window.
struct Tap {
  y: i32,
  x: i32,
  channel: i32,
}

// Where the window of a position begins.
struct Origin {
  y: i32,
  x: i32,
  image: i32, // n * height
}

var<workgroup> taps: array<Tap, TILE_ROWS>;
var<workgroup> origins: array<Origin, TILE_INNER>;

fn tap_of(row: u32) -> Tap {
  if (row >= sizes.rows) {
    return Tap(OUTSIDE, OUTSIDE, 0);
  }
  let tap = row / sizes.in_channels;
  return Tap(
    i32(tap / sizes.filter_width) - sizes.top,
    i32(tap % sizes.filter_width) - sizes.left,
    i32(row % sizes.in_channels),
  );
}

fn origin_of(k: u32) -> Origin {
  if (k >= sizes.inner) {
    return Origin(OUTSIDE, OUTSIDE, 0);
  }
  let line = k / sizes.out_width;
  return Origin(
    i32(line % sizes.out_height * sizes.stride_y),
    i32(k % sizes.out_width * sizes.stride_x),
    i32(line / sizes.out_height) * sizes.height,
  );
}

fn begin(local: u32, part: u32, first_row: u32) {
  for (var row = local; row < TILE_ROWS; row += THREADS) {
    taps[row] = tap_of(first_row + row);
  }
}

fn prepare(local: u32, first_k: u32) {
  for (var k = local; k < TILE_INNER; k += THREADS) {
    origins[k] = origin_of(first_k + k);
  }
}

// The index of a number of the input, or -1 outside the image. Without branches, which SwiftShader compiles
// for minutes where there are so many.
fn input_index(origin: Origin, tap: Tap) -> i32 {
  let y = origin.y + tap.y;
  let x = origin.x + tap.x;
  let index = ((origin.image + y) * sizes.width + x) * i32(sizes.in_channels) + tap.channel;
  return select(-1, index, (y >= 0) & (y < sizes.height) & (x >= 0) & (x < sizes.width));
}

fn input_number(origin: Origin, tap: Tap) -> f32 {
  let index = input_index(origin, tap);
  return select(0.0, input[max(index, 0)], index >= 0);
}

// Four rows of one k, both counted inside the tile.
fn inputs_at(row: u32, k: u32) -> vec4f {
  let index = input_index(origins[k], taps[row]);
  return select(vec4f(0.0), input_vectors[max(index, 0) / 4], index >= 0);
}

// The input lies in memory with c, hence m, running fastest, so neighbouring threads have neighbouring rows. Vectors are
// read in blocks of four rows by four k, which are turned over on their way into the tile.
fn load_left(local: u32, first_k: u32) {
  let across = TILE_INNER / 4u;
  if (VECTOR) {
    let down = TILE_ROWS / 4u;
    for (var at = local; at < down * across; at += THREADS) {
      let row = at % down * 4u;
      let k = at / down * 4u;
      let block = transpose(mat4x4f(
        inputs_at(row, k),
        inputs_at(row, k + 1u),
        inputs_at(row, k + 2u),
        inputs_at(row, k + 3u),
      ));
      let to = row * across + at / down;
      left_tile[to] = block[0];
      left_tile[to + across] = block[1];
      left_tile[to + 2u * across] = block[2];
      left_tile[to + 3u * across] = block[3];
    }
  } else {
    for (var at = local; at < TILE_ROWS * across; at += THREADS) {
      let row = at % TILE_ROWS;
      let k = at / TILE_ROWS * 4u;
      let tap = taps[row];
      left_tile[row * across + at / TILE_ROWS] = vec4f(
        input_number(origins[k], tap),
        input_number(origins[k + 1u], tap),
        input_number(origins[k + 2u], tap),
        input_number(origins[k + 3u], tap),
      );
    }
  }
}

fn gradient_number(k: u32, column: u32) -> f32 {
  if (column >= sizes.columns) {
    return 0.0;
  }
  return output_gradient[k * sizes.columns + column];
}

fn load_right(local: u32, first_k: u32, first_column: u32) {
  let across = TILE_COLUMNS / 4u;
  for (var at = local; at < TILE_INNER * across; at += THREADS) {
    let k = first_k + at / across;
    let column = first_column + at % across * 4u;
    if (k >= sizes.inner || column >= sizes.columns) {
      right_tile[at] = vec4f(0.0);
    } else if (VECTOR) {
      right_tile[at] = gradient_vectors[(k * sizes.columns + column) / 4u];
    } else {
      right_tile[at] = vec4f(
        gradient_number(k, column),
        gradient_number(k, column + 1u),
        gradient_number(k, column + 2u),
        gradient_number(k, column + 3u),
      );
    }
  }
}

fn store(part: u32, row: u32, column: u32, sums: vec4f) {
  if (row >= sizes.rows) {
    return;
  }
  let start = (part * sizes.rows + row) * sizes.columns + column;
  for (var c = 0u; c < 4u && column + c < sizes.columns; c++) {
    output[start + c] = sums[c];
  }
}
