// Prepended to the shaders that are written once for numbers and for vectors of four: here they go number by number.

const VECTOR = false;
const LANES = 1u;
alias Lanes = real; // what buffers hold
alias Numbers = f32; // what is computed with
alias TwoSums = vec2f; // of Numbers each, [0] and [1]

fn first_lane(lanes: Lanes) -> real {
  return lanes;
}

// For code that only the other form runs.
fn lanes_of(vector: real4) -> Lanes {
  return vector.x;
}

fn numbers_of(vector: vec4f) -> Numbers {
  return vector.x;
}
