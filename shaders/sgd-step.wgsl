// g = gradient_factor * gradient + weight_decay * parameter;   velocity = momentum * velocity + g
// parameter = parameter - rate * (nesterov ? g + momentum * velocity : velocity), both in place

struct Sizes {
  length: u32,
  has_velocity: u32,
  nesterov: u32,
  gradient_factor: f32,
  rate: f32,
  momentum: f32,
  weight_decay: f32,
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> gradient: array<f32>;
@group(0) @binding(2) var<storage, read_write> parameter: array<f32>;
@group(0) @binding(3) var<storage, read_write> velocity: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(thread: Thread) {
  let i = thread_number(thread);
  if (i >= sizes.length) {
    return;
  }
  let g = sizes.gradient_factor * gradient[i] + sizes.weight_decay * parameter[i];
  var direction = g;
  if (sizes.has_velocity != 0) {
    let v = sizes.momentum * velocity[i] + g;
    velocity[i] = v;
    direction = select(v, g + sizes.momentum * v, sizes.nesterov != 0);
  }
  parameter[i] -= sizes.rate * direction;
}
