import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { create } from '@bufbuild/protobuf';
import {
  ATTRIBUTE_TYPE,
  AttributeProto,
  DATA_TYPE,
  encodeOnnx,
  ModelProto,
  NodeProto,
  TensorProto,
} from '../../src/nn/onnx/proto';

/** Null is any number; ONNX's own order. */
type OpenShape = readonly (number | null)[];

export interface OnnxFile {
  inputs: Record<string, OpenShape>;
  outputs: Record<string, OpenShape>;
  nodes: readonly NodeLine[];
  constants?: Record<string, Constant>;
  metadata?: Record<string, string>;
}

/** Floats are float32, here or from the beginning of another file; whole numbers are an int64 vector. */
type Constant =
  | { shape: readonly number[]; values: readonly number[] }
  | { shape: readonly number[]; outside: string }
  | { int64: readonly number[] };

/** Operator, inputs, outputs, and attributes: a number or several, whole. */
type NodeLine = [
  operator: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes?: Record<string, number | readonly number[]>,
];

/** The bytes of an ONNX file that is written down in a test: opset 17, float32. */
export function onnxFile({ inputs, outputs, nodes, constants = {}, metadata = {} }: OnnxFile): Uint8Array {
  return encodeOnnx(
    create(ModelProto, {
      irVersion: 8n,
      opsetImport: [{ domain: '', version: 17n }],
      graph: {
        name: 'test',
        input: Object.entries(inputs).map(port),
        output: Object.entries(outputs).map(port),
        initializer: Object.entries(constants).map(([name, constant]) => tensor(name, constant)),
        node: nodes.map(([opType, input, output, attributes = {}], k) =>
          create(NodeProto, {
            name: `${opType}_${k}`,
            opType,
            input: [...input],
            output: [...output],
            attribute: Object.entries(attributes).map(([name, value]) =>
              typeof value === 'number'
                ? create(AttributeProto, { name, type: ATTRIBUTE_TYPE.int, i: BigInt(value) })
                : create(AttributeProto, { name, type: ATTRIBUTE_TYPE.ints, ints: value.map(BigInt) }),
            ),
          }),
        ),
      },
      metadataProps: Object.entries(metadata).map(([key, value]) => ({ key, value })),
    }),
  );
}

function tensor(name: string, constant: Constant) {
  if ('int64' in constant)
    return create(TensorProto, {
      name,
      dims: [BigInt(constant.int64.length)],
      dataType: DATA_TYPE.int64,
      int64Data: constant.int64.map(BigInt),
    });
  const common = { name, dims: constant.shape.map(BigInt), dataType: DATA_TYPE.float };
  if ('values' in constant) return create(TensorProto, { ...common, floatData: [...constant.values] });
  const externalData = [{ key: 'location', value: constant.outside }];
  return create(TensorProto, { ...common, dataLocation: 1, externalData });
}

function port([name, shape]: [string, OpenShape]) {
  const dim = shape.map((side) => (side === null ? { dimParam: 'any' } : { dimValue: BigInt(side) }));
  return { name, type: { tensorType: { elemType: DATA_TYPE.float, shape: { dim } } } };
}

const MODELS = resolve('node_modules/faceplugin-face-recognition-js/model');

/** Networks that no one here made, of the package faceplugin-face-recognition-js; a test without them is skipped. */
export const realModel = (name: 'detect' | 'feature' | 'liveness' | 'landmark' | 'pose'): string =>
  join(MODELS, `fr_${name}.onnx`);

export const hasRealModels = (): boolean => existsSync(MODELS);
