import type { Trainer } from '../nn/trainer';
import { printLine, printTable } from './output';

/** What a training step holds at its peak, in bytes. */
export interface StepMemory {
  peak: number;
  /** From step to step: weights, running averages, and what the optimiser and the moving average remember. */
  kept: number;
  /** Results of the forward pass, which wait for the backward pass. */
  forward: number;
  /** Gradients on their way, and what kernels need for a moment. */
  rest: number;
  /** Whose results they are, the largest first. */
  layers: { layer: string; bytes: number; results: string }[];
}

/** @param kept live bytes before the first step, @param peak the most live bytes within one */
export function stepMemory({ memory }: Trainer, kept: number, peak: number): StepMemory {
  const forward = memory.reduce((sum, { bytes }) => sum + bytes, 0);
  const layers = memory.map(({ layer, bytes, results }) => ({
    layer,
    bytes,
    results: results.map(({ name, shape }) => `${name} [${shape.join(',')}]`).join(', '),
  }));
  return { peak, kept, forward, rest: peak - kept - forward, layers: layers.sort((a, b) => b.bytes - a.bytes) };
}

const LAYERS_SHOWN = 12;

export function printStepMemory({ peak, kept, forward, rest, layers }: StepMemory): void {
  const shown = layers.slice(0, LAYERS_SHOWN);
  printTable(
    ['Memory of a step', 'Megabytes', 'Results that wait for the backward pass'],
    [
      ['At its peak', megabytes(peak), ''],
      ['Kept between steps', megabytes(kept), ''],
      ['Gradients and scratch', megabytes(rest), ''],
      ['Forward pass', megabytes(forward), ''],
      ...shown.map(({ layer, bytes, results }) => [`  ${layer}`, megabytes(bytes), results]),
    ],
  );
  if (layers.length > shown.length) printLine(`${layers.length - shown.length} layers hold less; --json has them all.`);
}

const megabytes = (bytes: number) => (bytes / 1e6).toFixed(2);
