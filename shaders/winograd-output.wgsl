// y = f(bias[o] + residual[n,i,j,o] + (A^T M A)[i,j]): from [4, 4, tiles, out_channels] to
// [batch, out_height, out_width, out_channels], 2x2 numbers of each channel from a tile. The last step of Winograd's
// convolution (winograd.ts has the whole of it).
//
// A^T =  1  1  1  0
//        0  1 -1 -1
//
// One thread four channels of a tile. Where a side of the output is odd, half of the last tiles lies outside.

struct Sizes {
  tiles: u32, // of all images
  tiles_down: u32, // of one image
  tiles_across: u32,
  out_height: u32,
  out_width: u32,
  vectors: u32, // out_channels / 4
  has_bias: u32,
  has_residual: u32,
  slope: f32,
  ceiling: f32,
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> products: array<real4>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read> residual: array<real4>;
@group(0) @binding(4) var<storage, read_write> output: array<real4>;

fn product_at(row: u32, column: u32, index: u32) -> vec4f {
  return vec4f(products[(4u * row + column) * sizes.tiles * sizes.vectors + index]);
}

// A^T m for an m of four numbers.
fn transformed(m: mat4x4f) -> mat2x4f {
  return mat2x4f(m[0] + m[1] + m[2], m[1] - m[2] - m[3]);
}

fn row_of(row: u32, index: u32) -> mat2x4f {
  return transformed(
    mat4x4f(
      product_at(row, 0u, index),
      product_at(row, 1u, index),
      product_at(row, 2u, index),
      product_at(row, 3u, index),
    ),
  );
}

// What follows the sum, as in conv2d.wgsl.
fn store(tile: Place, i: u32, j: u32, sum: vec4f) {
  if (i >= sizes.out_height || j >= sizes.out_width) {
    return;
  }
  let index = ((tile.n * sizes.out_height + i) * sizes.out_width + j) * sizes.vectors + tile.c;
  var z = sum;
  if (sizes.has_bias != 0) {
    let o = 4u * tile.c;
    z += vec4f(bias[o], bias[o + 1u], bias[o + 2u], bias[o + 3u]);
  }
  if (sizes.has_residual != 0) {
    z += vec4f(residual[index]);
  }
  output[index] = real4(activate_all(z, sizes.slope, sizes.ceiling));
}

@compute @workgroup_size(WORKGROUP)
fn main(thread: Thread) {
  let index = thread_number(thread);
  if (index >= sizes.tiles * sizes.vectors) {
    return;
  }
  let r0 = row_of(0u, index);
  let r1 = row_of(1u, index);
  let r2 = row_of(2u, index);
  let r3 = row_of(3u, index);
  let left = transformed(mat4x4f(r0[0], r1[0], r2[0], r3[0]));
  let right = transformed(mat4x4f(r0[1], r1[1], r2[1], r3[1]));
  let tile = place_of(index, sizes.tiles_down, sizes.tiles_across, sizes.vectors);
  store(tile, 2u * tile.i, 2u * tile.j, left[0]);
  store(tile, 2u * tile.i, 2u * tile.j + 1u, right[0]);
  store(tile, 2u * tile.i + 1u, 2u * tile.j, left[1]);
  store(tile, 2u * tile.i + 1u, 2u * tile.j + 1u, right[1]);
}
