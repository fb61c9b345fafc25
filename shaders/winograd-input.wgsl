// V = B^T d B of every window d of 4x4 pixels, two apart: from [batch, height, width, channels] to
// [4, 4, tiles, channels]. The second step of Winograd's convolution (winograd.ts has the whole of it).
//
//        1  0 -1  0
// B^T =  0  1  1  0
//        0 -1  1  0
//        0  1  0 -1
//
// One thread four channels of a tile. Pixels outside the image are zeros.

struct Sizes {
  tiles: u32, // of all images
  tiles_down: u32, // of one image
  tiles_across: u32,
  height: i32,
  width: i32,
  vectors: u32, // channels / 4
  top: i32,
  left: i32,
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> input: array<real4>;
@group(0) @binding(2) var<storage, read_write> output: array<real4>;

// Where a thread's window begins.
struct Window {
  first_row: i32, // counted through all images
  y: i32,
  x: i32,
  vector: i32,
}

fn pixel_at(window: Window, i: i32, j: i32) -> vec4f {
  let y = window.y + i;
  let x = window.x + j;
  let is_inside = (u32(y) < u32(sizes.height)) & (u32(x) < u32(sizes.width));
  let index = ((window.first_row + y) * sizes.width + x) * i32(sizes.vectors) + window.vector;
  return select(vec4f(), vec4f(input[select(0, index, is_inside)]), is_inside);
}

// B^T d for a d of four numbers.
fn transformed(d: mat4x4f) -> mat4x4f {
  return mat4x4f(d[0] - d[2], d[1] + d[2], d[2] - d[1], d[1] - d[3]);
}

fn row_of(window: Window, i: i32) -> mat4x4f {
  return transformed(
    mat4x4f(pixel_at(window, i, 0), pixel_at(window, i, 1), pixel_at(window, i, 2), pixel_at(window, i, 3)),
  );
}

fn store_column(column: u32, index: u32, d: mat4x4f) {
  let v = transformed(d);
  let length = sizes.tiles * sizes.vectors;
  output[column * length + index] = real4(v[0]);
  output[(4u + column) * length + index] = real4(v[1]);
  output[(8u + column) * length + index] = real4(v[2]);
  output[(12u + column) * length + index] = real4(v[3]);
}

@compute @workgroup_size(WORKGROUP)
fn main(thread: Thread) {
  let index = thread_number(thread);
  if (index >= sizes.tiles * sizes.vectors) {
    return;
  }
  let tile = place_of(index, sizes.tiles_down, sizes.tiles_across, sizes.vectors);
  let window = Window(
    i32(tile.n) * sizes.height,
    i32(2u * tile.i) - sizes.top,
    i32(2u * tile.j) - sizes.left,
    i32(tile.c),
  );
  let r0 = row_of(window, 0);
  let r1 = row_of(window, 1);
  let r2 = row_of(window, 2);
  let r3 = row_of(window, 3);
  store_column(0u, index, mat4x4f(r0[0], r1[0], r2[0], r3[0]));
  store_column(1u, index, mat4x4f(r0[1], r1[1], r2[1], r3[1]));
  store_column(2u, index, mat4x4f(r0[2], r1[2], r2[2], r3[2]));
  store_column(3u, index, mat4x4f(r0[3], r1[3], r2[3], r3[3]));
}
