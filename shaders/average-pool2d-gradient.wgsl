// dx[n,y,x,c] = sum of dy / count over the windows that see the position, count being their positions inside the image.
// One thread a number of the input.

@group(0) @binding(0) var<uniform> sizes: Window;
@group(0) @binding(1) var<storage, read> output_gradient: array<real>;
@group(0) @binding(2) var<storage, read_write> output: array<real>;

@compute @workgroup_size(WORKGROUP)
fn main(thread: Thread) {
  let index = thread_number(thread);
  let place = place_of(index, u32(sizes.height), u32(sizes.width), sizes.channels);
  if (place.n >= sizes.batch) {
    return;
  }
  let down = windows_over(i32(place.i) + sizes.top, sizes.filter_height, sizes.stride_y, sizes.out_height);
  let across = windows_over(i32(place.j) + sizes.left, sizes.filter_width, sizes.stride_x, sizes.out_width);
  var sum = 0.0;
  for (var i = down.first; i < down.end; i++) {
    let rows = inside(i, sizes.filter_height, sizes.stride_y, sizes.top, sizes.height);
    for (var j = across.first; j < across.end; j++) {
      let columns = inside(j, sizes.filter_width, sizes.stride_x, sizes.left, sizes.width);
      let count = (rows.end - rows.first) * (columns.end - columns.first);
      let window = (place.n * sizes.out_height + u32(i)) * sizes.out_width + u32(j);
      sum += f32(output_gradient[window * sizes.channels + place.c]) / f32(count);
    }
  }
  output[index] = real(sum);
}
