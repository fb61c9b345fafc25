/** The learning rate of each step, counted from 0. */
export type Schedule = (step: number) => number;

/** Always the same. */
export const constantRate =
  (rate: number): Schedule =>
  () =>
    rate;

/**
 * Half a cosine from `rate` down to `floor`, then flat (Loshchilov and Hutter 2017, SGDR, without restarts):
 * floor + (rate - floor) * (1 + cos(pi * step / steps)) / 2, as PyTorch's CosineAnnealingLR.
 */
export const cosine =
  (rate: number, steps: number, floor = 0): Schedule =>
  (step) =>
    floor + ((rate - floor) * (1 + Math.cos((Math.PI * Math.min(step, steps)) / steps))) / 2;

/** `rate`, multiplied by `factor` at each milestone reached: PyTorch's MultiStepLR, He et al.'s schedule. */
export const steps =
  (rate: number, milestones: readonly number[], factor = 0.1): Schedule =>
  (step) =>
    rate * factor ** milestones.filter((milestone) => step >= milestone).length;

/**
 * The first `length` steps climb in a straight line to what the schedule begins with, (step + 1) / length of it; the
 * schedule itself starts after them (Goyal et al. 2017, section 2.2).
 */
export const warmUp =
  (length: number, schedule: Schedule): Schedule =>
  (step) =>
    step < length ? (schedule(0) * (step + 1)) / length : schedule(step - length);
