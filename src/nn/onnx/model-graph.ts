import { create } from '@bufbuild/protobuf';
import { type ElementType, elementType } from './element';
import { NodeReader } from './node';
import { OPERATORS } from './operators';
import { NodeProto, type OnnxModel, type OnnxNode, type OnnxTensor, type OnnxValueInfo } from './proto';
import type { Value } from './value';
import type { Workbench } from './workbench';

/** What a file says about one of its inputs or outputs. */
export interface OnnxPort {
  readonly name: string;
  /** As ONNX calls it: float32, float16, int64, uint8 and so on. Numbers are float32 here all the same. */
  readonly type: ElementType;
  /**
   * In the file's own layout, images [batch, channels, height, width]; null for a side that is left open. Empty for a
   * single number, and where the file does not say.
   */
  readonly shape: readonly (number | null)[];
}

/** The versions of ONNX's operators that are understood. */
export const OPSETS = { first: 6, last: 21 } as const;

/** Domains of operators that are ONNX's own. */
const isStandard = (domain: string): boolean => domain === '' || domain === 'ai.onnx';

/** The graph of a file, checked: its nodes come in an order in which they can be carried out. */
export interface ModelGraph {
  readonly opset: number;
  readonly inputs: readonly OnnxPort[];
  readonly outputs: readonly OnnxPort[];
  readonly initializers: ReadonlyMap<string, OnnxTensor>;
  /** Those that outputs depend on. */
  readonly nodes: readonly OnnxNode[];
}

/** What errors call a node. */
export const nodeTitle = ({ name, opType, output }: OnnxNode): string =>
  `node ${name || output.find(Boolean) || 'without a name'} (${opType})`;

function portOf({ name, type }: OnnxValueInfo): OnnxPort {
  const tensor = type?.tensorType;
  if (!tensor) throw new Error(`input or output ${name} is no tensor`);
  const sides = tensor.shape?.dim.map(({ dimValue }) => Number(dimValue)) ?? [];
  return { name, type: elementType(tensor.elemType), shape: sides.map((side) => (side > 0 ? side : null)) };
}

function opsetOf({ opsetImport }: OnnxModel): number {
  const version = Number(opsetImport.find(({ domain }) => isStandard(domain))?.version ?? 1);
  if (version < OPSETS.first || version > OPSETS.last)
    throw new Error(
      `its operators are of opset ${version}; ${OPSETS.first} to ${OPSETS.last} are understood: export it with opset 17`,
    );
  return version;
}

/** @throws Error in one sentence when the graph is not sound, or has operators that are not known (named with their nodes) */
export function readGraph(model: OnnxModel): ModelGraph {
  const { graph } = model;
  if (!graph) throw new Error('it has no graph');
  const opset = opsetOf(model);
  const initializers = new Map(graph.initializer.map((tensor) => [tensor.name, tensor]));
  const outputs = graph.output.map(portOf);
  const inputs = graph.input.filter(({ name }) => !initializers.has(name)).map(portOf);
  if (outputs.length === 0) throw new Error('it has no outputs');
  for (const ports of [inputs, outputs])
    if (new Set(ports.map(({ name }) => name)).size < ports.length)
      throw new Error('two inputs or outputs share a name');
  const given = new Set([...initializers.keys(), ...inputs.map(({ name }) => name)]);
  const nodes = withPairsJoined(
    sorted(
      graph.node,
      outputs.map(({ name }) => name),
      given,
    ),
    outputs,
  );
  expectKnown(nodes);
  return { opset, inputs, outputs, initializers, nodes };
}

/** Those nodes that the wanted values depend on, each after what it reads. @throws Error for a circle or a gap */
export function sorted(nodes: readonly OnnxNode[], wanted: readonly string[], given: ReadonlySet<string>): OnnxNode[] {
  const makers = new Map<string, OnnxNode>();
  for (const node of nodes)
    for (const name of node.output) {
      if (!name) continue;
      if (makers.has(name) || given.has(name)) throw new Error(`${name} is given twice, also by ${nodeTitle(node)}`);
      makers.set(name, node);
    }
  const makerOf = (name: string, reader: string): OnnxNode | undefined => {
    if (!name || given.has(name)) return undefined;
    const maker = makers.get(name);
    if (!maker) throw new Error(`${reader} needs ${name}, which nothing gives`);
    return maker;
  };
  const done = new Set<OnnxNode>();
  const open = new Set<OnnxNode>();
  const order: OnnxNode[] = [];
  for (const output of wanted) {
    const last = makerOf(output, 'an output');
    // Without recursion: a chain of nodes may be longer than the stack is deep.
    const path = last && !done.has(last) ? [{ node: last, next: 0 }] : [];
    for (const { node } of path) open.add(node);
    while (path.length > 0) {
      const step = path[path.length - 1];
      if (step.next >= step.node.input.length) {
        path.pop();
        open.delete(step.node);
        done.add(step.node);
        order.push(step.node);
        continue;
      }
      const maker = makerOf(step.node.input[step.next++], nodeTitle(step.node));
      if (!maker || done.has(maker)) continue;
      if (open.has(maker)) throw new Error(`${nodeTitle(maker)} waits for its own result`);
      open.add(maker);
      path.push({ node: maker, next: 0 });
    }
  }
  // As the file has them, if it keeps to the rule that they come in an order that works.
  const inFile = nodes.filter((node) => done.has(node));
  const places = new Map(inFile.map((node, place) => [node, place]));
  const isSorted = inFile.every((node, place) =>
    node.input.every((name) => {
      const maker = makers.get(name);
      return !maker || (places.get(maker) ?? place) < place;
    }),
  );
  return isSorted ? inFile : order;
}

function expectKnown(nodes: readonly OnnxNode[]): void {
  const lacking = nodes.filter(({ opType, domain }) => !isStandard(domain) || !Object.hasOwn(OPERATORS, opType));
  if (lacking.length === 0) return;
  const operators = new Map(lacking.map((node) => [`${node.domain}.${node.opType}`, node]));
  const titles = [...operators.values()].map((node) => `${nodeTitle(node)}${node.domain ? ` of ${node.domain}` : ''}`);
  const more = titles.length > 5 ? ` and ${titles.length - 5} more` : '';
  throw new Error(`it has operators that likeness lacks: ${titles.slice(0, 5).join(', ')}${more}`);
}

/**
 * A number that is quantised only to be dequantised the same way is kept in float32: the first node becomes WithinRange,
 * the second nothing.
 */
function withPairsJoined(nodes: readonly OnnxNode[], outputs: readonly OnnxPort[]): OnnxNode[] {
  const readers = new Map<string, OnnxNode[]>();
  for (const node of nodes)
    for (const name of node.input) {
      const known = readers.get(name);
      if (known) known.push(node);
      else readers.set(name, [node]);
    }
  const manner = ({ input, attribute }: OnnxNode) =>
    [input[1], input[2] ?? '', attribute.find(({ name }) => name === 'axis')?.i ?? 1n].join(' ');
  const joined = new Set<OnnxNode>();
  for (const node of nodes) {
    const [result] = node.output;
    const after = readers.get(result) ?? [];
    const isPair = (other: OnnxNode) => other.opType === 'DequantizeLinear' && manner(other) === manner(node);
    if (node.opType !== 'QuantizeLinear' || after.length === 0 || !after.every(isPair)) continue;
    if (outputs.some(({ name }) => name === result)) continue;
    for (const one of [node, ...after]) joined.add(one);
  }
  return nodes.map((node) => {
    if (!joined.has(node)) return node;
    const { name, input, output, attribute } = node;
    return node.opType === 'QuantizeLinear'
      ? create(NodeProto, { name, opType: 'WithinRange', input, output, attribute })
      : create(NodeProto, { name, opType: 'Identity', input: input.slice(0, 1), output });
  });
}

/**
 * Carries the nodes out on a workbench.
 *
 * @param constant an initializer's numbers
 * @param onNode   hears of each node that was carried out, and of its first output
 * @throws Error that names the node
 */
export function evaluateGraph(
  { opset, nodes, initializers }: ModelGraph,
  bench: Workbench,
  inputs: ReadonlyMap<string, Value>,
  constant: (tensor: OnnxTensor) => Value,
  onNode: (node: OnnxNode, output: Value) => void = () => {},
): (name: string) => Value {
  const values = new Map(inputs);
  const resultOf = (name: string): Value => {
    const known = values.get(name);
    if (known) return known;
    const tensor = initializers.get(name);
    if (!tensor) throw new Error(`${name} is not there`);
    const value = constant(tensor);
    values.set(name, value);
    return value;
  };
  for (const node of nodes) {
    try {
      const operands = node.input.map((name) => (name ? resultOf(name) : undefined));
      const result = OPERATORS[node.opType](new NodeReader(opset, node, operands), bench);
      const results: readonly Value[] = 'kind' in result ? [result] : result;
      for (const [k, name] of node.output.entries()) {
        if (!name) continue;
        if (!results[k]) throw new Error(`its output ${k} is not supported`);
        values.set(name, results[k]);
      }
      onNode(node, results[0]);
    } catch (error) {
      throw new Error(`${nodeTitle(node)}: ${error instanceof Error ? error.message : error}`, { cause: error });
    }
  }
  return resultOf;
}

/** The nodes that only some of the outputs depend on. */
export function neededFor({ nodes, inputs, initializers }: ModelGraph, outputs: readonly OnnxPort[]): OnnxNode[] {
  const given = new Set([...initializers.keys(), ...inputs.map(({ name }) => name)]);
  return sorted(
    nodes,
    outputs.map(({ name }) => name),
    given,
  );
}
