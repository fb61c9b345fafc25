import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Backend } from '../../src/kernels/backend';
import { openWasm } from '../../src/kernels/wasm/backend';
import { WeightAverage } from '../../src/nn/average';
import { clipGradients } from '../../src/nn/clip';
import { CosineClassifier, cosines } from '../../src/nn/cosine-classifier';
import { arcFaceLogits, cosFaceLogits, crossEntropy } from '../../src/nn/loss';
import { MiniResNet } from '../../src/nn/mini-resnet';
import { assign } from '../../src/nn/module';
import { AdamW, type Optimizer, Sgd } from '../../src/nn/optimizer';
import { RecordedStep } from '../../src/nn/recorded-step';
import { gradients } from '../../src/tensor/autograd';
import { relu } from '../../src/tensor/ops/activations';
import { add, scale } from '../../src/tensor/ops/arithmetic';
import { sum } from '../../src/tensor/ops/reduce';
import { random, stream } from '../../src/tensor/random';
import { scope } from '../../src/tensor/scope';
import { Tensor } from '../../src/tensor/tensor';
import { testOnEachDevice } from '../helpers/devices';
import { openTestGpu } from '../helpers/gpu';
import { assertClose, rejection } from '../helpers/numbers';

const INPUT = { height: 8, width: 6, channels: 1 };
const CLASSES = 3;

interface Recipe {
  optimizer: 'sgd' | 'adamw';
  loss: 'softmax' | 'arcface' | 'cosface';
  clip?: boolean;
  average?: boolean;
}

/** A training of a tiny network, of which each step is a function of its number and the size of its batch. */
function training(backend: Backend, { optimizer: kind, loss: lossName, clip, average: averages }: Recipe) {
  const network = new MiniResNet(
    { backend, random: random(3) },
    {
      ...{ input: INPUT, widths: [4, 4], depths: [1, 1], embedding: 4, dropout: 0.3, classes: CLASSES },
      classifier: lossName === 'softmax' ? 'linear' : 'cosine',
    },
  );
  const parameters = network.parameters();
  const optimizer: Optimizer =
    kind === 'sgd'
      ? new Sgd(parameters, { learningRate: 0.1, momentum: 0.9, nesterov: true, weightDecay: 1e-3 })
      : new AdamW(parameters, { learningRate: 0.01, weightDecay: 1e-2 });
  const average = averages ? new WeightAverage(network, 0.8) : undefined;

  const logitsOf = (embeddings: Tensor, labels: number[]): Tensor => {
    const { classifier } = network;
    if (!(classifier instanceof CosineClassifier)) return network.classify(embeddings);
    return lossName === 'arcface'
      ? arcFaceLogits(embeddings, classifier.weight, labels)
      : cosFaceLogits(cosines(embeddings, classifier.weight), labels);
  };
  const step = (number: number, batch: number): Tensor[] => {
    const noise = stream(9, number);
    const { height, width, channels } = INPUT;
    const pixels = Float32Array.from({ length: batch * height * width * channels }, () => noise.normal());
    const labels = Array.from({ length: batch }, () => noise.below(CLASSES));
    network.train(stream(8, number));
    const logits = logitsOf(network.embed(Tensor.from(backend, pixels, [batch, height, width, channels])), labels);
    const loss = crossEntropy(logits, labels, { smoothing: 0.1 });
    const slopes = gradients(loss, [...parameters.values()]);
    optimizer.learningRate = 0.1 / (number + 1);
    optimizer.step(clip ? clipGradients(slopes, 0.5).gradients : slopes);
    average?.update();
    return [loss, logits];
  };
  const state = async () => {
    const all = [await network.state(), await optimizer.state(), (await average?.state()) ?? new Map()];
    return all.map((tensors) => [...tensors].map(([name, { values }]) => ({ name, values: [...values] })));
  };
  const dispose = () => {
    optimizer.dispose();
    average?.dispose();
    network.dispose();
  };
  return { step, state, dispose };
}

const STEPS = [4, 4, 6, 4, 6, 4];

const numbersOf = (tensors: readonly Tensor[]) =>
  Promise.all(tensors.map(async (tensor) => [...(await tensor.data())]));

/**
 * What a step gives that is not replayed: called directly; on WebGPU as a program of its own, for only a program has the
 * moments of batch norm out of the convolution's tiles, which are other sums of the same numbers.
 */
async function madeOnce(backend: Backend, step: () => Tensor[]): Promise<number[][]> {
  if (backend.name !== 'webgpu') {
    using _ = scope();
    return await numbersOf(step());
  }
  const recorded = new RecordedStep(backend);
  const numbers = await numbersOf(await recorded.run(step));
  recorded.dispose();
  return numbers;
}

const test = suite('a recorded step');

for (const recipe of [
  { optimizer: 'sgd', loss: 'softmax', average: true },
  { optimizer: 'adamw', loss: 'arcface', clip: true },
  { optimizer: 'sgd', loss: 'cosface' },
] as const)
  testOnEachDevice(
    test,
    `gives what the step itself gives, to the bit, at changing rates and batch sizes: ${Object.values(recipe).join(' ')}`,
    async (backend) => {
      const eager = training(backend, recipe);
      const expected: number[][] = [];
      for (const [number, batch] of STEPS.entries())
        expected.push(...(await madeOnce(backend, () => eager.step(number, batch))));
      const twin = training(backend, recipe);
      const recorded = new RecordedStep(backend);
      const actual: number[][] = [];
      const live: number[] = [];
      for (const [number, batch] of STEPS.entries()) {
        const results = await recorded.run(() => twin.step(number, batch));
        actual.push(...(await numbersOf(results)));
        live.push(backend.liveBytes);
      }
      assert.equal(actual, expected);
      assert.equal(await twin.state(), await eager.state());
      assert.is(live[1], live[0], 'a step like the one before takes no memory');
      assert.is(new Set(live.slice(2)).size, 1, 'nor do two sizes in turn');
      recorded.dispose();
      twin.dispose();
      eager.dispose();
    },
  );

test('on WebGPU it differs from the step itself by the rounding of moments only', async () => {
  const backend = await openTestGpu();
  if (!backend) return;
  const recipe: Recipe = { optimizer: 'sgd', loss: 'softmax' };
  const [eager, twin] = [training(backend, recipe), training(backend, recipe)];
  const expected = await (async () => {
    using _ = scope();
    return await numbersOf(eager.step(0, 6));
  })();
  const actual = await madeOnce(backend, () => twin.step(0, 6));
  for (const [k, numbers] of actual.entries()) assertClose(numbers, expected[k], 1e-5);
  const [states, expectedStates] = [await twin.state(), await eager.state()];
  for (const [k, tensors] of states.entries())
    for (const [j, { name, values }] of tensors.entries()) assertClose(values, expectedStates[k][j].values, 1e-5, name);
  twin.dispose();
  eager.dispose();
  assert.is(backend.liveBytes, 0);
  await backend.close();
});

test('on WebGPU a step creates nothing and is one submission', async () => {
  const backend = await openTestGpu();
  if (!backend) return;
  const { step, dispose } = training(backend, { optimizer: 'adamw', loss: 'softmax', average: true });
  const recorded = new RecordedStep(backend);
  await recorded.run(() => step(0, 4));
  for (const number of [1, 2, 3]) {
    const before = { ...backend.counts };
    await recorded.run(() => step(number, 4));
    const { buffers, bindGroups, submits, dispatches, bytesWritten } = backend.counts;
    assert.is(buffers - before.buffers, 0);
    assert.is(bindGroups - before.bindGroups, 0);
    assert.ok(submits - before.submits <= 1, `${submits - before.submits} submissions`);
    assert.ok(dispatches - before.dispatches >= recorded.calls.length);
    const uniforms = 256 * (dispatches - before.dispatches);
    assert.ok(bytesWritten - before.bytesWritten < uniforms + 4 * 1000, `${bytesWritten - before.bytesWritten}`);
  }
  recorded.dispose();
  dispose();
  await backend.close();
});

testOnEachDevice(
  test,
  'what a step returns stays until the next, and what it changes has the new numbers',
  async (backend) => {
    const total = Tensor.from(backend, [1, 2]);
    const recorded = new RecordedStep(backend);
    const step = (values: number[], factor: number) => () => {
      const next = add(total, scale(Tensor.from(backend, values), factor));
      assign(total, next);
      return [sum(next), relu(scale(total, -1))];
    };
    const read = (tensors: readonly Tensor[]) => Promise.all(tensors.map(async (tensor) => [...(await tensor.data())]));
    const [first, second] = await recorded.run(step([1, 1], 2));
    assert.equal(await read([total, first, second]), [[3, 4], [7], [0, 0]]);
    assert.is((await recorded.run(step([-3, -4], 1.5)))[0], first);
    assert.equal(await read([total, first, second]), [[-1.5, -2], [-3.5], [1.5, 2]]);
    backend.write(total.slot, [5, 5]);
    await recorded.run(step([0, 0], 1));
    assert.equal(await read([total, first]), [[5, 5], [10]]);
    recorded.dispose();
    total.dispose();
  },
);

testOnEachDevice(test, 'what a step must not do is refused in one sentence and changes nothing', async (backend) => {
  const weight = Tensor.from(backend, [1, 2]);
  const recorded = new RecordedStep(backend);
  const refusal = async (step: () => Tensor[]) => (await rejection(recorded.run(step))).message;
  let reading: Promise<unknown> = Promise.resolve();
  let kept: Tensor | undefined;
  await recorded.run(() => {
    kept = relu(weight);
    reading = rejection(kept.data());
    return [scale(kept, 2)];
  });
  assert.match(String(await reading), 'recorded step: reads the numbers of a tensor');
  assert.match(await refusal(() => [weight]), 'recorded step: it returned a tensor that it did not make');
  assert.match(
    await refusal(() => {
      const twice = relu(weight);
      return [twice, twice];
    }),
    'or one tensor twice',
  );
  assert.match(
    await refusal(() => {
      const late = relu(weight);
      weight.backend.write(weight.slot, [3, 4]);
      return [late];
    }),
    'recorded step: it writes numbers into a tensor that it has computed with',
  );
  assert.match(
    await refusal(() => {
      weight.backend.copy(relu(weight).slot, weight.slot, { length: 1 });
      return [];
    }),
    'recorded step: only whole tensors can be copied onto',
  );
  assert.match(
    await refusal(() => {
      throw new Error('the step itself fails');
    }),
    'the step itself fails',
  );
  assert.throws(() => scale(kept ?? weight, 1), /was used after it was freed/);
  assert.equal([...(await weight.data())], [1, 2]);
  recorded.dispose();
  weight.dispose();
});

test('the same kernels on other operands are another step', async () => {
  const backend = await openWasm({ threads: 1 });
  const weight = Tensor.from(backend, [1, 2, 3, 4]);
  const recorded = new RecordedStep(backend);
  const results: number[][] = [];
  for (const [left, right] of [
    [0, 2],
    [2, 0],
    [0, 2],
  ]) {
    const [result] = await recorded.run(() => {
      const halves = [left, right].map((start) => scale(weight.reshape(2, 2), start));
      return [add(halves[0], left === 0 ? halves[1] : halves[0])];
    });
    results.push([...(await result.data())]);
  }
  assert.equal(results, [
    [2, 4, 6, 8],
    [4, 8, 12, 16],
    [2, 4, 6, 8],
  ]);
  recorded.dispose();
  weight.dispose();
  assert.is(backend.liveBytes, 0);
  await backend.close();
});

test.run();
