// Prepended, or numbers.wgsl in its place, to the shaders that come in two forms. In this one the channels are multiples
// of four, and buffers hold vectors of four neighbouring channels.

const VECTOR = true;
const LANES = 4u;
alias Lanes = real4;

// For code that only the other form runs.
fn first_lane(lanes: Lanes) -> real {
  return lanes.x;
}

fn lanes_of(vector: real4) -> Lanes {
  return vector;
}
