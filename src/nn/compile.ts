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

/**
 * A network made ready for one input shape: norms folded into weights, epilogues fused, buffers shared by
 * liveness, modules or pipelines compiled, slots bound. Each run writes the same output tensors anew.
 */
export class Plan {
  readonly calls: readonly KernelCall[];
  /** Where `run` copies its input; a kernel may also have written here before `run()` is called without one. */
  readonly input: Tensor;
  readonly outputs: readonly Tensor[];
  readonly #program: Program;
  readonly #owned: readonly Slot[];

  constructor(
    calls: readonly KernelCall[],
    input: Tensor,
    outputs: readonly Tensor[],
    program: Program,
    owned: readonly Slot[],
  ) {
    this.calls = calls;
    this.input = input;
    this.outputs = outputs;
    this.#program = program;
    this.#owned = owned;
  }

  /**
   * @param input of the shape the plan was made for; its numbers are copied
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
    for (const slot of this.#owned) this.input.backend.free(slot);
    this.input.dispose();
    for (const output of this.outputs) output.dispose();
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
  input: Slot;
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
export function traceNetwork(backend: Backend, forward: Forward, inputShape: Shape): NetworkTrace {
  const tracing = new TracingBackend(backend);
  const inside = scope();
  try {
    const input = Tensor.empty(tracing, inputShape, 'trace');
    const outputs = noGradient(() => forward(input)).map(({ slot, shape }) => ({ slot, shape }));
    return { calls: tracing.calls, input: input.slot, outputs, computed: inside.detach() };
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
export async function compile(
  backend: Backend,
  forward: Forward,
  inputShape: Shape,
  { onProgress, precision = 'full' }: CompileOptions = {},
): Promise<Plan> {
  if (precision === 'half' && backend.halfRefusal !== undefined) throw new Error(backend.halfRefusal);
  const traced = traceNetwork(backend, forward, inputShape);
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
    if (new Set([traced.input, ...results]).size <= results.length)
      throw new Error('compile: a network gave its input, or one tensor twice, as output');
    const made = new Set(traced.calls.flatMap(outputSlots));
    if (!results.every((slot) => made.has(slot)))
      throw new Error('compile: a network gave one of its parameters as output');
    const calls = await fuse(backend, { calls: traced.calls, input: traced.input, outputs: results }, allocate);

    const written = new Set(calls.flatMap(outputSlots));
    const read = new Set(calls.flatMap(inputSlots));
    release([...owned].filter((slot) => !read.has(slot))); // what was only a step on the way to a constant
    const places = new Map<Slot, Slot>();
    for (const slot of read) {
      if (slot === traced.input || written.has(slot) || owned.has(slot)) continue;
      const constant = allocate(slot.length);
      backend.copy(slot, constant, { length: slot.length });
      places.set(slot, constant);
    }
    const constants = new Set(owned);

    for (const { shape, role } of [
      { shape: inputShape, role: 'plan input' },
      ...traced.outputs.map(({ shape }) => ({ shape, role: 'plan output' })),
    ])
      tensors.push(unscoped(() => Tensor.empty(backend, shape, role)));
    const [input, ...outputs] = tensors;
    places.set(traced.input, input.slot);
    traced.outputs.forEach(({ slot }, i) => {
      places.set(slot, outputs[i].slot);
    });
    for (const slot of constants) places.set(slot, slot);
    placeByLiveness(calls, places, allocate);

    const placed = calls.map((call) => rebind(call, (slot) => places.get(slot) ?? slot));
    const half = precision === 'half' ? { results: new Set(outputs.map(({ slot }) => slot)) } : undefined;
    const program = await backend.prepare(placed, constants, { onProgress, half });
    release(program.packed ?? []);
    return new Plan(placed, input, outputs, program, [...owned]);
  } catch (error) {
    release(owned);
    for (const tensor of tensors) tensor.dispose();
    throw error;
  } finally {
    traced.computed.dispose();
  }
}
