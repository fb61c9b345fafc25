import type { Backend } from '../../../src/kernels/backend';
import { RELU } from '../../../src/kernels/kernel';
import { openWasm } from '../../../src/kernels/wasm/backend';
import { random } from '../../../src/tensor/random';

/** A convolution that is large enough to be split, run many times; a growing memory in between. */
async function convolved(backend: Backend): Promise<Uint32Array> {
  const { normal } = random(7);
  const filled = (length: number) => {
    const slot = backend.allocate(length);
    backend.write(slot, Float32Array.from({ length }, normal));
    return slot;
  };
  const [height, width, inChannels, outChannels] = [33, 35, 24, 40];
  const output = backend.allocate(height * width * outChannels);
  const filter = filled(9 * inChannels * outChannels);
  const program = await backend.prepare(
    [
      {
        kernel: 'conv2d',
        inputs: { input: filled(height * width * inChannels), filter, bias: filled(outChannels) },
        outputs: { output },
        attributes: {
          ...{ batch: 1, height, width, inChannels, outHeight: height, outWidth: width, outChannels },
          ...{ filterHeight: 3, filterWidth: 3, strideY: 1, strideX: 1, top: 1, left: 1, activation: RELU },
        },
      },
    ],
    new Set([filter]),
  );
  for (let k = 0; k < 50; k++) program.run();
  backend.allocate(10_000_000);
  program.run();
  return new Uint32Array(Float32Array.from(await backend.read(output)).buffer);
}

export async function run() {
  const alone = await openWasm({ threads: 1 });
  const expected = await convolved(alone);
  const together = await openWasm({ threads: 2 });
  const actual = await convolved(together);
  await together.close();
  return {
    crossOriginIsolated,
    descriptions: [alone.description, together.description],
    isEqual: actual.every((bits, i) => bits === expected[i]),
    isNothing: actual.every((bits) => bits === 0),
  };
}
