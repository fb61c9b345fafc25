import { create } from '@bufbuild/protobuf';
import { encodeOnnx, type OnnxNode, type OnnxTensor } from '../../src/nn/onnx';
import { ATTRIBUTE_TYPE, AttributeProto, DATA_TYPE, ModelProto, NodeProto, TensorProto } from '../../src/nn/onnx/proto';
import { random } from '../../src/tensor/random';

type Attribute = number | string | readonly number[] | { float: number };

function attributeOf(name: string, value: Attribute) {
  if (typeof value === 'number') return create(AttributeProto, { name, type: ATTRIBUTE_TYPE.int, i: BigInt(value) });
  if (typeof value === 'string')
    return create(AttributeProto, { name, type: ATTRIBUTE_TYPE.string, s: new TextEncoder().encode(value) });
  if ('float' in value) return create(AttributeProto, { name, type: ATTRIBUTE_TYPE.float, f: value.float });
  return create(AttributeProto, { name, type: ATTRIBUTE_TYPE.ints, ints: Array.from(value, BigInt) });
}

/** A node named after its operator and its first output: 'Relu y'. */
export const node = (
  opType: string,
  input: string[],
  output: string[],
  attributes: Readonly<Record<string, Attribute>> = {},
): OnnxNode =>
  create(NodeProto, {
    name: `${opType} ${output[0]}`,
    opType,
    input,
    output,
    attribute: Object.entries(attributes).map(([name, value]) => attributeOf(name, value)),
  });

export const sizeOf = (shape: readonly number[]): number => shape.reduce((product, side) => product * side, 1);

/** float32; drawn at random, the same for the same shape, unless given. */
export function floats(name: string, shape: readonly number[], values?: readonly number[]): OnnxTensor {
  const generator = random(sizeOf(shape));
  const numbers = Float32Array.from({ length: sizeOf(shape) }, (_, k) => values?.[k] ?? generator.normal());
  return create(TensorProto, {
    name,
    dims: shape.map(BigInt),
    dataType: DATA_TYPE.float,
    rawData: new Uint8Array(numbers.buffer),
  });
}

export const wholes = (
  name: string,
  values: readonly number[],
  dataType: number = DATA_TYPE.int64,
  shape: readonly number[] = [values.length],
): OnnxTensor =>
  create(TensorProto, {
    name,
    dims: shape.map(BigInt),
    dataType,
    ...(dataType === DATA_TYPE.int64 ? { int64Data: values.map(BigInt) } : { int32Data: [...values] }),
  });

export interface TestModel {
  /** Sides by input; a string is one that is left open. */
  inputs: Readonly<Record<string, readonly (number | string)[]>>;
  outputs: readonly string[];
  nodes: readonly OnnxNode[];
  initializers?: readonly OnnxTensor[];
  opset?: number;
  metadata?: Readonly<Record<string, string>>;
}

const port = (name: string, sides?: readonly (number | string)[]) => ({
  name,
  type: {
    tensorType: {
      elemType: DATA_TYPE.float,
      ...(sides && {
        shape: {
          dim: sides.map((side) => (typeof side === 'string' ? { dimParam: side } : { dimValue: BigInt(side) })),
        },
      }),
    },
  },
});

/** The bytes of an ONNX file. */
export const onnxFile = ({ inputs, outputs, nodes, initializers = [], opset = 17, metadata = {} }: TestModel) =>
  encodeOnnx(
    create(ModelProto, {
      irVersion: 8n,
      opsetImport: [{ domain: '', version: BigInt(opset) }],
      producerName: 'test',
      metadataProps: Object.entries(metadata).map(([key, value]) => ({ key, value })),
      graph: {
        name: 'test',
        node: [...nodes],
        initializer: [...initializers],
        input: Object.entries(inputs).map(([name, sides]) => port(name, sides)),
        output: outputs.map((name) => port(name)),
      },
    }),
  );
