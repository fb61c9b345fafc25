// y[o,i] = x[o,0,i], x[o,1,i] ... in one number, by one of REDUCTIONS in graph-kernels.ts, by its place in that list.
// One thread a number of the output. Sums are made of sums of RUN numbers, which keeps the rounding error small.

const RUN = 64u;

struct Sizes {
  length: u32,
  which: u32,
  count: u32,
  inner: u32,
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> input: array<real>;
@group(0) @binding(2) var<storage, read_write> output: array<real>;

fn start() -> f32 {
  switch sizes.which {
    case 1u: { return -3.4028234e38; } // WGSL has no infinities
    case 2u: { return 3.4028234e38; }
    case 3u: { return 1.0; }
    default: { return 0.0; }
  }
}

fn join(left: f32, right: f32) -> f32 {
  switch sizes.which {
    case 1u: { return max(left, right); }
    case 2u: { return min(left, right); }
    case 3u: { return left * right; }
    default: { return left + right; }
  }
}

fn term(x: f32) -> f32 {
  switch sizes.which {
    case 4u: { return abs(x); }
    case 5u: { return x * x; }
    default: { return x; }
  }
}

@compute @workgroup_size(WORKGROUP)
fn main(thread: Thread) {
  let index = thread_number(thread);
  if (index >= sizes.length) {
    return;
  }
  let row = index / sizes.inner * sizes.count;
  let i = index % sizes.inner;
  var total = start();
  for (var begin = 0u; begin < sizes.count; begin += RUN) {
    var run = start();
    for (var k = begin; k < min(begin + RUN, sizes.count); k++) {
      run = join(run, term(f32(input[(row + k) * sizes.inner + i])));
    }
    total = join(total, run);
  }
  output[index] = real(total);
}
