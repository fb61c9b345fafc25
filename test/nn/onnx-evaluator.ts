import type { OnnxGraph, OnnxNode, OnnxTensor } from '../../src/nn/onnx/proto';

/** Numbers in a shape, channels before height and width. */
export interface Evaluated {
  dims: number[];
  values: Float64Array;
}

/** An initializer's numbers. */
export function numbersOf({ dims, dataType, rawData }: OnnxTensor): Evaluated {
  const { buffer } = Uint8Array.from(rawData);
  const values = dataType === 7 ? Array.from(new BigInt64Array(buffer), Number) : new Float32Array(buffer);
  return { dims: dims.map(Number), values: Float64Array.from(values) };
}

/** Carries out a graph as the ONNX standard defines its operators, in plain loops and float64: no part of the engine. */
export function evaluate(graph: OnnxGraph, input: Evaluated): Map<string, Evaluated> {
  const values = new Map(graph.initializer.map((tensor) => [tensor.name, numbersOf(tensor)]));
  values.set('input', input);
  for (const node of graph.node) {
    const operands = node.input.map((name) => {
      const found = values.get(name);
      if (!found) throw new Error(`${node.name} reads ${name}, which nothing before it gives`);
      return found;
    });
    values.set(node.output[0], apply(node, operands));
  }
  return values;
}

const intsOf = (node: OnnxNode, name: string): number[] =>
  node.attribute.find((attribute) => attribute.name === name)?.ints.map(Number) ?? [];
const intOf = (node: OnnxNode, name: string, other: number): number =>
  Number(node.attribute.find((attribute) => attribute.name === name)?.i ?? other);
const floatOf = (node: OnnxNode, name: string): number =>
  node.attribute.find((attribute) => attribute.name === name)?.f ?? 0;

const product = (sides: readonly number[]) => sides.reduce((size, side) => size * side, 1);

function apply(node: OnnxNode, [x, y, ...more]: Evaluated[]): Evaluated {
  switch (node.opType) {
    case 'Conv':
      return conv(node, x, y, more[0]);
    case 'MaxPool':
      return pool(node, x, (seen) => Math.max(...seen));
    case 'AveragePool':
      return pool(node, x, (seen) => seen.reduce((sum, value) => sum + value) / seen.length);
    case 'GlobalAveragePool': {
      const size = product(x.dims.slice(2));
      const sums = new Float64Array(x.values.length / size);
      for (const [at, value] of x.values.entries()) sums[Math.floor(at / size)] += value / size;
      return { dims: [...x.dims.slice(0, 2), 1, 1], values: sums };
    }
    case 'BatchNormalization': {
      const [beta, mean, variance] = more;
      const inner = product(x.dims.slice(2));
      const epsilon = floatOf(node, 'epsilon');
      return mapped(x, (value, at) => {
        const c = Math.floor(at / inner) % x.dims[1];
        const unit = (value - mean.values[c]) / Math.sqrt(variance.values[c] + epsilon);
        return unit * y.values[c] + beta.values[c];
      });
    }
    case 'Relu':
      return mapped(x, (value) => Math.max(0, value));
    case 'LeakyRelu':
      return mapped(x, (value) => (value > 0 ? value : floatOf(node, 'alpha') * value));
    case 'PRelu':
      return broadcast(x, y, (value, slope) => (value > 0 ? value : slope * value));
    case 'Clip':
      return mapped(x, (value) => Math.min(more[0].values[0], Math.max(y.values[0], value)));
    case 'Sigmoid':
      return mapped(x, (value) => 1 / (1 + Math.exp(-value)));
    case 'Add':
      return broadcast(x, y, (a, b) => a + b);
    case 'Mul':
      return broadcast(x, y, (a, b) => a * b);
    case 'Div':
      return broadcast(x, y, (a, b) => a / b);
    case 'Max':
      return broadcast(x, y, Math.max);
    case 'Min':
      return broadcast(x, y, Math.min);
    case 'ReduceL2':
      return alongAxis(x, intsOf(node, 'axes')[0], (line) => [Math.hypot(...line)]);
    case 'Softmax':
      return alongAxis(x, intOf(node, 'axis', -1), (line) => {
        const sum = line.reduce((total, value) => total + Math.exp(value), 0);
        return line.map((value) => Math.exp(value) / sum);
      });
    case 'Concat': {
      const axis = intOf(node, 'axis', 0);
      const parts = [x, y, ...more];
      const inners = parts.map(({ dims }) => product(dims.slice(axis)));
      const lines = Array.from({ length: product(x.dims.slice(0, axis)) }, (_, line) =>
        parts.flatMap(({ values }, k) => [...values.subarray(line * inners[k], (line + 1) * inners[k])]),
      );
      const total = parts.reduce((sum, { dims }) => sum + dims[axis], 0);
      return { dims: x.dims.with(axis, total), values: Float64Array.from(lines.flat()) };
    }
    case 'Flatten':
      return { dims: [x.dims[0], product(x.dims.slice(1))], values: x.values };
    case 'Reshape': {
      const known = product([...y.values].filter((side) => side !== -1));
      return { dims: Array.from(y.values, (side) => (side === -1 ? x.values.length / known : side)), values: x.values };
    }
    case 'Transpose':
      return transpose(x, intsOf(node, 'perm'));
    case 'Pad':
      return pad(x, [...y.values]);
    case 'Gemm':
      return gemm(x, y, more[0], intOf(node, 'transB', 0) === 1);
    case 'MatMul': {
      const rows = { dims: [product(x.dims.slice(0, -1)), x.dims[x.dims.length - 1]], values: x.values };
      return { ...gemm(rows, y, undefined, false), dims: [...x.dims.slice(0, -1), y.dims[1]] };
    }
    default:
      throw new Error(`the evaluator does not know ${node.opType}`);
  }
}

const mapped = ({ dims, values }: Evaluated, map: (value: number, at: number) => number): Evaluated => ({
  dims,
  values: values.map(map),
});

function placesOf(dims: readonly number[], at: number): number[] {
  const places: number[] = [];
  for (let axis = dims.length - 1; axis >= 0; axis--) {
    places.unshift(at % dims[axis]);
    at = Math.floor(at / dims[axis]);
  }
  return places;
}

const offsetOf = (dims: readonly number[], places: readonly number[]): number =>
  dims.reduce((offset, side, axis) => offset * side + (side === 1 ? 0 : places[axis]), 0);

/** Right-aligned, the second operand's sides of 1 repeated. */
function broadcast(x: Evaluated, y: Evaluated, combine: (a: number, b: number) => number): Evaluated {
  if (y.values.length === 1) return mapped(x, (value) => combine(value, y.values[0]));
  const missing = x.dims.length - y.dims.length;
  return mapped(x, (value, at) => combine(value, y.values[offsetOf(y.dims, placesOf(x.dims, at).slice(missing))]));
}

function alongAxis(x: Evaluated, axis: number, map: (line: number[]) => number[]): Evaluated {
  const at = (axis + x.dims.length) % x.dims.length;
  const order = [...x.dims.keys()].filter((other) => other !== at);
  const last = transpose(x, [...order, at]);
  const side = x.dims[at];
  const lines = Array.from({ length: x.values.length / side }, (_, k) =>
    map([...last.values.subarray(k * side, (k + 1) * side)]),
  );
  const dims = [...order.map((other) => x.dims[other]), lines[0].length];
  const back = [...x.dims.keys()].map((other) => (other === at ? order.length : order.indexOf(other)));
  return transpose({ dims, values: Float64Array.from(lines.flat()) }, back);
}

function transpose({ dims, values }: Evaluated, perm: readonly number[]): Evaluated {
  const turned = perm.map((axis) => dims[axis]);
  const result = new Float64Array(values.length);
  for (let at = 0; at < values.length; at++) {
    const places = placesOf(dims, at);
    const to = perm.reduce((offset, axis) => offset * dims[axis] + places[axis], 0);
    result[to] = values[at];
  }
  return { dims: turned, values: result };
}

function pad({ dims, values }: Evaluated, pads: readonly number[]): Evaluated {
  const sides = dims.map((side, axis) => side + pads[axis] + pads[dims.length + axis]);
  const result = new Float64Array(product(sides));
  for (let at = 0; at < values.length; at++) {
    const places = placesOf(dims, at);
    result[sides.reduce((offset, side, axis) => offset * side + places[axis] + pads[axis], 0)] = values[at];
  }
  return { dims: sides, values: result };
}

function gemm(x: Evaluated, y: Evaluated, bias: Evaluated | undefined, isTransposed: boolean): Evaluated {
  const [rows, inner] = x.dims;
  const columns = y.dims[isTransposed ? 0 : 1];
  const values = new Float64Array(rows * columns);
  for (let r = 0; r < rows; r++)
    for (let c = 0; c < columns; c++) {
      let sum = bias?.values[c] ?? 0;
      for (let k = 0; k < inner; k++)
        sum += x.values[r * inner + k] * y.values[isTransposed ? c * inner + k : k * columns + c];
      values[r * columns + c] = sum;
    }
  return { dims: [rows, columns], values };
}

function windowsOf(node: OnnxNode, [, , height, width]: readonly number[]) {
  const [size, stride, pads] = ['kernel_shape', 'strides', 'pads'].map((name) => intsOf(node, name));
  const along = (side: number, axis: number) =>
    Math.floor((side + pads[axis] + pads[axis + 2] - size[axis]) / stride[axis]) + 1;
  return { size, stride, pads, out: [along(height, 0), along(width, 1)] };
}

function conv(node: OnnxNode, x: Evaluated, filter: Evaluated, bias: Evaluated | undefined): Evaluated {
  const [batch, channels, height, width] = x.dims;
  const [outChannels, inChannels, , columns] = filter.dims;
  const { size, stride, pads, out } = windowsOf(node, x.dims);
  const each = outChannels / intOf(node, 'group', 1);
  const values = new Float64Array(batch * outChannels * out[0] * out[1]);
  let at = 0;
  for (let n = 0; n < batch; n++)
    for (let o = 0; o < outChannels; o++)
      for (let i = 0; i < out[0]; i++)
        for (let j = 0; j < out[1]; j++) {
          let sum = bias?.values[o] ?? 0;
          for (let c = 0; c < inChannels; c++)
            for (let p = 0; p < size[0]; p++)
              for (let q = 0; q < size[1]; q++) {
                const [row, column] = [i * stride[0] + p - pads[0], j * stride[1] + q - pads[1]];
                if (row < 0 || row >= height || column < 0 || column >= width) continue;
                const from = n * channels + Math.floor(o / each) * inChannels + c;
                const weight = filter.values[((o * inChannels + c) * size[0] + p) * columns + q];
                sum += x.values[(from * height + row) * width + column] * weight;
              }
          values[at++] = sum;
        }
  return { dims: [batch, outChannels, ...out], values };
}

function pool(node: OnnxNode, x: Evaluated, combine: (seen: number[]) => number): Evaluated {
  const [batch, channels, height, width] = x.dims;
  const { size, stride, pads, out } = windowsOf(node, x.dims);
  const values: number[] = [];
  for (let image = 0; image < batch * channels; image++)
    for (let i = 0; i < out[0]; i++)
      for (let j = 0; j < out[1]; j++) {
        const seen: number[] = [];
        for (let p = 0; p < size[0]; p++)
          for (let q = 0; q < size[1]; q++) {
            const [row, column] = [i * stride[0] + p - pads[0], j * stride[1] + q - pads[1]];
            if (row < 0 || row >= height || column < 0 || column >= width) continue;
            seen.push(x.values[(image * height + row) * width + column]);
          }
        values.push(combine(seen));
      }
  return { dims: [batch, channels, ...out], values: Float64Array.from(values) };
}
