// U = G g G^T of every 3x3 filter g, a filter being what leads from one channel to one other: from [3,3,c,o] to
// [4,4,c,o]. The first step of Winograd's convolution (winograd.ts has the whole of it).
//
//       1    0    0       The polynomial g[0] + g[1] x + g[2] x^2 at x = 0, at 1 and -1 (halved), and at infinity,
//  G = 1/2  1/2  1/2      where only g[2] counts.
//      1/2 -1/2  1/2
//       0    0    1
//
// One thread four filters that lie side by side.

struct Sizes {
  vectors: u32, // of a place: in_channels * out_channels / 4
  is_turned: u32, // by 180 degrees, as the gradient of the input needs the filters
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> weights: array<real4>;
@group(0) @binding(2) var<storage, read_write> output: array<real4>;

fn weight_at(p: u32, q: u32, i: u32) -> vec4f {
  let place = 3u * p + q;
  return vec4f(weights[select(place, 8u - place, sizes.is_turned != 0) * sizes.vectors + i]);
}

// G g for a g of three numbers.
fn transformed(g: mat3x4f) -> mat4x4f {
  let even = 0.5 * (g[0] + g[2]);
  let odd = 0.5 * g[1];
  return mat4x4f(g[0], even + odd, even - odd, g[2]);
}

fn row_of(p: u32, i: u32) -> mat4x4f {
  return transformed(mat3x4f(weight_at(p, 0u, i), weight_at(p, 1u, i), weight_at(p, 2u, i)));
}

fn store_column(column: u32, i: u32, g: mat3x4f) {
  let u = transformed(g);
  output[column * sizes.vectors + i] = real4(u[0]);
  output[(4u + column) * sizes.vectors + i] = real4(u[1]);
  output[(8u + column) * sizes.vectors + i] = real4(u[2]);
  output[(12u + column) * sizes.vectors + i] = real4(u[3]);
}

@compute @workgroup_size(WORKGROUP)
fn main(thread: Thread) {
  let i = thread_number(thread);
  if (i >= sizes.vectors) {
    return;
  }
  let r0 = row_of(0u, i);
  let r1 = row_of(1u, i);
  let r2 = row_of(2u, i);
  store_column(0u, i, mat3x4f(r0[0], r1[0], r2[0]));
  store_column(1u, i, mat3x4f(r0[1], r1[1], r2[1]));
  store_column(2u, i, mat3x4f(r0[2], r1[2], r2[2]));
  store_column(3u, i, mat3x4f(r0[3], r1[3], r2[3]));
}
