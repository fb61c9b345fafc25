import type { Backend, Precision, PrepareProgress, Program } from '../kernels/backend';
import { type KernelCall, SCALARS, type Slot } from '../kernels/kernel';
import { RecordedSlot, Recorder } from '../tensor/recorder';
import { scope, unscoped } from '../tensor/scope';
import { withStandIn } from '../tensor/stand-in';
import { Tensor } from '../tensor/tensor';
import { fuseTraining } from './fuse-training';
import { placeByLiveness, rebind, slotsOf } from './placement';
import { expectWritesFirst, type StepRecord, sameRecord, sameValue } from './step-record';

export interface RecordedStepOptions {
  /** Hears of each module or pipeline that is ready, of how many, while a step is made into a program. */
  onProgress?: PrepareProgress | undefined;
  /**
   * 'half' for mixed precision: what the calls on whole batches hand to one another takes 16 bits, parameters and all that
   * is small 32 (Micikevicius et al. 2018). The loss must be scaled for it: see LossScale. Default 'full'.
   */
  precision?: Precision | undefined;
}

/** Programs that are kept, each with memory of its own: two batch sizes may take turns. */
const MOST_PROGRAMS = 2;

/**
 * A function that makes one step of training out of operations on tensors, carried out as a program: its calls are
 * written down, made ready once (slots shared by liveness, bound, compiled) and replayed.
 *
 *     const recorded = new RecordedStep(backend);
 *     for (...) {
 *       const [loss] = await recorded.run(() => step(images, labels));
 *
 * The function is called each time, and only its kernels are left out: what it writes from the host (images, labels,
 * what dropout drops) and the scalars that it computes (the learning rate) go into the program before it runs. Where
 * the calls are not those of a program that is kept, as for a batch of another size, another one is made. The results
 * are those of the same function called directly, to the bit; on WebGPU but for the rounding of the moments that batch
 * norm takes, which come out of the convolution's tiles there. From run to run they are the same, to the bit.
 *
 * The function must not read numbers, nor keep tensors that it makes except by returning them; it may change tensors
 * that exist with assign(). Arrays it makes tensors of must stay as they are until run() goes on.
 */
export class RecordedStep {
  readonly #backend: Backend;
  readonly #options: RecordedStepOptions;
  /** What ran last is last. */
  #programs: StepProgram[] = [];

  /** @param backend where everything is that the step changes */
  constructor(backend: Backend, options: RecordedStepOptions = {}) {
    this.#backend = backend;
    this.#options = options;
  }

  /** The calls of the step that was made last, as they are carried out. */
  get calls(): readonly KernelCall[] {
    return this.#programs.at(-1)?.calls ?? [];
  }

  /**
   * Makes one step. Nothing waits for the device, and only the first step of its kind for compilation.
   * @returns what the function returned: read or copy it before the next step, do not dispose of it
   * @throws Error for a function that does what a recorded step must not; nothing is changed then
   */
  async run(step: () => readonly Tensor[]): Promise<readonly Tensor[]> {
    const record = this.#record(step);
    let program = this.#programs.find((known) => known.fits(record));
    if (!program) {
      const before = this.#programs.splice(0, this.#programs.length + 1 - MOST_PROGRAMS);
      for (const old of before) old.dispose();
      program = await StepProgram.make(this.#backend, record, this.#options);
    }
    this.#programs = [...this.#programs.filter((other) => other !== program), program];
    program.run(record);
    return program.results;
  }

  #record(step: () => readonly Tensor[]): StepRecord {
    const recorder = new Recorder(this.#backend);
    using _ = scope();
    try {
      const results = withStandIn(this.#backend, recorder, step).map(({ slot, shape }) => ({ slot, shape }));
      return { calls: recorder.calls, writes: recorder.writes, results };
    } finally {
      recorder.end();
    }
  }

  /** Frees the programs with their memory; what the steps changed is the caller's. */
  dispose(): void {
    for (const program of this.#programs.splice(0)) program.dispose();
  }
}

/** A record that was made ready to be carried out again and again. */
class StepProgram {
  readonly results: readonly Tensor[];
  readonly #backend: Backend;
  readonly #record: StepRecord;
  readonly #program: Program;
  readonly #owned: readonly Slot[];
  /** Where each of the record's writes goes. */
  readonly #targets: readonly Slot[];
  /** The calls as they were carried out last. */
  readonly #calls: KernelCall[];
  /** For each call of the record its place in the program; undefined where it became part of another one. */
  readonly #placeOf: readonly (number | undefined)[];

  static async make(
    backend: Backend,
    record: StepRecord,
    { onProgress, precision }: RecordedStepOptions,
  ): Promise<StepProgram> {
    expectWritesFirst(record);
    const owned: Slot[] = [];
    const allocate = (length: number): Slot => {
      const slot = backend.allocate(length);
      owned.push(slot);
      return slot;
    };
    const results: Tensor[] = [];
    try {
      const outliving = record.calls.flatMap(slotsOf).filter((slot) => !(slot instanceof RecordedSlot));
      const calls = fuseTraining(record.calls, new Set([...record.results.map(({ slot }) => slot), ...outliving]));

      const places = new Map<Slot, Slot>();
      const used = [...calls.flatMap(slotsOf), ...record.writes.map(({ slot }) => slot)];
      for (const slot of used) if (!(slot instanceof RecordedSlot)) places.set(slot, slot);
      for (const { slot, shape } of record.results) {
        if (places.has(slot) || !used.includes(slot))
          throw new Error('recorded step: it returned a tensor that it did not make, or one tensor twice');
        const result = unscoped(() => Tensor.empty(backend, shape, 'recorded step'));
        results.push(result);
        places.set(slot, result.slot);
      }
      for (const { slot } of record.writes) if (!places.has(slot)) places.set(slot, allocate(slot.length));
      placeByLiveness(calls, places, allocate);

      const placed = calls.map((call) => rebind(call, (slot) => places.get(slot) ?? slot));
      const kept = new Set([...results.map(({ slot }) => slot), ...outliving]);
      const half = precision === 'half' ? { results: kept, isTraining: true } : undefined;
      const program = await backend.prepare(placed, new Set(), { onProgress, half });
      const needless = new Set(program.packed);
      for (const slot of owned) if (needless.has(slot)) backend.free(slot);
      const indices = new Map(calls.map((call, index) => [call, index]));
      return new StepProgram(backend, record, {
        program,
        owned: owned.filter((slot) => !needless.has(slot)),
        results,
        targets: record.writes.map(({ slot }) => places.get(slot) ?? slot),
        calls: placed,
        placeOf: record.calls.map((call) => indices.get(call)),
      });
    } catch (error) {
      for (const slot of owned) backend.free(slot);
      for (const result of results) result.dispose();
      throw error;
    }
  }

  private constructor(
    backend: Backend,
    record: StepRecord,
    made: {
      program: Program;
      owned: readonly Slot[];
      results: readonly Tensor[];
      targets: readonly Slot[];
      calls: KernelCall[];
      placeOf: readonly (number | undefined)[];
    },
  ) {
    this.#backend = backend;
    // Only the sizes of the arrays are needed any more.
    const writes = record.writes.map((write) => ({ ...write, values: { length: write.values.length } }));
    this.#record = { ...record, writes };
    this.results = made.results;
    this.#program = made.program;
    this.#owned = made.owned;
    this.#targets = made.targets;
    this.#calls = made.calls;
    this.#placeOf = made.placeOf;
  }

  get calls(): readonly KernelCall[] {
    return this.#calls;
  }

  /** Whether another record asks for the same, apart from numbers that can be carried over. */
  fits(record: StepRecord): boolean {
    return sameRecord(record, this.#record, (index) => this.#placeOf[index] !== undefined);
  }

  /** Carries a record out that fits. */
  run({ calls, writes }: StepRecord): void {
    for (const [k, { values, offset }] of writes.entries()) this.#backend.write(this.#targets[k], values, offset);
    const changed = new Map<number, KernelCall>();
    for (const [k, call] of calls.entries()) {
      const place = this.#placeOf[k];
      if (place === undefined || !SCALARS[call.kernel]) continue;
      if (sameValue(call.attributes, this.#calls[place].attributes)) continue;
      const next = Object.assign({}, this.#calls[place], { attributes: call.attributes });
      this.#calls[place] = next;
      changed.set(place, next);
    }
    if (changed.size > 0) this.#program.change(changed);
    this.#program.run();
  }

  dispose(): void {
    this.#program.free();
    for (const slot of this.#owned) this.#backend.free(slot);
    for (const result of this.results) result.dispose();
  }
}
