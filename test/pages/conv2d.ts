import type { Backend } from '../../src/kernels/backend';
import { RELU } from '../../src/kernels/kernel';
import { openReference } from '../../src/kernels/reference/backend';
import { openWebgpu } from '../../src/kernels/webgpu/backend';
import { random } from '../../src/tensor/random';

/** A 3x3 convolution of a small image, with the same numbers on any backend. */
async function convolved(backend: Backend) {
  const generator = random(7);
  const filled = (length: number) => {
    const slot = backend.allocate(length);
    backend.write(
      slot,
      Float32Array.from({ length }, () => generator.normal()),
    );
    return slot;
  };
  const output = backend.allocate(5 * 7 * 8);
  backend.run({
    kernel: 'conv2d',
    inputs: { input: filled(5 * 7 * 4), filter: filled(3 * 3 * 4 * 8), bias: filled(8) },
    outputs: { output },
    attributes: {
      batch: 1,
      height: 5,
      width: 7,
      outHeight: 5,
      outWidth: 7,
      filterHeight: 3,
      filterWidth: 3,
      strideY: 1,
      strideX: 1,
      top: 1,
      left: 1,
      inChannels: 4,
      outChannels: 8,
      activation: RELU,
    },
  });
  return backend.read(output);
}

export async function run() {
  const backend = await openWebgpu({ allowSoftware: true });
  const expected = await convolved(openReference());
  const actual = await convolved(backend);
  return {
    crossOriginIsolated,
    adapter: backend.description,
    length: actual.length,
    difference: Math.max(...Array.from(actual, (value, i) => Math.abs(value - expected[i]))),
  };
}
