// y[i0,i1,...] = f(left[sum of i * left_strides], right[sum of i * right_strides]), f one of BINARY_FUNCTIONS in
// graph-kernels.ts, by its place in that list. One thread a number of the output.

struct Sizes {
  sides: array<vec4u, 2>,
  left_strides: array<vec4u, 2>,
  right_strides: array<vec4u, 2>,
  length: u32,
  which: u32,
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> left: array<real>;
@group(0) @binding(2) var<storage, read> right: array<real>;
@group(0) @binding(3) var<storage, read_write> output: array<real>;

// |x|^y, negative where x is and y is odd. WGSL has no power of negative numbers, and may lose the one of 0.
fn power(x: f32, y: f32) -> f32 {
  if (x == 0.0 || y == 0.0) {
    return select(select(1.0 / abs(x), 1.0, y == 0.0), 0.0, y > 0.0);
  }
  let size = pow(abs(x), y);
  if (x > 0.0) {
    return size;
  }
  if (y != floor(y)) {
    return sqrt(x); // not a number
  }
  let half = 0.5 * y;
  return select(-size, size, half == floor(half));
}

fn apply(l: f32, r: f32) -> f32 {
  switch sizes.which {
    case 0u: { return l + r; }
    case 1u: { return l - r; }
    case 2u: { return l * r; }
    case 3u: { return l / r; }
    case 4u: { return power(l, r); }
    case 5u: { return max(l, r); }
    case 6u: { return min(l, r); }
    case 7u: { return select(0.0, 1.0, l == r); }
    case 8u: { return select(0.0, 1.0, l > r); }
    case 9u: { return select(0.0, 1.0, l >= r); }
    default: { return l; }
  }
}

@compute @workgroup_size(WORKGROUP)
fn main(thread: Thread) {
  let i = thread_number(thread);
  if (i >= sizes.length) {
    return;
  }
  var rest = i;
  var l = 0u;
  var r = 0u;
  for (var axis = 7; axis >= 0; axis--) {
    let side = sizes.sides[axis / 4][axis % 4];
    let index = rest % side;
    rest /= side;
    l += index * sizes.left_strides[axis / 4][axis % 4];
    r += index * sizes.right_strides[axis / 4][axis % 4];
  }
  output[i] = real(apply(f32(left[l]), f32(right[r])));
}
