// y = f(x), f one of UNARY_FUNCTIONS in graph-kernels.ts, by its place in that list

struct Sizes {
  length: u32,
  which: u32,
  a: f32,
  b: f32,
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> input: array<real>;
@group(0) @binding(2) var<storage, read_write> output: array<real>;

// What is not a number stays so, which clamp() does not promise.
fn between(x: f32, lowest: f32, highest: f32) -> f32 {
  let above = select(x, lowest, x < lowest);
  return select(above, highest, above > highest);
}

fn apply(x: f32) -> f32 {
  switch sizes.which {
    case 0u: { return abs(x); }
    case 1u: { return ceil(x); }
    case 2u: { return between(x, sizes.a, sizes.b); }
    case 3u: { return select(sizes.a * (exp(min(x, 0.0)) - 1.0), x, x > 0.0); }
    case 4u: { return exp(x); }
    case 5u: { return floor(x); }
    case 6u: { return between(sizes.a * x + sizes.b, 0.0, 1.0); }
    case 7u: { return x * between(sizes.a * x + sizes.b, 0.0, 1.0); }
    case 8u: { return log(x); }
    case 9u: { return 1.0 / x; }
    case 10u: { return round(x); }
    case 11u: { return max(x, 0.0) + log(1.0 + exp(-abs(x))); } // as log(1 + e^x), which overflows
    case 12u: { return x / (1.0 + abs(x)); }
    case 13u: { return sqrt(x); }
    case 14u: {
      let e = exp(-2.0 * abs(x)); // the tanh of WGSL may overflow on the way
      return sign(x) * (1.0 - e) / (1.0 + e);
    }
    default: { return x; }
  }
}

@compute @workgroup_size(WORKGROUP)
fn main(thread: Thread) {
  let i = thread_number(thread);
  if (i >= sizes.length) {
    return;
  }
  output[i] = real(apply(f32(input[i])));
}
