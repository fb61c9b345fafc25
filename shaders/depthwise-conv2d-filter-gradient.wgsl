// dfilter[p,q,c] = sum over n,i,j of x[n, i*stride_y+p-top, j*stride_x+q-left, c] * dy[n,i,j,c]
//
// As a sum over the rows of a matrix (see reduction.wgsl):
//   row     (n * out_height + i) * out_width + j       a position of dy
//   column  (p * filter_width + q) * channels + c      a weight
// output[part, column] is the sum over the rows of the part.

alias Sum = f32;

struct Sizes {
  rows: u32,
  columns: u32,
  share: u32,
  across: u32,
  height: i32,
  width: i32,
  channels: u32,
  out_height: u32,
  out_width: u32,
  filter_width: u32,
  stride_y: u32,
  stride_x: u32,
  top: i32,
  left: i32,
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> input: array<real>;
@group(0) @binding(2) var<storage, read> output_gradient: array<real>;
@group(0) @binding(3) var<storage, read_write> output: array<f32>;

fn term(row: u32, column: u32) -> f32 {
  let c = column % sizes.channels;
  let tap = column / sizes.channels;
  let line = row / sizes.out_width;
  let y = i32(line % sizes.out_height * sizes.stride_y + tap / sizes.filter_width) - sizes.top;
  let x = i32(row % sizes.out_width * sizes.stride_x + tap % sizes.filter_width) - sizes.left;
  if (y < 0 || y >= sizes.height || x < 0 || x >= sizes.width) {
    return 0.0;
  }
  let pixel = (line / sizes.out_height * u32(sizes.height) + u32(y)) * u32(sizes.width) + u32(x);
  return f32(input[pixel * sizes.channels + c]) * f32(output_gradient[row * sizes.channels + c]);
}

fn store(part: u32, column: u32, sum: f32) {
  output[part * sizes.columns + column] = sum;
}
