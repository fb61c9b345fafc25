// Prepended after lanes-1.wgsl or lanes-4.wgsl.

// As activate() of prelude.wgsl.
fn activate_all(z: Numbers, slope: f32, ceiling: f32) -> Numbers {
  let y = select(slope * z, z, z > Numbers(0.0));
  return select(y, Numbers(ceiling), y > Numbers(ceiling));
}

// f'(z), told from z or from f(z); see batchNormSums in kernel.ts.
fn derivative(z: Numbers, slope: f32, ceiling: f32) -> Numbers {
  let below_ceiling = select(Numbers(slope), Numbers(1.0), z > Numbers(0.0));
  return select(Numbers(0.0), below_ceiling, z < Numbers(ceiling));
}
