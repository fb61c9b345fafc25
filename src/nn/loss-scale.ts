/** From a step on, this. */
export interface ScaleStart {
  step: number;
  scale: number;
}

/** As PyTorch's GradScaler. */
const FIRST = 65536;
const STEPS_TO_DOUBLE = 2000;
/** Gradients that small have no more digits to win, and a larger one would sooner be too large. */
const HIGHEST = 2 ** 24;

/**
 * By how much the loss of a step is scaled in mixed precision, and with it every gradient, so that the small ones among
 * them are no zeros in 16 bits (Micikevicius et al. 2018, section 3.2): a power of two, which rounds nothing. Where
 * gradients turn out too large for 16 bits it is halved, and the step is made again; after 2000 steps that went well it is
 * doubled.
 *
 * Which scale a step has follows from its number and from the steps that failed, not from when that became known: a training
 * that was saved and restored goes on with the same.
 */
export class LossScale {
  readonly #starts: ScaleStart[];

  constructor(starts: readonly ScaleStart[] = [{ step: 0, scale: FIRST }]) {
    this.#starts = [...starts];
  }

  /** @param step counted from 0 */
  at(step: number): number {
    const { step: first, scale } = this.#starts.findLast((start) => start.step <= step) ?? this.#starts[0];
    return Math.max(scale, Math.min(HIGHEST, scale * 2 ** Math.floor((step - first) / STEPS_TO_DOUBLE)));
  }

  /** @throws Error when there is nothing left to halve */
  halve(step: number): void {
    const scale = this.at(step) / 2;
    if (scale < 1)
      throw new Error(
        `training stopped: at step ${step + 1} gradients are too large for 16 bits, even with a loss that is not scaled. Train in full precision`,
      );
    while (this.#starts.length > 0 && this.#starts[this.#starts.length - 1].step >= step) this.#starts.pop();
    this.#starts.push({ step, scale });
  }

  /** What constructs it again. */
  get starts(): readonly ScaleStart[] {
    return [...this.#starts];
  }
}
