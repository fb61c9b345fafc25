import { readTensor } from './element';
import { ATTRIBUTE_TYPE, type OnnxAttribute, type OnnxNode } from './proto';
import { type HostValue, listOf, type Value } from './value';
import type { Workbench } from './workbench';

/** What an operator makes of a node: one value for each of its outputs, as many as it has. */
export type Operator = (node: NodeReader, bench: Workbench) => Value | readonly Value[];

export type Operators = Readonly<Record<string, Operator>>;

/** A node in its place: attributes and operands as its operator asks for them. Errors need not name it. */
export class NodeReader {
  /** Version of the operators. */
  readonly opset: number;
  readonly #node: OnnxNode;
  readonly #inputs: readonly (Value | undefined)[];
  readonly #attributes: ReadonlyMap<string, OnnxAttribute>;

  constructor(opset: number, node: OnnxNode, inputs: readonly (Value | undefined)[]) {
    this.opset = opset;
    this.#node = node;
    this.#inputs = inputs;
    this.#attributes = new Map(node.attribute.map((attribute) => [attribute.name, attribute]));
  }

  get type(): string {
    return this.#node.opType;
  }

  get inputCount(): number {
    return this.#inputs.length;
  }

  /** How many outputs somebody may ask for. */
  get outputCount(): number {
    return this.#node.output.length;
  }

  /** Whether the node gives an output that has a name. */
  hasOutput(k: number): boolean {
    return Boolean(this.#node.output[k]);
  }

  /** @throws Error when the node has fewer inputs */
  input(k: number): Value {
    const value = this.#inputs[k];
    if (!value) throw new Error(`its input ${k} is missing`);
    return value;
  }

  optional(k: number): Value | undefined {
    return this.#inputs[k];
  }

  get inputs(): Value[] {
    return this.#inputs.map((_, k) => this.input(k));
  }

  /** An operand that decides about shapes. @throws Error when it is computed from what the network is given */
  known(k: number): HostValue {
    const value = this.input(k);
    if (value.kind !== 'host') throw new Error(`its input ${k} depends on what the network is given, and must not`);
    return value;
  }

  has(name: string): boolean {
    return this.#attributes.has(name);
  }

  #attribute(name: string, type: number): OnnxAttribute | undefined {
    const attribute = this.#attributes.get(name);
    // Files of the first days name no type.
    if (attribute && attribute.type !== type && attribute.type !== 0)
      throw new Error(`its attribute ${name} is of another type than it should be`);
    return attribute;
  }

  int(name: string, otherwise: number): number {
    const attribute = this.#attribute(name, ATTRIBUTE_TYPE.int);
    return attribute ? Number(attribute.i) : otherwise;
  }

  float(name: string, otherwise: number): number {
    return this.#attribute(name, ATTRIBUTE_TYPE.float)?.f ?? otherwise;
  }

  text(name: string, otherwise: string): string {
    const attribute = this.#attribute(name, ATTRIBUTE_TYPE.string);
    return attribute ? new TextDecoder().decode(attribute.s) : otherwise;
  }

  ints(name: string): number[] | undefined {
    return this.#attribute(name, ATTRIBUTE_TYPE.ints)?.ints.map(Number);
  }

  floats(name: string): number[] | undefined {
    return this.#attribute(name, ATTRIBUTE_TYPE.floats)?.floats;
  }

  tensor(name: string): HostValue | undefined {
    const tensor = this.#attribute(name, ATTRIBUTE_TYPE.tensor)?.t;
    return tensor && readTensor(tensor);
  }

  /** Whole numbers that are an attribute in some versions and an operand in others. */
  intsOf(name: string, k: number): number[] | undefined {
    return this.ints(name) ?? (this.optional(k) ? listOf(this.known(k)) : undefined);
  }

  /** The same for one float. */
  floatOf(name: string, k: number, otherwise: number): number {
    if (this.has(name)) return this.float(name, otherwise);
    return this.optional(k) ? (this.known(k).values[0] ?? otherwise) : otherwise;
  }
}
