// output[part, column] = sum of x[row, column] over the rows of the part; see reduction.wgsl

alias Sum = Numbers;

struct Sizes {
  rows: u32,
  columns: u32,
  share: u32,
  across: u32,
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> input: array<Numbers>;
@group(0) @binding(2) var<storage, read_write> output: array<Numbers>;

fn term(row: u32, column: u32) -> Numbers {
  return input[row * sizes.columns + column];
}

fn store(part: u32, column: u32, sum: Numbers) {
  output[part * sizes.columns + column] = sum;
}
