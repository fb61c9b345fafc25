// y = 1 / (1 + exp(-x)), with the exponential of a number that is never positive: it cannot overflow

struct Sizes {
  length: u32,
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
  let x = f32(input[i]);
  let e = exp(-abs(x));
  output[i] = real(select(e, 1.0, x > 0.0) / (1.0 + e));
}
