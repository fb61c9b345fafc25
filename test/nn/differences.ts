import * as assert from 'uvu/assert';
import { gradients, noGradient } from '../../src/tensor/autograd';
import { multiply } from '../../src/tensor/ops/arithmetic';
import { sum } from '../../src/tensor/ops/reduce';
import { random } from '../../src/tensor/random';
import { scope } from '../../src/tensor/scope';
import { Tensor } from '../../src/tensor/tensor';

const STEP = 1e-5;
const SAMPLES = 12;

/**
 * Compares the gradient of each tensor with central differences, (loss(x + h) - loss(x - h)) / 2h, at up to a dozen of
 * its numbers. On reference, whose numbers are float64.
 */
export async function assertGradients(tensors: ReadonlyMap<string, Tensor>, loss: () => Tensor): Promise<void> {
  const draw = random(7);
  const lossValue = async () => {
    using _ = scope();
    return (await noGradient(loss).data())[0];
  };
  using _ = scope();
  const found = gradients(loss(), [...tensors.values()]);
  for (const [index, [name, tensor]] of [...tensors].entries()) {
    const gradient = await found[index].data();
    const values = Float64Array.from(await tensor.data());
    const places = Array.from({ length: Math.min(SAMPLES, values.length) }, (_, i) =>
      values.length <= SAMPLES ? i : draw.below(values.length),
    );
    for (const place of places) {
      const [above, below] = [values.slice(), values.slice()];
      above[place] += STEP;
      below[place] -= STEP;
      tensor.backend.write(tensor.slot, above);
      const upper = await lossValue();
      tensor.backend.write(tensor.slot, below);
      const lower = await lossValue();
      const difference = (upper - lower) / (2 * STEP);
      assert.ok(
        Math.abs(gradient[place] - difference) < 1e-6 * Math.max(1, Math.abs(difference)),
        `${name}[${place}]: gradient ${gradient[place]}, central difference ${difference}`,
      );
    }
    tensor.backend.write(tensor.slot, values);
  }
}

/** A loss on which every number of the output has its own influence. */
export function weighted(output: Tensor): Tensor {
  const draw = random(11);
  const weights = Float32Array.from({ length: output.size }, () => draw.normal());
  return sum(multiply(output, Tensor.from(output.backend, weights, output.shape)));
}
