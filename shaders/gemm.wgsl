// Prepended to the shaders that are one product of matrices: this is the product, they say where its numbers come
// from and where they go. Row m of the left matrix times column o of the right one, summed over k.
//
// A workgroup computes TILE_ROWS x TILE_COLUMNS numbers of the product. It walks along k in steps of TILE_INNER: all
// its threads load a tile of the left matrix and a tile of the right one into workgroup memory, each number once, then
// each thread multiplies its ROWS_PER_THREAD rows with its four columns, in registers.
//
//           +-------------+
//         k |             | TILE_INNER      right_tile[k][o / 4]: a vec4f holds four columns of one k
//           +-------------+
//     k            o
//  +-----+  +-------------+
//  |     |  |    sums     | TILE_ROWS       left_tile[m][k / 4]: a vec4f holds four k of one row
//  +-----+  +-------------+
//            TILE_COLUMNS
//
// Everything is read as vectors: four of the right tile and one of each row give 16 products a row.
//
// The workgroups come in parts, each with all tiles of a product of its own: shares of a long sum, say.
// The shader that follows declares
//   sizes.rows, sizes.columns, sizes.parts           rows and columns of the largest part
//   fn terms_of(part) -> Terms                       the k that are summed
//   fn begin(local, part, first_row)                 what a tile needs to know of its rows, before the first step
//   fn prepare(local, first_k)                       what the loaders need to know of the k of the coming step
//   fn load_left(local, first_k)                     fills left_tile, with zeros outside the matrix
//   fn load_right(local, first_k, first_column)      fills right_tile in the same way
//   fn store(part, row, column, sums)                takes four columns of a row, or less at the edge

override TILE_ROWS = 32u; // a multiple of 4
override TILE_COLUMNS = 32u; // a multiple of 4
override TILE_INNER = 16u; // a multiple of 4
override ROWS_PER_THREAD = 4u; // 1, 2, 4 or 8
// Whether the numbers can be read as vectors, because the channels are multiples of four.
override VECTOR = false;

override THREADS = TILE_ROWS / ROWS_PER_THREAD * (TILE_COLUMNS / 4u); // a multiple of TILE_INNER / 4

var<workgroup> left_tile: array<vec4f, TILE_ROWS * (TILE_INNER / 4u)>;
var<workgroup> right_tile: array<vec4f, TILE_INNER * (TILE_COLUMNS / 4u)>;

struct Terms {
  begin: u32,
  end: u32,
}

// A position so far outside that the sum of two, or one and any other, is outside as well.
const OUTSIDE = -0x20000000;

// Four k of the right tile at four columns.
struct Factors {
  k0: vec4f,
  k1: vec4f,
  k2: vec4f,
  k3: vec4f,
}

// One after the other, so that each line is one fused multiply-add.
fn plus_product(sum: vec4f, x: vec4f, factors: Factors) -> vec4f {
  var result = sum;
  result += x.x * factors.k0;
  result += x.y * factors.k1;
  result += x.z * factors.k2;
  result += x.w * factors.k3;
  return result;
}

// The number of the workgroup comes by itself, not in a struct with the number of the thread: only so can a compiler
// see that all threads of a workgroup walk along the same k and reach the barriers together.
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

  let threads_across = TILE_COLUMNS / 4u;
  let my_column = local % threads_across; // counted in vectors
  let my_row = local / threads_across * ROWS_PER_THREAD;

  begin(local, part, first_row);
  prepare(local, terms.begin);
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
  for (var first_k = terms.begin; first_k < terms.end; first_k += TILE_INNER) {
    load_left(local, first_k);
    load_right(local, first_k, first_column);
    workgroupBarrier();
    prepare(local, first_k + TILE_INNER);
    let next = TILE_INNER / 4u; // from one row of left_tile to the next
    for (var k = 0u; k < next; k++) {
      let at = 4u * k * threads_across + my_column;
      let factors = Factors(
        right_tile[at],
        right_tile[at + threads_across],
        right_tile[at + 2u * threads_across],
        right_tile[at + 3u * threads_across],
      );
      let x = my_row * next + k;
      sum0 = plus_product(sum0, left_tile[x], factors);
      if (ROWS_PER_THREAD > 1u) {
        sum1 = plus_product(sum1, left_tile[x + next], factors);
      }
      if (ROWS_PER_THREAD > 2u) {
        sum2 = plus_product(sum2, left_tile[x + 2u * next], factors);
        sum3 = plus_product(sum3, left_tile[x + 3u * next], factors);
      }
      if (ROWS_PER_THREAD > 4u) {
        sum4 = plus_product(sum4, left_tile[x + 4u * next], factors);
        sum5 = plus_product(sum5, left_tile[x + 5u * next], factors);
        sum6 = plus_product(sum6, left_tile[x + 6u * next], factors);
        sum7 = plus_product(sum7, left_tile[x + 7u * next], factors);
      }
    }
    workgroupBarrier();
  }

  let row = first_row + my_row;
  let column = first_column + 4u * my_column;
  store(part, row, column, sum0);
  if (ROWS_PER_THREAD > 1u) {
    store(part, row + 1u, column, sum1);
  }
  if (ROWS_PER_THREAD > 2u) {
    store(part, row + 2u, column, sum2);
    store(part, row + 3u, column, sum3);
  }
  if (ROWS_PER_THREAD > 4u) {
    store(part, row + 4u, column, sum4);
    store(part, row + 5u, column, sum5);
    store(part, row + 6u, column, sum6);
    store(part, row + 7u, column, sum7);
  }
}
