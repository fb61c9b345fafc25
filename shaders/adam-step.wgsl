// g = gradient_factor * gradient
// mean = beta1 * mean + (1 - beta1) * g;   square = beta2 * square + (1 - beta2) * g^2
// parameter = parameter * shrink - rate * mean / (sqrt(square) + epsilon), all three in place

struct Sizes {
  length: u32,
  gradient_factor: f32,
  beta1: f32,
  rest1: f32, // 1 - beta1, which would lose digits here
  beta2: f32,
  rest2: f32,
  rate: f32,
  epsilon: f32,
  shrink: f32,
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> gradient: array<f32>;
@group(0) @binding(2) var<storage, read_write> parameter: array<f32>;
@group(0) @binding(3) var<storage, read_write> mean: array<f32>;
@group(0) @binding(4) var<storage, read_write> square: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(thread: Thread) {
  let i = thread_number(thread);
  if (i >= sizes.length) {
    return;
  }
  let g = sizes.gradient_factor * gradient[i];
  let m = sizes.beta1 * mean[i] + sizes.rest1 * g;
  let s = sizes.beta2 * square[i] + sizes.rest2 * g * g;
  mean[i] = m;
  square[i] = s;
  parameter[i] = parameter[i] * sizes.shrink - sizes.rate * m / (sqrt(s) + sizes.epsilon);
}
