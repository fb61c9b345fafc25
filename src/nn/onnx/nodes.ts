import { type Activation, isLinear, type KernelCall, type Slot, type WindowSizes } from '../../kernels/kernel';
import { formatShape, type Shape, sizeOf } from '../../tensor/shape';
import type { Attributes, GraphWriter, Value } from './graph';

const tensor = (name: string, shape: Shape): Value => ({ name, shape });

/**
 * Adds the nodes that compute what one call of a kernel does (operators of opset 17).
 * @returns the tensor that its output is
 * @throws Error in one sentence for a kernel, or a use of one, that has no counterpart
 */
export function addNodes(graph: GraphWriter, call: KernelCall): Value {
  switch (call.kernel) {
    case 'conv2d': {
      const { attributes: sizes, inputs } = call;
      const { filterHeight, filterWidth, inChannels, outChannels } = sizes;
      const filter = graph.parameter(
        inputs.filter,
        [filterHeight, filterWidth, inChannels, outChannels],
        [3, 2, 0, 1], // [out, in, height, width]
      );
      const operands = [imageOf(graph, inputs.input, sizes, inChannels), filter, ...biasOf(graph, inputs.bias)];
      let result = graph.add('Conv', operands, windowOf(sizes));
      const shape = [sizes.outHeight, sizes.outWidth, outChannels];
      if (inputs.residual) result = graph.add('Add', [result, graph.as(inputs.residual, shape)]);
      return tensor(activated(graph, result, sizes.activation), shape);
    }
    case 'depthwiseConv2d': {
      const { attributes: sizes, inputs } = call;
      const { filterHeight, filterWidth, channels } = sizes;
      const filter = graph.parameter(inputs.filter, [filterHeight, filterWidth, channels, 1], [2, 3, 0, 1]);
      const operands = [imageOf(graph, inputs.input, sizes, channels), filter, ...biasOf(graph, inputs.bias)];
      const result = graph.add('Conv', operands, { ...windowOf(sizes), group: channels });
      return tensor(activated(graph, result, sizes.activation), [sizes.outHeight, sizes.outWidth, channels]);
    }
    case 'matmul':
      return addProduct(graph, call);
    case 'batchNorm': {
      const { channels, epsilon } = call.attributes;
      const { input, mean, variance, gamma, beta } = call.inputs;
      const operands = [gamma, beta, mean, variance].map((slot) => graph.parameter(slot, [channels]));
      const shape = rowsOf(graph, input, channels);
      // Its channels are the axis after the batch: rows of [rows, channels] are an image one pixel wide.
      const placed = shape.length === 2 ? [shape[0], 1, channels] : shape;
      const normed = graph.add('BatchNormalization', [graph.as(input, placed), ...operands], {
        epsilon: { float: epsilon },
      });
      return tensor(normed, placed);
    }
    case 'scaleShift': {
      const { channels, activation } = call.attributes;
      const { input, scale, shift } = call.inputs;
      const shape = rowsOf(graph, input, channels);
      const scaled = graph.add('Mul', [graph.as(input, shape), vectorOf(graph, scale, shape)]);
      const shifted = graph.add('Add', [scaled, vectorOf(graph, shift, shape)]);
      return tensor(activated(graph, shifted, activation), shape);
    }
    case 'activation':
      return mapped(graph, call, (name) => activated(graph, name, call.attributes.activation));
    case 'sigmoid':
      return mapped(graph, call, (name) => graph.add('Sigmoid', [name]));
    case 'scale': {
      const { factor, offset } = call.attributes;
      return mapped(graph, call, (name) => {
        const scaled = factor === 1 ? name : graph.add('Mul', [name, graph.scalar('factor', factor)]);
        return offset === 0 ? scaled : graph.add('Add', [scaled, graph.scalar('offset', offset)]);
      });
    }
    case 'prelu': {
      const { input, slopes } = call.inputs;
      const shape = rowsOf(graph, input, call.attributes.channels);
      const operands = [graph.as(input, shape), vectorOf(graph, slopes, shape)];
      return tensor(graph.add('PRelu', operands), shape);
    }
    case 'add':
    case 'multiply': {
      const [name, shape] = combined(graph, call);
      const isAdd = call.kernel === 'add';
      return tensor(isAdd ? activated(graph, name, call.attributes.activation) : name, shape);
    }
    case 'maxPool2d':
    case 'averagePool2d': {
      const { attributes: sizes } = call;
      const image = imageOf(graph, call.inputs.input, sizes, sizes.channels);
      const isMax = call.kernel === 'maxPool2d';
      const pooled = graph.add(
        isMax ? 'MaxPool' : 'AveragePool',
        [image],
        isMax ? windowOf(sizes) : { ...windowOf(sizes), count_include_pad: 0 },
      );
      return tensor(pooled, [sizes.outHeight, sizes.outWidth, sizes.channels]);
    }
    case 'globalAveragePool': {
      const { positions, channels } = call.attributes;
      const shape = rowsOf(graph, call.inputs.input, channels);
      const image = shape.length === 3 ? shape : [positions, 1, channels];
      const pooled = graph.add('GlobalAveragePool', [graph.as(call.inputs.input, image)]);
      return tensor(graph.add('Flatten', [pooled]), [channels]);
    }
    case 'softmax': {
      const shape = rowsOf(graph, call.inputs.input, call.attributes.columns);
      const name = graph.add('Softmax', [graph.as(call.inputs.input, shape)], { axis: channelAxis(shape) });
      return tensor(name, shape);
    }
    case 'l2Normalize':
      return addUnitRows(graph, call);
    case 'pad': {
      const { height, width, channels, outHeight, outWidth, outChannels, top, left } = call.attributes;
      const pads = [0, 0, top, left, 0, outChannels - channels, outHeight - height - top, outWidth - width - left];
      const image = graph.as(call.inputs.input, [height, width, channels]);
      return tensor(graph.add('Pad', [image, graph.vector('pads', pads)]), [outHeight, outWidth, outChannels]);
    }
    case 'concat':
      return addConcat(graph, call);
    default:
      throw new Error(`onnx: ${call.kernel} has no counterpart in the exporter`);
  }
}

function mapped(
  graph: GraphWriter,
  { inputs }: KernelCall<'activation' | 'sigmoid' | 'scale'>,
  map: (name: string) => string,
): Value {
  const shape = graph.shapeOf(inputs.input);
  return tensor(map(graph.as(inputs.input, shape)), shape);
}

/** min(ceiling, z > 0 ? z : slope * z) */
function activated(graph: GraphWriter, name: string, activation: Activation): string {
  const { slope, ceiling } = activation;
  if (isLinear(activation)) return name;
  const isBounded = ceiling !== Number.POSITIVE_INFINITY;
  if (slope === 0 && isBounded)
    return graph.add('Clip', [name, graph.scalar('floor', 0), graph.scalar('ceiling', ceiling)]);
  const bent =
    slope === 1
      ? name
      : slope === 0
        ? graph.add('Relu', [name])
        : graph.add('LeakyRelu', [name], { alpha: { float: slope } });
  return isBounded ? graph.add('Min', [bent, graph.scalar('ceiling', ceiling)]) : bent;
}

const imageOf = (graph: GraphWriter, slot: Slot, { height, width }: WindowSizes, channels: number): string =>
  graph.as(slot, [height, width, channels]);

const biasOf = (graph: GraphWriter, bias: Slot | undefined): string[] =>
  bias ? [graph.parameter(bias, [bias.length])] : [];

/** What lies below and to the right of the padded image follows from the output's size; rows that no window reaches do not matter. */
function windowOf(sizes: WindowSizes): Attributes {
  const { height, width, outHeight, outWidth, filterHeight, filterWidth, strideY, strideX, top, left } = sizes;
  const bottom = Math.max(0, (outHeight - 1) * strideY + filterHeight - height - top);
  const right = Math.max(0, (outWidth - 1) * strideX + filterWidth - width - left);
  return {
    kernel_shape: [filterHeight, filterWidth],
    strides: [strideY, strideX],
    pads: [top, left, bottom, right],
  };
}

/** The shape of an input with `channels` on its last axis. */
function rowsOf(graph: GraphWriter, slot: Slot, channels: number): Shape {
  const shape = graph.shapeOf(slot);
  return shape.at(-1) === channels ? shape : [sizeOf(shape) / channels, channels];
}

/** Channels come right after the batch in images, and last in everything else. */
const channelAxis = (shape: Shape): number => (shape.length === 3 ? 1 : -1);

/** One number a channel, as an operand that meets the channels. */
const vectorOf = (graph: GraphWriter, slot: Slot, shape: Shape): string =>
  graph.parameter(slot, [slot.length], [0], shape.length === 3 ? [slot.length, 1, 1] : [slot.length]);

/** left and right of the same shape, or right repeated over the axes before its own. */
function combined(graph: GraphWriter, call: KernelCall<'add' | 'multiply'>): [name: string, shape: Shape] {
  const { left, right } = call.inputs;
  const { length, rightLength } = call.attributes;
  const opType = call.kernel === 'add' ? 'Add' : 'Mul';
  const own = graph.shapeOf(left);
  if (!graph.isConstant(right)) {
    if (length !== rightLength) throw new Error(`onnx: ${call.kernel} of a computed vector cannot be exported`);
    return [graph.add(opType, [graph.as(left, own), graph.as(right, own)]), own];
  }
  const shape = rightLength === sizeOf(own) ? own : rowsOf(graph, left, rightLength);
  if (rightLength !== sizeOf(shape))
    return [graph.add(opType, [graph.as(left, shape), vectorOf(graph, right, shape)]), shape];
  const operand = graph.parameter(right, shape, shape.length === 3 ? [2, 0, 1] : undefined);
  return [graph.add(opType, [graph.as(left, shape), operand]), shape];
}

/** A dense layer is a Gemm; several rows for each image are a MatMul. */
function addProduct(graph: GraphWriter, { inputs, attributes }: KernelCall<'matmul'>): Value {
  const { rows, inner, columns, transposeLeft, transposeRight, activation } = attributes;
  if (transposeLeft || graph.isConstant(inputs.left) || !graph.isConstant(inputs.right))
    throw new Error('onnx: a product that is not of rows with a parameter cannot be exported');
  const stored = transposeRight ? [columns, inner] : [inner, columns];
  const each = rows / graph.batch;
  if (each === 1) {
    const operands = [
      graph.as(inputs.left, [inner]),
      graph.parameter(inputs.right, stored),
      ...biasOf(graph, inputs.bias),
    ];
    const name = graph.add('Gemm', operands, transposeRight ? { transB: 1 } : {});
    return tensor(activated(graph, name, activation), [columns]);
  }
  const right = graph.parameter(inputs.right, stored, transposeRight ? [1, 0] : [0, 1]);
  const product = graph.add('MatMul', [graph.as(inputs.left, [each, inner]), right]);
  const [bias] = biasOf(graph, inputs.bias);
  const name = bias ? graph.add('Add', [product, bias]) : product;
  return tensor(activated(graph, name, activation), [each, columns]);
}

/** x / max(|x|, epsilon) */
function addUnitRows(graph: GraphWriter, { inputs, attributes }: KernelCall<'l2Normalize'>): Value {
  const shape = rowsOf(graph, inputs.input, attributes.columns);
  const name = graph.as(inputs.input, shape);
  const lengths = graph.add('ReduceL2', [name], { axes: [channelAxis(shape)], keepdims: 1 });
  const bounded = graph.add('Max', [lengths, graph.scalar('epsilon', attributes.epsilon)]);
  return tensor(graph.add('Div', [name, bounded]), shape);
}

/** Along the channels of images, or of everything that there is of each image. */
function addConcat(graph: GraphWriter, { inputs, attributes }: KernelCall<'concat'>): Value {
  const { outer, inners } = attributes;
  const total = inners.reduce((sum, inner) => sum + inner);
  if (outer === graph.batch) {
    const parts = inputs.parts.map((part, k) => graph.as(part, [inners[k]]));
    return tensor(graph.add('Concat', parts, { axis: 1 }), [total]);
  }
  const shape = graph.shapeOf(inputs.parts[0]);
  const lead = shape.at(-1) === inners[0] ? shape.slice(0, -1) : [outer / graph.batch];
  if (sizeOf(lead) * graph.batch !== outer)
    throw new Error(`onnx: parts of ${formatShape(inners)} for each of ${outer} rows cannot be joined`);
  const parts = inputs.parts.map((part, k) => graph.as(part, [...lead, inners[k]]));
  const axis = channelAxis([...lead, total]);
  return tensor(graph.add('Concat', parts, { axis }), [...lead, total]);
}
