// dx = dy * f'(x): 1 where 0 < x < ceiling, slope where x <= 0, 0 where x >= ceiling

struct Sizes {
  length: u32,
  slope: f32,
  ceiling: f32,
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> input: array<f32>;
@group(0) @binding(2) var<storage, read> output_gradient: array<f32>;
@group(0) @binding(3) var<storage, read_write> output: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(thread: Thread) {
  let i = thread_number(thread);
  if (i >= sizes.length) {
    return;
  }
  let x = input[i];
  let below_ceiling = select(sizes.slope, 1.0, x > 0.0);
  output[i] = output_gradient[i] * select(0.0, below_ceiling, x < sizes.ceiling);
}
