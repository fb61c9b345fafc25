import { readFileSync } from 'node:fs';
import * as assert from 'uvu/assert';
import type { Module } from '../../src/nn/module';
import type { NamedValues } from '../../src/tensor/safetensors';
import { type Shape, sizeOf } from '../../src/tensor/shape';
import type { Tensor } from '../../src/tensor/tensor';

/** A tensor that PyTorch computed, in short. */
export interface Summary {
  norm: number;
  /** The inner product with drawn(999). */
  projection: number;
  first: number[];
}

/** What make-torch.py writes of a network that is trained for five steps. */
export interface TorchTraining {
  /** What the images are drawn from. */
  images: number;
  labels: number[];
  rate: number;
  smoothing: number;
  nesterov: boolean;
  losses: number[];
  logits: number[];
  gradients: Record<string, Summary>;
  weights: Record<string, Summary>;
  evaluated: number[];
}

/** A file of make-torch.py. */
export const readTorch = <T>(name: string): T => JSON.parse(readFileSync(`test/fixtures/torch-${name}.json`, 'utf8'));

/** Uniform in [-1, 1), the same numbers that make-torch.py draws. */
export function drawn(seed: number, count: number): Float32Array {
  const start = Math.imul(seed, 0x9e3779b9);
  return Float32Array.from({ length: count }, (_, index) => {
    let z = (start + Math.imul(index + 1, 0x85ebca6b)) >>> 0;
    z ^= z >>> 16;
    z = Math.imul(z, 0x21f0aaad);
    z ^= z >>> 15;
    z = Math.imul(z, 0x735a2d97);
    z ^= z >>> 15;
    return (z >>> 0) / 2 ** 31 - 1;
  });
}

/** Gives a network the first weights that make-torch.py gives its own. */
export async function initialise(network: Module): Promise<void> {
  const state = await network.state();
  for (const [index, [path, { shape }]] of [...network.parameters()].entries())
    state.set(path, firstValue(path, shape, index + 1));
  network.load(state);
}

function firstValue(path: string, shape: Shape, seed: number): NamedValues {
  const values = drawn(seed, sizeOf(shape));
  const bound = Math.sqrt(6 / sizeOf(shape.slice(0, -1)));
  const base = path.endsWith('bn3.weight') ? 0.2 : path.endsWith('weight') ? 1 : 0;
  return { shape, values: values.map((value) => (shape.length > 1 ? bound * value : base + 0.1 * value)) };
}

/** The errors are shares of the tensor's length. */
export async function assertSummary(tensor: Tensor, expected: Summary, tolerance: number, name: string): Promise<void> {
  const values = Array.from(await tensor.data());
  const norm = Math.hypot(...values);
  const directions = drawn(999, values.length);
  const projection = values.reduce((sum, value, i) => sum + value * directions[i], 0);
  // Sums that are zero but for rounding (a bias in front of a norm) have no digits to compare.
  const slack = tolerance * Math.max(expected.norm, 1e-6);
  const check = (what: string, actual: number, wanted: number) =>
    assert.ok(Math.abs(actual - wanted) <= slack, `${name}: ${what} is ${actual}, PyTorch has ${wanted}`);
  check('norm', norm, expected.norm);
  check('projection', projection, expected.projection);
  expected.first.forEach((value, i) => {
    check(`number ${i}`, values[i], value);
  });
}
