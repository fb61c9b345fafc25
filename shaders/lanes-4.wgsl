// Prepended to the shaders that are written once for numbers and for vectors of four: here they go by vectors, so that
// a thread moves 16 bytes at once and finds its channels once for four. Lengths and channels count vectors then.

const VECTOR = true;
const LANES = 4u;
alias Lanes = real4; // what buffers hold
alias Numbers = vec4f; // what is computed with
alias TwoSums = mat2x4f; // of Numbers each, [0] and [1]

// For code that only the other form runs.
fn first_lane(lanes: Lanes) -> real {
  return lanes.x;
}

fn lanes_of(vector: real4) -> Lanes {
  return vector;
}

fn numbers_of(vector: vec4f) -> Numbers {
  return vector;
}
