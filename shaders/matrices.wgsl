// Prepended to gemm-matrices.wgsl where the device multiplies matrices of 16 x 16 halves, a subgroup of 32 threads at a
// time, into sums of 32 bits: tensor cores. The other form of this piece is matrices-by-hand.wgsl.
enable subgroups;
enable chromium_experimental_subgroup_matrix;

alias Left = subgroup_matrix_left<f16, 16, 16>;
alias Right = subgroup_matrix_right<f16, 16, 16>;
alias Sums = subgroup_matrix_result<f32, 16, 16>;

// In a struct of its own, so that a compiler sees that all threads of a subgroup have the same.
struct Subgroup {
  @builtin(subgroup_id) number: u32,
}

// And which of its threads one is.
struct Lane {
  @builtin(subgroup_invocation_id) number: u32,
}

fn number_of(subgroup: Subgroup) -> u32 {
  return subgroup.number;
}

fn lane_of(lane: Lane) -> u32 {
  return lane.number;
}

fn left_matrix(at: u32) -> Left {
  if (LEFT_TURNED) {
    return subgroupMatrixLoad<Left, row_major>(&left_tile, at, LEFT_STRIDE);
  }
  return subgroupMatrixLoad<Left, col_major>(&left_tile, at, LEFT_STRIDE);
}

fn right_matrix(at: u32) -> Right {
  if (RIGHT_TURNED) {
    return subgroupMatrixLoad<Right, col_major>(&right_tile, at, RIGHT_STRIDE);
  }
  return subgroupMatrixLoad<Right, row_major>(&right_tile, at, RIGHT_STRIDE);
}

fn plus_product(sums: Sums, left: Left, right: Right, lane: u32) -> Sums {
  return subgroupMatrixMultiplyAccumulate(left, right, sums);
}

fn lay_out(at: u32, sums: Sums, lane: u32) {
  subgroupMatrixStore<row_major>(&laid_out, at, sums, 16u);
}
