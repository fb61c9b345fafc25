import type { Backend, Precision, PrepareProgress } from '../../kernels/backend';
import { scale } from '../../tensor/ops/arithmetic';
import { formatShape, type Shape } from '../../tensor/shape';
import type { Tensor } from '../../tensor/tensor';
import { TracingBackend } from '../../tensor/trace';
import { compileMany, type Plan } from '../compile';
import { placeByLiveness } from '../placement';
import { elementType, readTensor } from './element';
import { type ReadExternal, readExternalTensors } from './external';
import { decodeModel, inFile } from './freeze';
import { layersOf, type OnnxLayer } from './layers';
import { evaluateGraph, type ModelGraph, neededFor, type OnnxPort, readGraph } from './model-graph';
import type { OnnxModel, OnnxTensor } from './proto';
import { device, fileOrder, type Value } from './value';
import { Workbench } from './workbench';

export type { OnnxPort };

export interface OpenOnnxOptions {
  /** For errors: the file. */
  source?: string;
  /**
   * Reads what the file keeps its weights in besides itself: a path relative to the model's folder, with forward
   * slashes, that never leads out of it. Without it such a file is refused.
   */
  readExternal?: ReadExternal;
  /** The most bytes that one plan, or the constants of the file, may take. Default MEMORY_LIMIT. */
  memoryLimit?: number;
}

/** The most bytes that a plan of an imported network, or its constants, may take unless another limit is given: 2 GiB. */
export const MEMORY_LIMIT = 2 ** 31;

/** Numbers in the file's own layout: row-major, images [batch, channels, height, width]. */
export interface OnnxResult {
  readonly shape: Shape;
  readonly values: Float32Array;
}

export interface OnnxPlanOptions {
  /**
   * Inputs of rank 4 that will be handed over as [batch, height, width, channels], as all images here are: nothing is
   * then turned. Their shapes are stated in the file's layout all the same.
   */
  channelsLast?: readonly string[];
  /** The outputs that are wanted: what only others need is not computed. Default: all. */
  outputs?: readonly string[];
  precision?: Precision;
  onProgress?: PrepareProgress;
}

/** An imported network made ready for one set of input shapes. */
export interface OnnxPlan {
  /**
   * Where run() copies its inputs, each in the layout that it is handed over in; a kernel may also have written here
   * before run() is called without them.
   */
  readonly inputs: ReadonlyMap<string, Tensor>;
  /**
   * @param inputs numbers by name, each in the layout that it was asked for; an input that is left out keeps its numbers
   * @returns every output, in the file's own layout
   * @throws Error when a name or a count of numbers does not fit
   */
  run(inputs?: Readonly<Record<string, ArrayLike<number>>>): Promise<ReadonlyMap<string, OnnxResult>>;
}

/**
 * A network out of an ONNX file: opsets 6 to 21, float32; what is float16 or quantised in the file is computed in
 * float32. Its nodes are carried out by the same operations as our own networks, and fused and planned as they are.
 */
export interface OnnxNetwork {
  readonly inputs: readonly OnnxPort[];
  readonly outputs: readonly OnnxPort[];
  /** The version of its operators. */
  readonly opset: number;
  /** What wrote the file, where that is said. */
  readonly producer: string;
  /** The model's metadata_props. */
  readonly metadata: ReadonlyMap<string, string>;
  /**
   * The network as a function of its one input, for compile() and whatever takes a Forward.
   *
   * @param input images [batch, height, width, channels] where the file wants [batch, channels, height, width]; else
   *   the file's layout
   * @returns its outputs, in the file's own layout and order
   * @throws Error when the network has several inputs, or the shape does not fit
   */
  forward(input: Tensor): readonly Tensor[];
  /**
   * A plan for these shapes of all inputs, in the file's layout. Asked again for the same, it gives the same plan.
   *
   * @throws Error in one sentence that names the node when the shapes do not fit the network, or it needs too much memory
   */
  prepare(shapes: Readonly<Record<string, Shape>>, options?: OnnxPlanOptions): Promise<OnnxPlan>;
  /**
   * What there is to compute for these shapes, node by node.
   * @throws Error as prepare() does
   */
  layers(shapes: Readonly<Record<string, Shape>>): Promise<OnnxLayer[]>;
  /** Frees every plan. */
  dispose(): Promise<void>;
}

/**
 * Reads an ONNX file, or one that freezeOnnx() made of it.
 *
 * @param backend where its plans will run
 * @throws Error in one sentence when the file is damaged, has an operator that is not known (named with its node), or
 *   keeps numbers where it must not be read
 */
export async function openOnnx(
  backend: Backend,
  bytes: Uint8Array,
  { source = 'the model', readExternal, memoryLimit = MEMORY_LIMIT }: OpenOnnxOptions = {},
): Promise<OnnxNetwork> {
  return inFile(source, async () => {
    const model = decodeModel(bytes, source);
    const graph = readGraph(model);
    const external = await readExternalTensors(model, readExternal);
    return new ImportedNetwork(backend, { model, graph, external, weights: new Map(), source, memoryLimit });
  });
}

/**
 * A network that keeps nothing outside of its messages.
 *
 * @param weights what is used in place of the initializers of these names, in their shapes; it stays the caller's
 * @throws Error as openOnnx() does
 */
export function importModel(
  backend: Backend,
  model: OnnxModel,
  weights: ReadonlyMap<string, Tensor>,
  source: string,
): OnnxNetwork {
  const graph = readGraph(model);
  return new ImportedNetwork(backend, {
    model,
    graph,
    external: new Map(),
    weights,
    source,
    memoryLimit: MEMORY_LIMIT,
  });
}

interface Opened {
  model: OnnxModel;
  graph: ModelGraph;
  external: ReadonlyMap<OnnxTensor, Uint8Array>;
  /** Tensors in place of initializers, by name. */
  weights: ReadonlyMap<string, Tensor>;
  source: string;
  memoryLimit: number;
}

const CHANNELS_LAST = [0, 2, 3, 1];

class ImportedNetwork implements OnnxNetwork {
  readonly inputs: readonly OnnxPort[];
  readonly outputs: readonly OnnxPort[];
  readonly opset: number;
  readonly producer: string;
  readonly metadata: ReadonlyMap<string, string>;
  readonly #backend: Backend;
  readonly #opened: Opened;
  readonly #plans = new Map<string, Promise<ImportedPlan>>();

  constructor(backend: Backend, opened: Opened) {
    const { graph, model } = opened;
    this.#backend = backend;
    this.#opened = opened;
    this.inputs = graph.inputs;
    this.outputs = graph.outputs;
    this.opset = graph.opset;
    this.producer = model.producerName;
    this.metadata = new Map(model.metadataProps.map(({ key, value }) => [key, value]));
  }

  forward(input: Tensor): readonly Tensor[] {
    const { source } = this.#opened;
    const [port, ...others] = this.inputs;
    if (!port || others.length > 0)
      throw new Error(`${source}: has ${this.inputs.length} inputs; use prepare(), which takes several`);
    const isImage = port.shape.length === 4;
    const shape = isImage ? fileShapeOf(input.shape) : input.shape;
    expectFit(port, shape);
    const bench = this.#workbench();
    const value = device(port.type, shape, input, isImage ? CHANNELS_LAST : fileOrder(shape));
    const resultOf = this.#evaluate(bench, new Map([[port.name, value]]), this.outputs);
    return this.outputs.map(({ name }) => bench.placed(resultOf(name)));
  }

  prepare(shapes: Readonly<Record<string, Shape>>, options: OnnxPlanOptions = {}): Promise<OnnxPlan> {
    const { channelsLast = [], outputs, precision = 'full' } = options;
    const key = JSON.stringify([this.inputs.map(({ name }) => shapes[name]), channelsLast, outputs, precision]);
    let plan = this.#plans.get(key);
    if (!plan) {
      plan = inFile(this.#opened.source, () => this.#compile(shapes, options));
      this.#plans.set(key, plan);
      plan.catch(() => this.#plans.delete(key));
    }
    return plan;
  }

  layers(shapes: Readonly<Record<string, Shape>>): Promise<OnnxLayer[]> {
    const { graph, source } = this.#opened;
    return inFile(source, () =>
      layersOf(
        this.#backend,
        graph,
        this.#workbench(),
        this.#shapesOf(shapes, []).map(({ shape }) => shape),
        this.#constant,
      ),
    );
  }

  async dispose(): Promise<void> {
    // One that is still being compiled may fail: whoever asked for it is told.
    for (const plan of this.#plans.values()) (await plan.catch(() => undefined))?.dispose();
    this.#plans.clear();
  }

  async #compile(shapes: Readonly<Record<string, Shape>>, options: OnnxPlanOptions): Promise<ImportedPlan> {
    const { channelsLast = [], precision = 'full', onProgress } = options;
    const inputs = this.#shapesOf(shapes, channelsLast);
    const wanted = (options.outputs ?? this.outputs.map(({ name }) => name)).map((name) => {
      const port = this.outputs.find((output) => output.name === name);
      if (!port)
        throw new Error(`there is no output ${name}; it has ${this.outputs.map((one) => one.name).join(', ')}`);
      return port;
    });

    const bench = this.#workbench();
    for (const { shape } of inputs) bench.expectRoom(shape, false);
    const results = new Map<string, Result>();
    const forward = (tensors: readonly Tensor[]): readonly Tensor[] => {
      const values = inputs.map(({ name, type, shape, axes }, k): [string, Value] => [
        name,
        device(type, shape, tensors[k], axes),
      ]);
      const resultOf = this.#evaluate(bench, new Map(values), wanted);
      const taken = new Set(tensors.map(({ slot }) => slot));
      const computed: Tensor[] = [];
      for (const { name } of wanted) {
        const value = resultOf(name);
        const tensor = value.kind === 'host' ? undefined : bench.placed(value);
        if (tensor?.backend instanceof TracingBackend) {
          // A plan has outputs of its own: not its inputs, and none twice.
          const own = taken.has(tensor.slot) ? scale(tensor, 1) : tensor;
          taken.add(own.slot);
          results.set(name, { shape: value.shape, output: computed.push(own) - 1 });
        } else {
          const numbers = value.kind === 'host' ? Promise.resolve(value.values) : tensor?.data();
          results.set(name, { shape: value.shape, numbers: numbers ?? Promise.resolve([]) });
        }
      }
      const [first] = computed;
      if (first?.backend instanceof TracingBackend) this.#expectRoomForPlan(first.backend, bench);
      return computed;
    };
    const plan = await compileMany(
      this.#backend,
      forward,
      inputs.map(({ shape, axes }) => axes.map((axis) => shape[axis])),
      { precision, ...(onProgress && { onProgress }) },
    );
    const fixed = new Map<string, OnnxResult>();
    for (const [name, { shape, numbers }] of results)
      if (numbers) fixed.set(name, { shape, values: Float32Array.from(await numbers) });
    return new ImportedPlan(
      this.#backend,
      plan,
      new Map(inputs.map(({ name }, k) => [name, plan.inputs[k]])),
      results,
      fixed,
    );
  }

  /** The inputs with the shapes that they are to have, and the order of their axes in memory. */
  #shapesOf(shapes: Readonly<Record<string, Shape>>, channelsLast: readonly string[]) {
    for (const name of [...Object.keys(shapes), ...channelsLast])
      if (!this.inputs.some((port) => port.name === name))
        throw new Error(`there is no input ${name}; it has ${this.inputs.map((port) => port.name).join(', ')}`);
    return this.inputs.map((port) => {
      const { name, type } = port;
      const shape = shapes[name];
      if (!shape) throw new Error(`the shape of input ${name} is missing`);
      expectFit(port, shape);
      if (!channelsLast.includes(name)) return { name, type, shape, axes: fileOrder(shape) };
      if (shape.length !== 4) throw new Error(`input ${name} ${formatShape(shape)} is no image`);
      return { name, type, shape, axes: CHANNELS_LAST };
    });
  }

  #workbench(): Workbench {
    return new Workbench(this.#backend, this.#opened.memoryLimit);
  }

  #evaluate(
    bench: Workbench,
    inputs: ReadonlyMap<string, Value>,
    wanted: readonly OnnxPort[],
  ): (name: string) => Value {
    const { graph } = this.#opened;
    const nodes = graph.outputs.length === wanted.length ? graph.nodes : neededFor(graph, wanted);
    return evaluateGraph({ ...graph, nodes }, bench, inputs, this.#constant);
  }

  readonly #constant = (tensor: OnnxTensor): Value => {
    const { external, weights } = this.#opened;
    const weight = weights.get(tensor.name);
    return weight
      ? device(elementType(tensor.dataType), weight.shape, weight, fileOrder(weight.shape))
      : readTensor(tensor, external.get(tensor));
  };

  /** @throws Error when what lies between its calls needs more memory than is allowed; nothing is allocated yet */
  #expectRoomForPlan({ calls }: TracingBackend, bench: Workbench): void {
    let numbers = 0;
    placeByLiveness(calls, new Map(), (length) => {
      numbers += length;
      return { length };
    });
    bench.expectRoom([numbers], true);
  }
}

/** An output that a plan computes, by its place, or numbers that do not depend on its inputs. */
interface Result {
  shape: Shape;
  output?: number;
  numbers?: Promise<ArrayLike<number>>;
}

const fileShapeOf = ([batch, height, width, channels]: Shape): Shape => [batch, channels, height, width];

function expectFit({ name, shape: declared }: OnnxPort, shape: Shape): void {
  if (!shape.every((side) => Number.isSafeInteger(side) && side > 0))
    throw new Error(`${formatShape(shape)} is no shape of an input`);
  const fits =
    shape.length === declared.length && declared.every((side, axis) => side === null || side === shape[axis]);
  if (declared.length > 0 && !fits)
    throw new Error(
      `input ${name} takes [${declared.map((side) => side ?? '?').join(',')}], not ${formatShape(shape)}`,
    );
}

class ImportedPlan implements OnnxPlan {
  readonly inputs: ReadonlyMap<string, Tensor>;
  readonly plan: Plan;
  readonly #backend: Backend;
  readonly #results: ReadonlyMap<string, Result>;
  readonly #fixed: ReadonlyMap<string, OnnxResult>;

  constructor(
    backend: Backend,
    plan: Plan,
    inputs: ReadonlyMap<string, Tensor>,
    results: ReadonlyMap<string, Result>,
    fixed: ReadonlyMap<string, OnnxResult>,
  ) {
    this.#backend = backend;
    this.plan = plan;
    this.inputs = inputs;
    this.#results = results;
    this.#fixed = fixed;
  }

  async run(inputs: Readonly<Record<string, ArrayLike<number>>> = {}): Promise<ReadonlyMap<string, OnnxResult>> {
    for (const [name, values] of Object.entries(inputs)) {
      const tensor = this.inputs.get(name);
      if (!tensor) throw new Error(`onnx: there is no input ${name}; it has ${[...this.inputs.keys()].join(', ')}`);
      if (values.length !== tensor.size)
        throw new Error(`onnx: input ${name} takes ${tensor.size} numbers, not ${values.length}`);
      this.#backend.write(tensor.slot, values);
    }
    // Writing, running and asking for the outputs happen in one go: another caller may use the plan once we wait.
    const outputs = this.plan.run().map((output) => output.data());
    const results = new Map<string, OnnxResult>();
    for (const [name, { shape, output }] of this.#results) {
      const fixed = this.#fixed.get(name);
      if (fixed) results.set(name, { shape, values: fixed.values.slice() });
      else if (output !== undefined) results.set(name, { shape, values: Float32Array.from(await outputs[output]) });
    }
    return results;
  }

  dispose(): void {
    this.plan.dispose();
  }
}
