// Prepended to gemm-matrices.wgsl in place of matrices.wgsl: the same operations in plain WGSL. It says what they mean,
// and lets everything around them be tested on devices without tensor cores; nobody computes with it otherwise.
//
// Of the 16 x 16 sums a thread has those of the rows lane / 4 and lane / 4 + 8, four columns from lane % 4 * 4 on. The
// operands stay where they are, in the tiles.

alias Left = u32; // where the first number is
alias Right = u32;
alias Sums = mat2x4f; // [0] the upper row, [1] the lower one

struct Subgroup {
  @builtin(local_invocation_id) thread: vec3u,
}

fn number_of(subgroup: Subgroup) -> u32 {
  return subgroup.thread.x / SUBGROUP;
}

fn left_matrix(at: u32) -> Left {
  return at;
}

fn right_matrix(at: u32) -> Right {
  return at;
}

fn plus_product(before: Sums, left: Left, right: Right, lane: u32) -> Sums {
  var sums = before;
  let row = lane / 4u;
  let column = lane % 4u * 4u;
  for (var k = 0u; k < 16u; k++) {
    var y: vec4f;
    for (var c = 0u; c < 4u; c++) {
      y[c] = f32(right_tile[right + select(k * RIGHT_STRIDE + column + c, (column + c) * RIGHT_STRIDE + k, RIGHT_TURNED)]);
    }
    for (var half = 0u; half < 2u; half++) {
      let m = row + 8u * half;
      let x = f32(left_tile[left + select(k * LEFT_STRIDE + m, m * LEFT_STRIDE + k, LEFT_TURNED)]);
      sums[half] = fma(vec4f(x), y, sums[half]);
    }
  }
  return sums;
}

fn lay_out(at: u32, sums: Sums, lane: u32) {
  let to = at + lane / 4u * 16u + lane % 4u * 4u;
  for (var c = 0u; c < 4u; c++) {
    laid_out[to + c] = sums[0][c];
    laid_out[to + 128u + c] = sums[1][c];
  }
}
