// dx[n,y,x,c] = sum of dy over the windows of which x[n,y,x,c] is the first of the largest numbers, row by row.
// One thread a number of the input: it looks through the windows that see it, so nothing is written twice.

@group(0) @binding(0) var<uniform> sizes: Window;
@group(0) @binding(1) var<storage, read> input: array<real>;
@group(0) @binding(2) var<storage, read> output_gradient: array<real>;
@group(0) @binding(3) var<storage, read_write> output: array<real>;

fn is_first_largest(place: Place, mine: real, rows: Range, columns: Range) -> bool {
  for (var y = rows.first; y < rows.end; y++) {
    for (var x = columns.first; x < columns.end; x++) {
      let pixel = (place.n * u32(sizes.height) + u32(y)) * u32(sizes.width) + u32(x);
      let other = input[pixel * sizes.channels + place.c];
      let earlier = y < i32(place.i) || (y == i32(place.i) && x < i32(place.j));
      if (other > mine || (other == mine && earlier)) {
        return false;
      }
    }
  }
  return true;
}

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
      if (is_first_largest(place, input[index], rows, columns)) {
        let window = (place.n * sizes.out_height + u32(i)) * sizes.out_width + u32(j);
        sum += f32(output_gradient[window * sizes.channels + place.c]);
      }
    }
  }
  output[index] = real(sum);
}
