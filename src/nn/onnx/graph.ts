import { create } from '@bufbuild/protobuf';
import type { Backend } from '../../kernels/backend';
import type { Slot } from '../../kernels/kernel';
import { formatShape, type Shape, sizeOf } from '../../tensor/shape';
import {
  ATTRIBUTE_TYPE,
  AttributeProto,
  DATA_TYPE,
  NodeProto,
  type OnnxNode,
  type OnnxTensor,
  TensorProto,
} from './proto';

/** Numbers and lists of numbers are whole ones, unless marked as float. */
export type Attributes = Readonly<Record<string, number | string | readonly number[] | { float: number }>>;

/** What holds a slot's numbers in the ONNX graph. */
export interface Value {
  name: string;
  /** In our order, height before channels, and without the batch. */
  shape: Shape;
}

/** Numbers that are an initializer: of a slot, or made here. */
interface Constant {
  name: string;
  dims: Shape;
  /** In ONNX's order. */
  read: () => Promise<ArrayLike<number>>;
}

const TO_CHANNELS_FIRST = [0, 3, 1, 2];
const TO_CHANNELS_LAST = [0, 2, 3, 1];

/**
 * An ONNX graph in the making: which tensor of it each slot of a trace is, the nodes so far, and the constants that
 * they read. Images [height, width, channels] are [channels, height, width] there; all other shapes are the same.
 */
export class GraphWriter {
  /** How many images the trace was made with; the graph takes any number. */
  readonly batch: number;
  readonly nodes: OnnxNode[] = [];
  readonly #backend: Backend;
  readonly #nameOf: (slot: Slot) => string | undefined;
  readonly #values = new Map<Slot, Value>();
  readonly #constants: Constant[] = [];
  readonly #vectors: OnnxTensor[] = [];
  /** What each parameter is called in each form that nodes read it in. */
  readonly #forms = new Map<Slot, { form: string; name: string }[]>();
  readonly #taken = new Set<string>();

  constructor(backend: Backend, batch: number, nameOf: (slot: Slot) => string | undefined) {
    this.#backend = backend;
    this.#nameOf = nameOf;
    this.batch = batch;
  }

  /** From now on the slot is the tensor of that name. */
  define(slot: Slot, value: Value): void {
    this.#values.set(slot, value);
  }

  /** Whether the slot is a parameter, or was computed from parameters alone: no node computes it. */
  isConstant = (slot: Slot): boolean => !this.#values.has(slot);

  /** Of what a node computed, in our order and without the batch. */
  shapeOf(slot: Slot): Shape {
    return this.#valueOf(slot).shape;
  }

  #valueOf(slot: Slot): Value {
    const value = this.#values.get(slot);
    if (!value) throw new Error('onnx: a parameter stands where the result of an operation is expected');
    return value;
  }

  /** The name of a computed tensor in the shape asked for, in our order: reshapes leave no trace but this. */
  as(slot: Slot, shape: Shape): string {
    const value = this.#valueOf(slot);
    if (formatShape(value.shape) === formatShape(shape)) return value.name;
    if (sizeOf(value.shape) !== sizeOf(shape))
      throw new Error(
        `onnx: a reshape of ${formatShape(value.shape)} to ${formatShape(shape)} that mixes images cannot be exported`,
      );
    const isTurned = value.shape.length === 3 && value.shape[0] * value.shape[1] > 1 && value.shape[2] > 1;
    const source = isTurned ? this.add('Transpose', [value.name], { perm: TO_CHANNELS_LAST }) : value.name;
    const target = this.vector('shape', [-1, ...shape]);
    const reshaped = this.add('Reshape', [source, target]);
    return shape.length === 3 ? this.add('Transpose', [reshaped], { perm: TO_CHANNELS_FIRST }) : reshaped;
  }

  /** Adds a node; what it gives has the name that is returned. */
  add(opType: string, inputs: readonly string[], attributes: Attributes = {}): string {
    const name = this.#unique(opType);
    const output = `${name}_output`;
    this.nodes.push(
      create(NodeProto, {
        name,
        opType,
        input: [...inputs],
        output: [output],
        attribute: Object.entries(attributes).map(([key, value]) => attributeOf(key, value)),
      }),
    );
    return output;
  }

  /**
   * A parameter as initializer.
   *
   * @param shape how the backend has it
   * @param axes  which axis of that each axis in the file is
   * @param dims  its shape in the file, where that is not what the axes make of it: [channels, 1, 1], say
   */
  parameter(
    slot: Slot,
    shape: Shape,
    axes: readonly number[] = [...shape.keys()],
    dims: Shape = axes.map((axis) => shape[axis]),
  ): string {
    if (sizeOf(shape) !== slot.length)
      throw new Error(`onnx: a parameter of ${slot.length} numbers is used as ${formatShape(shape)}`);
    const forms = this.#forms.get(slot) ?? [];
    this.#forms.set(slot, forms);
    const form = `${formatShape(dims)} ${formatShape(axes)}`;
    const known = forms.find((other) => other.form === form);
    if (known) return known.name;
    // The same weight may be read in two forms; each is a tensor of its own.
    const name = this.#unique(this.#nameOf(slot) ?? 'constant');
    forms.push({ form, name });
    const read = async () => transposed(await this.#backend.read(slot), shape, axes);
    this.#constants.push({ name, dims, read });
    return name;
  }

  /** Whole numbers, as int64: a shape, or how much to pad. */
  vector(name: string, values: readonly number[]): string {
    const tensor = this.#unique(name);
    this.#vectors.push(
      create(TensorProto, {
        name: tensor,
        dims: [BigInt(values.length)],
        dataType: DATA_TYPE.int64,
        rawData: new Uint8Array(BigInt64Array.from(values, BigInt).buffer),
      }),
    );
    return tensor;
  }

  /** One float. */
  scalar(name: string, value: number): string {
    const tensor = this.#unique(name);
    this.#constants.push({ name: tensor, dims: [], read: async () => [value] });
    return tensor;
  }

  /** Reads every constant from the backend. */
  async initializers(): Promise<OnnxTensor[]> {
    const floats = this.#constants.map(async ({ name, dims, read }) =>
      create(TensorProto, {
        name,
        dims: dims.map(BigInt),
        dataType: DATA_TYPE.float,
        rawData: new Uint8Array(Float32Array.from(await read()).buffer),
      }),
    );
    return [...(await Promise.all(floats)), ...this.#vectors];
  }

  /** Gives the tensor of a slot the name that the graph's output has. */
  name(slot: Slot, shape: Shape, name: string): void {
    const old = this.as(slot, shape);
    for (const node of this.nodes) {
      node.input = node.input.map((input) => (input === old ? name : input));
      node.output = node.output.map((output) => (output === old ? name : output));
    }
    this.define(slot, { name, shape });
  }

  #unique(name: string): string {
    let unique = name;
    for (let copy = 1; this.#taken.has(unique); copy++) unique = `${name}_${copy}`;
    this.#taken.add(unique);
    return unique;
  }
}

function attributeOf(name: string, value: Attributes[string]) {
  if (typeof value === 'number') return create(AttributeProto, { name, type: ATTRIBUTE_TYPE.int, i: BigInt(value) });
  if (typeof value === 'string')
    return create(AttributeProto, { name, type: ATTRIBUTE_TYPE.string, s: new TextEncoder().encode(value) });
  if ('float' in value) return create(AttributeProto, { name, type: ATTRIBUTE_TYPE.float, f: value.float });
  return create(AttributeProto, { name, type: ATTRIBUTE_TYPE.ints, ints: Array.from(value, BigInt) });
}

/** Row-major numbers with their axes in another order: axis k of the result is axis `axes[k]` of `shape`. */
export function transposed(values: ArrayLike<number>, shape: Shape, axes: readonly number[]): Float64Array {
  const strides = shape.map((_, axis) => sizeOf(shape.slice(axis + 1)));
  const sides = axes.map((axis) => shape[axis]);
  const steps = axes.map((axis) => strides[axis]);
  const result = new Float64Array(values.length);
  const place = sides.map(() => 0);
  for (let at = 0, from = 0; at < result.length; at++) {
    result[at] = values[from];
    for (let axis = sides.length - 1; axis >= 0; axis--) {
      place[axis]++;
      from += steps[axis];
      if (place[axis] < sides[axis]) break;
      from -= steps[axis] * sides[axis];
      place[axis] = 0;
    }
  }
  return result;
}
