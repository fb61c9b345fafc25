import type { Backend, Precision, PrepareProgress, Program } from '../kernels/backend';
import { inputSlots, type KernelCall, outputSlots, type Slot } from '../kernels/kernel';
import { noGradient } from '../tensor/record';
import { type Disposable, scope, unscoped } from '../tensor/scope';
import { formatShape, type Shape, ShapeError } from '../tensor/shape';
import { Tensor } from '../tensor/tensor';
import { TracingBackend } from '../tensor/trace';
import { fuse } from './fuse';
import { placeByLiveness, rebind } from './placement';

/** A network as a function of its input, made of operations on tensors. */
export type Forward = (input: Tensor) => readonly Tensor[];

/** The same for one that has several. */
export type ForwardOfMany = (inputs: readonly Tensor[]) => readonly Tensor[];

/**
 * A network made ready for its inputs' shapes: norms folded into weights, epilogues fused, buffers shared by
 * liveness, modules or pipelines compiled, slots bound. Each run writes the same output tensors anew.
 */
export class Plan {
  readonly calls: readonly KernelCall[];
  /** Where `run` copies its inputs; a kernel may also have written here before `run()` is called without them. */
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  readonly #program: Program;
  readonly #owned: readonly Slot[];

  constructor(
    calls: readonly KernelCall[],
    inputs: readonly Tensor[],
    outputs: readonly Tensor[],
    program: Program,
    owned: readonly Slot[],
  ) {
    this.calls = calls;
    this.inputs = inputs;
    this.outputs = outputs;
    this.#program = program;
    this.#owned = owned;
  }

  /** The first of its inputs: the only one of most networks. */
  get input(): Tensor {
    return this.inputs[0];
  }

  /**
   * @param input of the shape the plan was made for; its numbers are copied. Others keep what is there.
   * @returns the plan's own outputs: read or copy them before the next run, do not dispose of them
   */
  run(input?: Tensor): readonly Tensor[] {
    if (input) {
      if (formatShape(input.shape) !== formatShape(this.input.shape))
        throw new ShapeError(`plan: made for input ${formatShape(this.input.shape)}, got ${formatShape(input.shape)}`);
      this.input.backend.copy(input.slot, this.input.slot, { length: input.size });
    }
    this.#program.run();
    return this.outputs;
  }

  /** Frees everything but the network's own parameters. */
  dispose(): void {
    this.#program.free();
    const tensors = [...this.inputs, ...this.outputs];
    for (const slot of this.#owned) tensors[0].backend.free(slot);
    for (const tensor of tensors) tensor.dispose();
  }
}

export interface CompileOptions {
  /** Hears of each module or pipeline that is ready, of how many. */
  onProgress?: PrepareProgress;
  /**
   * 'half' keeps what the network computes, and its filters, in 16 bits, on a GPU that can: half the memory to read, and
   * about three digits. Sums are made in float32; input and outputs are float32. Default 'full'.
   */
  precision?: Precision;
}

/** What a network does, written down. */
export interface NetworkTrace {
  /** In the order in which they were made. */
  calls: readonly KernelCall[];
  inputs: readonly Slot[];
  outputs: readonly { slot: Slot; shape: Shape }[];
  /** What was computed of parameters alone: constants on the network's own backend. To be freed when they were copied. */
  computed: Disposable;
}

/**
 * Runs a network once on a backend that computes nothing and writes down what it would.
 *
 * @param backend where the network's parameters are
 * @param inputShape batch included
 */
export const traceNetwork = (backend: Backend, forward: Forward, inputShape: Shape): NetworkTrace =>
  traceMany(backend, ([input]) => forward(input), [inputShape]);

/** The same for a network of several inputs. */
export function traceMany(backend: Backend, forward: ForwardOfMany, inputShapes: readonly Shape[]): NetworkTrace {
  const tracing = new TracingBackend(backend);
  const inside = scope();
  try {
    const inputs = inputShapes.map((shape) => Tensor.empty(tracing, shape, 'trace'));
    const outputs = noGradient(() => forward(inputs)).map(({ slot, shape }) => ({ slot, shape }));
    return { calls: tracing.calls, inputs: inputs.map(({ slot }) => slot), outputs, computed: inside.detach() };
  } catch (error) {
    inside[Symbol.dispose]();
    throw error;
  }
}

/**
 * Traces a network once and makes a plan of it. The plan has its own copy of every constant, folded and packed: the
 * network's parameters may change or be freed once it is made.
 *
 * @param backend where the network's parameters are and where the plan will run
 * @param inputShape batch included
 * @throws Error when half precision is asked for and the backend, or one of the network's kernels, has none
 */
export const compile = (
  backend: Backend,
  forward: Forward,
  inputShape: Shape,
  options?: CompileOptions,
): Promise<Plan> => compileMany(backend, ([input]) => forward(input), [inputShape], options);

/** The same for a network of several inputs. */
export async function compileMany(
  backend: Backend,
  forward: ForwardOfMany,
  inputShapes: readonly Shape[],
  { onProgress, precision = 'full' }: CompileOptions = {},
): Promise<Plan> {
  if (precision === 'half' && backend.halfRefusal !== undefined) throw new Error(backend.halfRefusal);
  const traced = traceMany(backend, forward, inputShapes);
  const owned = new Set<Slot>();
  const allocate = (length: number): Slot => {
    const slot = backend.allocate(length);
    owned.add(slot);
    return slot;
  };
  const release = (slots: Iterable<Slot>): void => {
    for (const slot of [...slots]) if (owned.delete(slot)) backend.free(slot);
  };
  const tensors: Tensor[] = [];
  try {
    const results = traced.outputs.map(({ slot }) => slot);
    if (new Set([...traced.inputs, ...results]).size < traced.inputs.length + results.length)
      throw new Error('compile: a network gave its input, or one tensor twice, as output');
    const made = new Set(traced.calls.flatMap(outputSlots));
    if (!results.every((slot) => made.has(slot)))
      throw new Error('compile: a network gave one of its parameters as output');
    const calls = await fuse(backend, { calls: traced.calls, inputs: traced.inputs, outputs: results }, allocate);

    const written = new Set(calls.flatMap(outputSlots));
    const read = new Set(calls.flatMap(inputSlots));
    release([...owned].filter((slot) => !read.has(slot))); // what was only a step on the way to a constant
    const places = new Map<Slot, Slot>();
    for (const slot of read) {
      if (traced.inputs.includes(slot) || written.has(slot) || owned.has(slot)) continue;
      const constant = allocate(slot.length);
      backend.copy(slot, constant, { length: slot.length });
      places.set(slot, constant);
    }
    const constants = new Set(owned);

    for (const { shape, role } of [
      ...inputShapes.map((shape) => ({ shape, role: 'plan input' })),
      ...traced.outputs.map(({ shape }) => ({ shape, role: 'plan output' })),
    ])
      tensors.push(unscoped(() => Tensor.empty(backend, shape, role)));
    const inputs = tensors.slice(0, inputShapes.length);
    const outputs = tensors.slice(inputShapes.length);
    traced.inputs.forEach((slot, i) => {
      places.set(slot, inputs[i].slot);
    });
    traced.outputs.forEach(({ slot }, i) => {
      places.set(slot, outputs[i].slot);
    });
    for (const slot of constants) places.set(slot, slot);
    placeByLiveness(calls, places, allocate);

    const placed = calls.map((call) => rebind(call, (slot) => places.get(slot) ?? slot));
    const half = precision === 'half' ? { results: new Set(outputs.map(({ slot }) => slot)) } : undefined;
    const program = await backend.prepare(placed, constants, { onProgress, half });
    release(program.packed ?? []);
    return new Plan(placed, inputs, outputs, program, [...owned]);
  } catch (error) {
    release(owned);
    for (const tensor of tensors) tensor.dispose();
    throw error;
  } finally {
    traced.computed.dispose();
  }
}
