// dx = dy * f'(x): 1 where 0 < x < ceiling, slope where x <= 0, 0 where x >= ceiling

struct Sizes {
  length: u32,
  slope: f32,
  ceiling: f32,
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> input: array<Lanes>;
@group(0) @binding(2) var<storage, read> output_gradient: array<Lanes>;
@group(0) @binding(3) var<storage, read_write> output: array<Lanes>;

@compute @workgroup_size(WORKGROUP)
fn main(thread: Thread) {
  let i = thread_number(thread);
  if (i >= sizes.length) {
    return;
  }
  output[i] = Lanes(Numbers(output_gradient[i]) * derivative(Numbers(input[i]), sizes.slope, sizes.ceiling));
}
