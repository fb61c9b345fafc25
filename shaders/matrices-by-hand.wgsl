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

struct Lane {
  @builtin(global_invocation_id) thread: vec3u,
}

fn number_of(subgroup: Subgroup) -> u32 {
  return subgroup.thread.x / SUBGROUP;
}

fn lane_of(lane: Lane) -> u32 {
  return lane.thread.x % SUBGROUP; // a workgroup has whole subgroups, side by side
}

fn left_matrix(at: u32) -> Left {
  return at;
}

fn right_matrix(at: u32) -> Right {
  return at;
}

// From one number of a tile to the next, along k and across.
const LEFT_ALONG = select(LEFT_STRIDE, 1u, LEFT_TURNED);
const LEFT_ACROSS = select(1u, LEFT_STRIDE, LEFT_TURNED);
const RIGHT_ALONG = select(RIGHT_STRIDE, 1u, RIGHT_TURNED);
const RIGHT_ACROSS = select(1u, RIGHT_STRIDE, RIGHT_TURNED);

fn plus_product(before: Sums, left: Left, right: Right, lane: u32) -> Sums {
  var sums = before;
  var at_left = left + lane / 4u * LEFT_ACROSS;
  var at_right = right + lane % 4u * 4u * RIGHT_ACROSS;
  for (var k = 0u; k < 16u; k++) {
    let y = vec4f(
      f32(right_tile[at_right]),
      f32(right_tile[at_right + RIGHT_ACROSS]),
      f32(right_tile[at_right + 2u * RIGHT_ACROSS]),
      f32(right_tile[at_right + 3u * RIGHT_ACROSS]),
    );
    sums[0] = fma(vec4f(f32(left_tile[at_left])), y, sums[0]);
    sums[1] = fma(vec4f(f32(left_tile[at_left + 8u * LEFT_ACROSS])), y, sums[1]);
    at_left += LEFT_ALONG;
    at_right += RIGHT_ALONG;
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
