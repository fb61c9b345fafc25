import type { Backend, Numbers } from '../kernels/backend';
import { noGradient } from '../tensor/autograd';
import { concat, slice } from '../tensor/ops/concat';
import { unscoped } from '../tensor/scope';
import { Tensor } from '../tensor/tensor';
import { assign } from './module';
import { RecordedStep, type RecordedStepOptions } from './recorded-step';

/** What a step came to. */
export interface StepResult {
  loss: number;
  /** How many answers were right. */
  right: number;
  /** Something of the gradients that is not finite where one of them is not, if anybody asks for it. */
  slopes?: number;
}

/** The results of successive steps. */
export interface Window {
  /** The first of the steps, counted from 0. */
  first: number;
  results: StepResult[];
  /** Gives every tensor the numbers it had before the first of the steps, whatever was done since. */
  restore(): void;
}

/** Numbers that a step comes to. */
const COLUMNS = 3;
/** The most steps whose results are read together. */
const MOST_STEPS = 8;

/**
 * Makes recorded steps of training. Where the device computes while the host goes on, what the steps come to is
 * gathered there and read together, every few steps: while it is on its way the next steps are made. Elsewhere each
 * step is read before the next.
 *
 * All that the steps change is copied before the first whose results are not known, on the device, and can be restored
 * when they turn out bad.
 */
export class StepsAhead {
  /** How many steps make a window: their results are read together. */
  readonly window: number;
  /** How many windows may be under way while the next one is made. */
  readonly windowsBehind: number;
  readonly #recorded: RecordedStep;
  /** [MOST_STEPS, 3]: loss, right answers and gradients of a step in each row, the newest last. */
  readonly #results: Tensor;
  /** For the windows in turn. */
  readonly #snapshots: readonly Snapshot[];
  #knowsSlopes = false;
  #open: { first: number; count: number; snapshot: Snapshot } | undefined;
  #asked: { first: number; count: number; snapshot: Snapshot; numbers: Promise<Numbers> }[] = [];

  /** @param state every tensor that the steps change */
  constructor(backend: Backend, state: readonly Tensor[], options: RecordedStepOptions = {}) {
    this.window = backend.isAsynchronous ? MOST_STEPS : 1;
    this.windowsBehind = backend.isAsynchronous ? 1 : 0;
    this.#recorded = new RecordedStep(backend, options);
    const rows = new Float32Array(COLUMNS * MOST_STEPS);
    this.#results = unscoped(() => Tensor.from(backend, rows, [MOST_STEPS, COLUMNS]));
    this.#snapshots = Array.from({ length: this.windowsBehind + 1 }, () => new Snapshot(state));
  }

  /**
   * Makes a step.
   * @param step its number: they are made one after the other
   * @param compute what RecordedStep takes; the loss, the number of right answers and what there is of the gradients are
   *   single numbers
   */
  async make(step: number, compute: () => { loss: Tensor; right: Tensor; slopes?: Tensor }): Promise<void> {
    if (!this.#open) {
      const snapshot = this.#snapshots.find((one) => this.#asked.every((window) => window.snapshot !== one));
      if (!snapshot) throw new Error('steps ahead: the results of those before must be collected first');
      snapshot.take();
      this.#open = { first: step, count: 0, snapshot };
    }
    await this.#recorded.run(() => {
      const { loss, right, slopes } = compute();
      this.#knowsSlopes = slopes !== undefined;
      noGradient(() => {
        const newest = concat(
          [loss, right, slopes ?? right].map((number) => number.reshape(1, 1)),
          1,
        );
        assign(this.#results, concat([slice(this.#results, 0, 1, MOST_STEPS - 1), newest], 0));
      });
      return [];
    });
    this.#open.count++;
  }

  /** Ends the window: asks for what its steps came to. */
  ask(): void {
    if (!this.#open) return;
    const numbers = this.#results.data();
    numbers.catch(() => {}); // reported by next(), if it is called
    this.#asked.push({ ...this.#open, numbers });
    this.#open = undefined;
  }

  /** How many windows were asked for and not collected. */
  get asked(): number {
    return this.#asked.length;
  }

  /** Waits for the results of the oldest window. */
  async next(): Promise<Window> {
    const [{ first, count, snapshot, numbers }] = this.#asked;
    const rows = (await numbers).slice(-COLUMNS * count);
    this.#asked.shift();
    const results = Array.from({ length: count }, (_, k) => {
      const [loss, right, slopes] = rows.slice(COLUMNS * k, COLUMNS * (k + 1));
      return { loss, right, ...(this.#knowsSlopes && { slopes }) };
    });
    const restore = () => {
      snapshot.restore();
      this.#asked = [];
      this.#open = undefined;
    };
    return { first, results, restore };
  }

  dispose(): void {
    this.#recorded.dispose();
    this.#results.dispose();
    for (const snapshot of this.#snapshots) snapshot.dispose();
  }
}

/** A copy of tensors, on their own device. */
class Snapshot {
  readonly #pairs: readonly { tensor: Tensor; copy: Tensor }[];

  constructor(tensors: readonly Tensor[]) {
    this.#pairs = tensors.map((tensor) => ({
      tensor,
      copy: unscoped(() => Tensor.empty(tensor.backend, tensor.shape, 'snapshot')),
    }));
  }

  take(): void {
    for (const { tensor, copy } of this.#pairs) assign(copy, tensor);
  }

  restore(): void {
    for (const { tensor, copy } of this.#pairs) assign(tensor, copy);
  }

  dispose(): void {
    for (const { copy } of this.#pairs) copy.dispose();
  }
}
