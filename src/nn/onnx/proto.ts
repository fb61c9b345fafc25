/**
 * The messages of an ONNX file (onnx.proto of ONNX 1.17, Apache-2.0), without a code generator: one table, of which
 * both the descriptors and the TypeScript types are made. Enumerations are whole numbers here, and the members of a
 * oneof are fields like all others, which is the same on the wire. Fields that the table lacks are kept as they are.
 */
import { create, fromBinary, type Message, toBinary } from '@bufbuild/protobuf';
import { fileDesc, type GenMessage, messageDesc } from '@bufbuild/protobuf/codegenv2';
import { base64Encode } from '@bufbuild/protobuf/wire';
import {
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FileDescriptorProtoSchema,
} from '@bufbuild/protobuf/wkt';

/** Field numbers, and types: a scalar or one of these messages; '[]' repeated, '[packed]' numbers in one run. */
const MESSAGES = {
  ModelProto: {
    irVersion: [1, 'int64'],
    producerName: [2, 'string'],
    producerVersion: [3, 'string'],
    domain: [4, 'string'],
    modelVersion: [5, 'int64'],
    docString: [6, 'string'],
    graph: [7, 'GraphProto'],
    opsetImport: [8, 'OperatorSetIdProto', '[]'],
    metadataProps: [14, 'StringStringEntryProto', '[]'],
    functions: [25, 'FunctionProto', '[]'],
  },
  OperatorSetIdProto: { domain: [1, 'string'], version: [2, 'int64'] },
  StringStringEntryProto: { key: [1, 'string'], value: [2, 'string'] },
  GraphProto: {
    node: [1, 'NodeProto', '[]'],
    name: [2, 'string'],
    initializer: [5, 'TensorProto', '[]'],
    docString: [10, 'string'],
    input: [11, 'ValueInfoProto', '[]'],
    output: [12, 'ValueInfoProto', '[]'],
    valueInfo: [13, 'ValueInfoProto', '[]'],
    quantizationAnnotation: [14, 'TensorAnnotation', '[]'],
    sparseInitializer: [15, 'SparseTensorProto', '[]'],
    metadataProps: [16, 'StringStringEntryProto', '[]'],
  },
  NodeProto: {
    input: [1, 'string', '[]'],
    output: [2, 'string', '[]'],
    name: [3, 'string'],
    opType: [4, 'string'],
    attribute: [5, 'AttributeProto', '[]'],
    docString: [6, 'string'],
    domain: [7, 'string'],
    overload: [8, 'string'],
    metadataProps: [9, 'StringStringEntryProto', '[]'],
  },
  AttributeProto: {
    name: [1, 'string'],
    f: [2, 'float'],
    i: [3, 'int64'],
    s: [4, 'bytes'],
    t: [5, 'TensorProto'],
    g: [6, 'GraphProto'],
    floats: [7, 'float', '[]'],
    ints: [8, 'int64', '[]'],
    strings: [9, 'bytes', '[]'],
    tensors: [10, 'TensorProto', '[]'],
    graphs: [11, 'GraphProto', '[]'],
    docString: [13, 'string'],
    tp: [14, 'TypeProto'],
    typeProtos: [15, 'TypeProto', '[]'],
    /** One of ATTRIBUTE_TYPE: which of the fields holds the value. */
    type: [20, 'int32'],
    refAttrName: [21, 'string'],
    sparseTensor: [22, 'SparseTensorProto'],
    sparseTensors: [23, 'SparseTensorProto', '[]'],
  },
  TensorProto: {
    dims: [1, 'int64', '[]'],
    /** One of DATA_TYPE. */
    dataType: [2, 'int32'],
    segment: [3, 'TensorSegment'],
    floatData: [4, 'float', '[packed]'],
    int32Data: [5, 'int32', '[packed]'],
    stringData: [6, 'bytes', '[]'],
    int64Data: [7, 'int64', '[packed]'],
    name: [8, 'string'],
    /** Little-endian. */
    rawData: [9, 'bytes'],
    doubleData: [10, 'double', '[packed]'],
    uint64Data: [11, 'uint64', '[packed]'],
    docString: [12, 'string'],
    externalData: [13, 'StringStringEntryProto', '[]'],
    /** 1: the numbers are in another file, which externalData names. */
    dataLocation: [14, 'int32'],
    metadataProps: [16, 'StringStringEntryProto', '[]'],
  },
  TensorSegment: { begin: [1, 'int64'], end: [2, 'int64'] },
  SparseTensorProto: { values: [1, 'TensorProto'], indices: [2, 'TensorProto'], dims: [3, 'int64', '[]'] },
  TensorAnnotation: {
    tensorName: [1, 'string'],
    quantParameterTensorNames: [2, 'StringStringEntryProto', '[]'],
  },
  ValueInfoProto: {
    name: [1, 'string'],
    type: [2, 'TypeProto'],
    docString: [3, 'string'],
    metadataProps: [4, 'StringStringEntryProto', '[]'],
  },
  /** One of its types. */
  TypeProto: {
    tensorType: [1, 'TensorType'],
    sequenceType: [4, 'SequenceType'],
    mapType: [5, 'MapType'],
    denotation: [6, 'string'],
    sparseTensorType: [8, 'TensorType'],
    optionalType: [9, 'SequenceType'],
  },
  TensorType: { elemType: [1, 'int32'], shape: [2, 'TensorShapeProto'] },
  SequenceType: { elemType: [1, 'TypeProto'] },
  MapType: { keyType: [1, 'int32'], valueType: [2, 'TypeProto'] },
  TensorShapeProto: { dim: [1, 'Dimension', '[]'] },
  /** A number, or the name of one that is known only when the model runs. */
  Dimension: { dimValue: [1, 'int64'], dimParam: [2, 'string'], denotation: [3, 'string'] },
  FunctionProto: {
    name: [1, 'string'],
    input: [4, 'string', '[]'],
    output: [5, 'string', '[]'],
    attribute: [6, 'string', '[]'],
    node: [7, 'NodeProto', '[]'],
    docString: [8, 'string'],
    opsetImport: [9, 'OperatorSetIdProto', '[]'],
    domain: [10, 'string'],
    attributeProto: [11, 'AttributeProto', '[]'],
    valueInfo: [12, 'ValueInfoProto', '[]'],
    overload: [13, 'string'],
    metadataProps: [14, 'StringStringEntryProto', '[]'],
  },
} as const;

type Messages = typeof MESSAGES;
type MessageName = keyof Messages;

interface Scalars {
  float: number;
  double: number;
  int32: number;
  int64: bigint;
  uint64: bigint;
  string: string;
  bytes: Uint8Array;
}

type ValueOf<T> = T extends keyof Scalars ? Scalars[T] : T extends MessageName ? Shape<T> : never;
type FieldOf<F> = F extends readonly [number, infer T, string]
  ? ValueOf<T>[]
  : F extends readonly [number, infer T]
    ? ValueOf<T> | (T extends MessageName ? undefined : never)
    : never;

/** A message of the table; what is not in the file is undefined (messages), empty, or zero. */
type Shape<N extends MessageName> = Message<`onnx.${N}`> & {
  -readonly [F in keyof Messages[N]]: FieldOf<Messages[N][F]>;
};

export type OnnxModel = Shape<'ModelProto'>;
export type OnnxGraph = Shape<'GraphProto'>;
export type OnnxNode = Shape<'NodeProto'>;
export type OnnxAttribute = Shape<'AttributeProto'>;
export type OnnxTensor = Shape<'TensorProto'>;
export type OnnxValueInfo = Shape<'ValueInfoProto'>;

const SCALARS = {
  float: FieldDescriptorProto_Type.FLOAT,
  double: FieldDescriptorProto_Type.DOUBLE,
  int32: FieldDescriptorProto_Type.INT32,
  int64: FieldDescriptorProto_Type.INT64,
  uint64: FieldDescriptorProto_Type.UINT64,
  string: FieldDescriptorProto_Type.STRING,
  bytes: FieldDescriptorProto_Type.BYTES,
} satisfies Record<keyof Scalars, FieldDescriptorProto_Type>;

const isScalar = (type: string): type is keyof Scalars => type in SCALARS;

const snakeCase = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

const NAMES = Object.keys(MESSAGES);

const file = fileDesc(
  base64Encode(
    toBinary(
      FileDescriptorProtoSchema,
      create(FileDescriptorProtoSchema, {
        name: 'onnx.proto',
        package: 'onnx',
        syntax: 'proto2',
        messageType: Object.entries<Record<string, readonly [number, string, string?]>>(MESSAGES).map(
          ([name, fields]) => ({
            name,
            field: Object.entries(fields).map(([field, [number, type, many]]) => ({
              name: snakeCase(field),
              number,
              label: many ? FieldDescriptorProto_Label.REPEATED : FieldDescriptorProto_Label.OPTIONAL,
              ...(isScalar(type)
                ? { type: SCALARS[type] }
                : { type: FieldDescriptorProto_Type.MESSAGE, typeName: `.onnx.${type}` }),
              ...(many === '[packed]' && { options: { packed: true } }),
            })),
          }),
        ),
      }),
    ),
  ),
);

const describe = <N extends MessageName>(name: N): GenMessage<Shape<N>> =>
  messageDesc<Shape<N>>(file, NAMES.indexOf(name));

export const ModelProto = describe('ModelProto');
export const GraphProto = describe('GraphProto');
export const NodeProto = describe('NodeProto');
export const AttributeProto = describe('AttributeProto');
export const TensorProto = describe('TensorProto');

/** What a tensor is made of: `dataType` and `elemType`. */
export const DATA_TYPE = {
  float: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  string: 8,
  bool: 9,
  float16: 10,
  double: 11,
  uint32: 12,
  uint64: 13,
  complex64: 14,
  complex128: 15,
  bfloat16: 16,
} as const;

/** Which field of an attribute holds its value: `type`. */
export const ATTRIBUTE_TYPE = {
  float: 1,
  int: 2,
  string: 3,
  tensor: 4,
  graph: 5,
  floats: 6,
  ints: 7,
  strings: 8,
  tensors: 9,
  graphs: 10,
  sparseTensor: 11,
  sparseTensors: 12,
  typeProto: 13,
  typeProtos: 14,
} as const;

/** @throws Error when the bytes are cut short or no protobuf */
export const decodeOnnx = (bytes: Uint8Array): OnnxModel => fromBinary(ModelProto, bytes);

export const encodeOnnx = (model: OnnxModel): Uint8Array => toBinary(ModelProto, model);
