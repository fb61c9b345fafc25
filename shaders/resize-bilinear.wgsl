// Bilinear resize with half-pixel centres: output pixel j looks at (j + 1/2) * width / out_width - 1/2, clamped to the
// image. One thread a number of the output.

struct Sizes {
  batch: u32,
  height: u32,
  width: u32,
  channels: u32,
  out_height: u32,
  out_width: u32,
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> input: array<real>;
@group(0) @binding(2) var<storage, read_write> output: array<real>;

// Two neighbouring rows (or columns) and how far the position lies from the first towards the second.
struct Between {
  first: u32,
  second: u32,
  share: f32,
}

// The position is ((2j + 1) * length - out_length) / (2 * out_length). Divided as whole numbers, so that the share
// does not lose digits where the position is large.
fn between(j: u32, length: u32, out_length: u32) -> Between {
  let numerator = max((2u * j + 1u) * length, out_length) - out_length;
  let denominator = 2u * out_length;
  let first = min(numerator / denominator, length - 1u);
  let share = f32(numerator - first * denominator) / f32(denominator);
  return Between(first, min(first + 1u, length - 1u), share);
}

fn pixel(n: u32, y: u32, x: u32, c: u32) -> f32 {
  return f32(input[((n * sizes.height + y) * sizes.width + x) * sizes.channels + c]);
}

@compute @workgroup_size(WORKGROUP)
fn main(thread: Thread) {
  let index = thread_number(thread);
  let place = place_of(index, sizes.out_height, sizes.out_width, sizes.channels);
  if (place.n >= sizes.batch) {
    return;
  }
  let y = between(place.i, sizes.height, sizes.out_height);
  let x = between(place.j, sizes.width, sizes.out_width);
  let upper = mix(pixel(place.n, y.first, x.first, place.c), pixel(place.n, y.first, x.second, place.c), x.share);
  let lower = mix(pixel(place.n, y.second, x.first, place.c), pixel(place.n, y.second, x.second, place.c), x.share);
  output[index] = real(mix(upper, lower, y.share));
}
