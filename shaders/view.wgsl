// y[i0,i1,...] = x[offset + sum of i * strides]: one thread a number of the output

struct Sizes {
  sides: array<vec4u, 2>,
  strides: array<vec4i, 2>, // negative ones go backwards
  length: u32,
  offset: i32,
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> input: array<real>;
@group(0) @binding(2) var<storage, read_write> output: array<real>;

@compute @workgroup_size(WORKGROUP)
fn main(thread: Thread) {
  let i = thread_number(thread);
  if (i >= sizes.length) {
    return;
  }
  var rest = i;
  var at = sizes.offset;
  for (var axis = 7; axis >= 0; axis--) {
    let side = sizes.sides[axis / 4][axis % 4];
    at += i32(rest % side) * sizes.strides[axis / 4][axis % 4];
    rest /= side;
  }
  output[i] = input[at];
}
