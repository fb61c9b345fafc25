// dx[n,y,x,c] = sum over the windows i,j that see the position of dy[n,i,j,c] * filter[p,q,c],
// with p = y+top - i*stride_y and q = x+left - j*stride_x. One thread a number of the input,
// or a vector of four channels: sizes.channels counts LANES.

@group(0) @binding(0) var<uniform> sizes: Window;
@group(0) @binding(1) var<storage, read> output_gradient: array<Lanes>;
@group(0) @binding(2) var<storage, read> weights: array<Lanes>;
@group(0) @binding(3) var<storage, read_write> output: array<Lanes>;

@compute @workgroup_size(WORKGROUP)
fn main(thread: Thread) {
  let index = thread_number(thread);
  let place = place_of(index, u32(sizes.height), u32(sizes.width), sizes.channels);
  if (place.n >= sizes.batch) {
    return;
  }
  let y = i32(place.i) + sizes.top;
  let x = i32(place.j) + sizes.left;
  let down = windows_over(y, sizes.filter_height, sizes.stride_y, sizes.out_height);
  let across = windows_over(x, sizes.filter_width, sizes.stride_x, sizes.out_width);
  var sum = Numbers(0.0);
  for (var i = down.first; i < down.end; i++) {
    let p = u32(y) - u32(i) * sizes.stride_y;
    for (var j = across.first; j < across.end; j++) {
      let q = u32(x) - u32(j) * sizes.stride_x;
      let window = (place.n * sizes.out_height + u32(i)) * sizes.out_width + u32(j);
      let weight = weights[(p * sizes.filter_width + q) * sizes.channels + place.c];
      sum += Numbers(output_gradient[window * sizes.channels + place.c]) * Numbers(weight);
    }
  }
  output[index] = Lanes(sum);
}
