// Prepended, or vectors.wgsl in its place, to the shaders that come in two forms. In this one channels may be any number,
// and buffers hold single numbers.

const VECTOR = false;
const LANES = 1u;
alias Lanes = real;

fn first_lane(lanes: Lanes) -> real {
  return lanes;
}

// For code that only the other form runs.
fn lanes_of(vector: real4) -> Lanes {
  return vector.x;
}
