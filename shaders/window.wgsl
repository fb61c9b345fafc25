// Prepended to the shaders that ask, for one position of the input, which windows see it.

struct Window {
  batch: u32,
  height: i32,
  width: i32,
  channels: u32,
  out_height: u32,
  out_width: u32,
  filter_height: u32,
  filter_width: u32,
  stride_y: u32,
  stride_x: u32,
  top: i32,
  left: i32,
}

// From the first window to below the end.
struct Range {
  first: i32,
  end: i32,
}

// The windows i with 0 <= position - i * stride < filter and i < count, the position counted from where the padding
// begins. Only these do any work, whatever the stride.
fn windows_over(position: i32, filter_length: u32, stride: u32, count: u32) -> Range {
  let step = i32(stride);
  let first = max(0, position - i32(filter_length) + step) / step;
  return Range(first, min(position / step + 1, i32(count)));
}

// Where a window begins and ends inside the image.
fn inside(window: i32, filter_length: u32, stride: u32, padding: i32, length: i32) -> Range {
  let begin = window * i32(stride) - padding;
  return Range(max(0, begin), min(begin + i32(filter_length), length));
}
