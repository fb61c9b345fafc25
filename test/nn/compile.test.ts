import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Backend, Numbers } from '../../src/kernels/backend';
import { inputSlots, type KernelName, outputSlots } from '../../src/kernels/kernel';
import { openReference } from '../../src/kernels/reference/backend';
import { compile, type Forward } from '../../src/nn/compile';
import { leakyRelu, relu, relu6, sigmoid } from '../../src/tensor/ops/activations';
import { add, multiply, scale } from '../../src/tensor/ops/arithmetic';
import { batchNorm } from '../../src/tensor/ops/batch-norm';
import { concat } from '../../src/tensor/ops/concat';
import { conv2d } from '../../src/tensor/ops/conv2d';
import { depthwiseConv2d } from '../../src/tensor/ops/depthwise-conv2d';
import { globalAveragePool } from '../../src/tensor/ops/global-average-pool';
import { matmul } from '../../src/tensor/ops/matmul';
import { pad } from '../../src/tensor/ops/pad';
import { averagePool2d, maxPool2d } from '../../src/tensor/ops/pool2d';
import { scaleShift } from '../../src/tensor/ops/scale-shift';
import { type Random, random } from '../../src/tensor/random';
import { scope } from '../../src/tensor/scope';
import { type Shape, ShapeError, sizeOf } from '../../src/tensor/shape';
import { Tensor } from '../../src/tensor/tensor';
import { testDevices, testOnEachDevice } from '../helpers/devices';
import { assertClose, rejection, thrown } from '../helpers/numbers';

const test = suite('compile');

/** Random tensors on a backend, freed together; the same seed gives the same numbers. */
class Weights {
  readonly #backend: Backend;
  readonly #random: Random;
  readonly #tensors: Tensor[] = [];

  constructor(backend: Backend, seed: number) {
    this.#backend = backend;
    this.#random = random(seed);
  }

  normal = (...shape: number[]): Tensor => this.#tensor(shape, () => this.#random.normal() / 2);
  positive = (...shape: number[]): Tensor => this.#tensor(shape, () => this.#random.between(0.5, 2));

  statistics(channels: number) {
    return {
      mean: this.normal(channels),
      variance: this.positive(channels),
      gamma: this.normal(channels),
      beta: this.normal(channels),
    };
  }

  #tensor(shape: Shape, draw: () => number): Tensor {
    const tensor = Tensor.from(this.#backend, Float32Array.from({ length: sizeOf(shape) }, draw), shape);
    this.#tensors.push(tensor);
    return tensor;
  }

  dispose(): void {
    for (const tensor of this.#tensors) tensor.dispose();
  }
}

interface Network {
  title: string;
  inputShape: Shape;
  /** Makes the parameters, and hands out the function of the input. */
  make(weights: Weights): Forward;
  /** The kernels that the plan is expected to consist of, in order. */
  plan: KernelName[];
}

/** A batch of two, 6x5 pixels, 4 channels. */
const IMAGES: Shape = [2, 6, 5, 4];

const NETWORKS: Network[] = [
  {
    title: 'a scale and shift of other channels, after a reshape, stays by itself',
    inputShape: [1, 2, 2, 4],
    make(weights) {
      const [filter, factor, shift] = [weights.normal(3, 3, 4, 4), weights.normal(16), weights.normal(16)];
      return (x) => [scaleShift(conv2d(x, filter).reshape(1, 16), factor, shift)];
    },
    plan: ['conv2d', 'scaleShift'],
  },
  {
    title: 'a norm of fewer channels, after a reshape, stays by itself',
    inputShape: [1, 2, 2, 4],
    make(weights) {
      const [filter, statistics] = [weights.normal(3, 3, 4, 4), weights.statistics(2)];
      return (x) => [batchNorm(conv2d(x, filter).reshape(1, 8, 2), statistics)];
    },
    plan: ['conv2d', 'scaleShift'],
  },
  {
    title: 'a matrix added over the last two axes stays by itself',
    inputShape: [1, 2, 2, 3],
    make(weights) {
      const [filter, matrix] = [weights.normal(3, 3, 3, 3), weights.normal(2, 3)];
      return (x) => [add(conv2d(x, filter), matrix)];
    },
    plan: ['conv2d', 'add'],
  },
  {
    title: 'a product with a single number stays by itself',
    inputShape: [1, 2, 2, 4],
    make(weights) {
      const [filter, number] = [weights.normal(3, 3, 4, 4), weights.normal()];
      return (x) => [multiply(conv2d(x, filter), number)];
    },
    plan: ['conv2d', 'multiply'],
  },

  {
    title: 'convolution, batch norm, ReLU',
    inputShape: IMAGES,
    make(weights) {
      const [filter, statistics] = [weights.normal(3, 3, 4, 6), weights.statistics(6)];
      return (x) => [relu(batchNorm(conv2d(x, filter), statistics))];
    },
    plan: ['conv2d'],
  },
  {
    title: 'convolution with bias, scale and shift, leaky ReLU',
    inputShape: IMAGES,
    make(weights) {
      const [filter, bias, factor, shift] = [
        weights.normal(3, 3, 4, 6),
        weights.normal(6),
        weights.normal(6),
        weights.normal(6),
      ];
      return (x) => [leakyRelu(scaleShift(conv2d(x, filter, { bias, stride: 2 }), factor, shift), 0.1)];
    },
    plan: ['conv2d'],
  },
  {
    title: 'a chain of norms, vectors multiplied and added',
    inputShape: IMAGES,
    make(weights) {
      const [filter, first, second] = [weights.normal(1, 1, 4, 6), weights.statistics(6), weights.statistics(6)];
      const [factor, shift] = [weights.normal(6), weights.normal(6)];
      return (x) => [batchNorm(add(multiply(batchNorm(conv2d(x, filter), first), factor), shift), second)];
    },
    plan: ['conv2d'],
  },
  {
    title: 'depthwise convolution, batch norm, ReLU6',
    inputShape: IMAGES,
    make(weights) {
      const [filter, statistics] = [weights.normal(3, 3, 4, 1), weights.statistics(4)];
      return (x) => [relu6(batchNorm(depthwiseConv2d(x, filter, { stride: 2 }), statistics))];
    },
    plan: ['depthwiseConv2d'],
  },
  {
    title: 'dense layer with bias, batch norm, ReLU',
    inputShape: [3, 10],
    make(weights) {
      const [matrix, bias, statistics] = [weights.normal(10, 7), weights.normal(7), weights.statistics(7)];
      return (x) => [relu(batchNorm(matmul(x, matrix, bias), statistics))];
    },
    plan: ['matmul'],
  },
  {
    title: 'residual: the branch added to the trunk',
    inputShape: IMAGES,
    make(weights) {
      const [filter, statistics] = [weights.normal(3, 3, 4, 4), weights.statistics(4)];
      return (x) => [relu(add(x, batchNorm(conv2d(x, filter), statistics)))];
    },
    plan: ['conv2d'],
  },
  {
    title: 'residual: the trunk added to the branch',
    inputShape: IMAGES,
    make(weights) {
      const [filter, statistics] = [weights.normal(3, 3, 4, 4), weights.statistics(4)];
      return (x) => [relu(add(batchNorm(conv2d(x, filter), statistics), x))];
    },
    plan: ['conv2d'],
  },
  {
    title: 'residual of two convolutions: one takes the other in',
    inputShape: IMAGES,
    make(weights) {
      const [left, right, bias] = [weights.normal(3, 3, 4, 6), weights.normal(1, 1, 4, 6), weights.normal(6)];
      return (x) => [relu(add(conv2d(x, left, { bias }), conv2d(x, right)))];
    },
    plan: ['conv2d', 'conv2d'],
  },
  {
    title: 'a norm after a residual is not folded into the weights before it',
    inputShape: IMAGES,
    make(weights) {
      const [filter, statistics] = [weights.normal(3, 3, 4, 4), weights.statistics(4)];
      return (x) => [batchNorm(add(conv2d(x, filter), x), statistics)];
    },
    plan: ['conv2d', 'scaleShift'],
  },
  {
    title: 'a sum after an activation stays a sum, and takes the next activation in',
    inputShape: IMAGES,
    make(weights) {
      const filter = weights.normal(3, 3, 4, 4);
      return (x) => [relu6(add(relu(conv2d(x, filter)), x))];
    },
    plan: ['conv2d', 'add'],
  },
  {
    title: 'a second activation is not taken in',
    inputShape: IMAGES,
    make(weights) {
      const filter = weights.normal(3, 3, 4, 4);
      return (x) => [relu6(leakyRelu(conv2d(x, filter), 0.3))];
    },
    plan: ['conv2d', 'activation'],
  },
  {
    title: 'pre-activation: a norm alone becomes a scale and shift that takes the activation in',
    inputShape: IMAGES,
    make(weights) {
      const [statistics, filter] = [weights.statistics(4), weights.normal(3, 3, 4, 4)];
      return (x) => [conv2d(relu(batchNorm(x, statistics)), filter)];
    },
    plan: ['scaleShift', 'conv2d'],
  },
  {
    title: 'a vector added to the input is no residual',
    inputShape: IMAGES,
    make(weights) {
      const shift = weights.normal(4);
      return (x) => [relu(add(x, shift))];
    },
    plan: ['add'],
  },
  {
    title: 'joined channels',
    inputShape: IMAGES,
    make(weights) {
      const [left, right] = [weights.normal(3, 3, 4, 3), weights.normal(1, 1, 4, 5)];
      return (x) => [concat([relu(conv2d(x, left)), x, conv2d(x, right)], -1)];
    },
    plan: ['conv2d', 'conv2d', 'concat'],
  },
  {
    title: "dlib's step down: pooled, padded with channels and pixels of zeros",
    inputShape: [1, 7, 7, 4],
    make(weights) {
      const [first, second] = [weights.normal(3, 3, 4, 8), weights.normal(3, 3, 8, 8)];
      return (x) => {
        const branch = conv2d(relu(conv2d(x, first, { stride: 2, padding: 'valid' })), second);
        const trunk = pad(averagePool2d(x, { size: 2 }), { channels: 4 });
        return [relu(add(branch, trunk)), pad(maxPool2d(x, { size: 2 }), { bottom: 1, right: 1 })];
      };
    },
    plan: ['conv2d', 'averagePool2d', 'conv2d', 'maxPool2d', 'pad'],
  },
  {
    title: 'channels of zeros after a mean that is looked at as another image stay by themselves',
    inputShape: [1, 4, 4, 4],
    make: () => (x) => [pad(averagePool2d(x, { size: 2 }).reshape(1, 4, 1, 4), { channels: 2 })],
    plan: ['averagePool2d', 'pad'],
  },
  {
    title: "an image's scale and shift, before a convolution that reads nothing outside of it",
    inputShape: [2, 7, 6, 3],
    make(weights) {
      const [filter, bias] = [weights.normal(3, 2, 3, 5), weights.normal(5)];
      const [factor, shift, statistics] = [weights.normal(3), weights.normal(3), weights.statistics(5)];
      return (x) => {
        const standard = scaleShift(x, factor, shift);
        return [relu(batchNorm(conv2d(standard, filter, { bias, stride: 2, padding: 'valid' }), statistics))];
      };
    },
    plan: ['conv2d'],
  },
  {
    title: "an image's scale and shift before a convolution that sees the edge, or one of two, stays by itself",
    inputShape: [1, 4, 4, 3],
    make(weights) {
      const [filter, other, factor, shift] = [
        weights.normal(3, 3, 3, 2),
        weights.normal(1, 1, 3, 2),
        weights.normal(3),
        weights.normal(3),
      ];
      return (x) => {
        const standard = scaleShift(scaleShift(x, factor, shift), shift, factor);
        return [
          conv2d(scaleShift(x, factor, shift), filter),
          conv2d(standard, other, { padding: 'valid' }),
          conv2d(standard, filter, { padding: 'valid' }),
        ];
      };
    },
    plan: ['scaleShift', 'scaleShift', 'conv2d', 'conv2d', 'conv2d'],
  },
  {
    title: 'a product and a sum with constants are one scale and shift, as is what all channels have in common',
    inputShape: [2, 5, 4, 3],
    make(weights) {
      const [filter, other, factor, shift] = [
        weights.normal(3, 3, 3, 4),
        weights.normal(1, 1, 3, 4),
        weights.normal(3),
        weights.normal(3),
      ];
      return (x) => [
        scale(conv2d(add(multiply(x, factor), shift), filter, { padding: 'valid' }), 0.5, 2),
        conv2d(scale(x, 2, -1), other),
      ];
    },
    plan: ['conv2d', 'conv2d'],
  },
  {
    title: 'what is read twice is not fused away',
    inputShape: IMAGES,
    make(weights) {
      const [filter, statistics] = [weights.normal(3, 3, 4, 4), weights.statistics(4)];
      return (x) => {
        const y = conv2d(x, filter);
        return [multiply(relu(batchNorm(y, statistics)), sigmoid(y))];
      };
    },
    plan: ['conv2d', 'scaleShift', 'sigmoid', 'multiply'],
  },
  {
    title: 'an output that is read inside as well is not fused away',
    inputShape: IMAGES,
    make(weights) {
      const [filter, statistics] = [weights.normal(3, 3, 4, 4), weights.statistics(4)];
      return (x) => {
        const y = conv2d(x, filter);
        return [y, relu(batchNorm(y, statistics))];
      };
    },
    plan: ['conv2d', 'scaleShift'],
  },
  {
    title: 'a convolution added to itself',
    inputShape: IMAGES,
    make(weights) {
      const filter = weights.normal(3, 3, 4, 4);
      return (x) => {
        const y = conv2d(x, filter);
        return [add(y, y)];
      };
    },
    plan: ['conv2d', 'add'],
  },
  {
    title: 'one filter, two norms',
    inputShape: IMAGES,
    make(weights) {
      const [filter, first, second] = [weights.normal(3, 3, 4, 4), weights.statistics(4), weights.statistics(4)];
      return (x) => [relu(batchNorm(conv2d(relu(batchNorm(conv2d(x, filter), first)), filter), second))];
    },
    plan: ['conv2d', 'conv2d'],
  },
  {
    title: 'a filter that the network computes is not scaled beforehand',
    inputShape: [1, 4],
    make(weights) {
      const [matrix, statistics] = [weights.normal(4, 4), weights.statistics(4)];
      return (x) => [batchNorm(matmul(x, matmul(x.reshape(4, 1), x)), statistics), matmul(x, matrix)];
    },
    plan: ['matmul', 'matmul', 'scaleShift', 'matmul'],
  },
  {
    title: 'reshapes',
    inputShape: IMAGES,
    make(weights) {
      const [filter, matrix, bias] = [weights.normal(3, 3, 4, 2), weights.normal(60, 5), weights.normal(5)];
      return (x) => [matmul(relu(conv2d(x, filter)).reshape(2, -1), matrix, bias).reshape(5, 2)];
    },
    plan: ['conv2d', 'matmul'],
  },
  {
    title: 'two outputs, one of them by the way',
    inputShape: IMAGES,
    make(weights) {
      const [filter, matrix] = [weights.normal(3, 3, 4, 6), weights.normal(6, 3)];
      return (x) => {
        const features = relu(conv2d(x, filter, { stride: 2 }));
        return [matmul(globalAveragePool(features), matrix), scale(features, 2, -1)];
      };
    },
    plan: ['conv2d', 'globalAveragePool', 'matmul', 'scale'],
  },
];

/** The numbers that a network computes when its operations are carried out one by one. */
function eager(forward: Forward, input: Tensor): { shape: Shape; numbers: Promise<Numbers> }[] {
  using _ = scope();
  return forward(input).map((output) => ({ shape: output.shape, numbers: output.data() }));
}

/** Runs a network one by one and as a plan, on two inputs in turn; all must agree, and all memory be given back. */
async function assertPlanEqualsEager(
  backend: Backend,
  { title, inputShape, make }: Omit<Network, 'plan'>,
  seed: number,
): Promise<{ planned: KernelName[]; calls: number }> {
  const before = backend.liveBytes;
  const weights = new Weights(backend, seed);
  const forward = make(weights);
  const inputs = [weights.normal(...inputShape), weights.normal(...inputShape)];
  const expected = inputs.map((input) => eager(forward, input));
  const plan = await compile(backend, forward, inputShape);
  for (const k of [0, 1, 0]) {
    const outputs = plan.run(inputs[k]);
    const actual = await Promise.all(outputs.map((output) => output.data()));
    for (const [o, { shape, numbers }] of expected[k].entries()) {
      assert.equal(outputs[o].shape, shape, `${title}: output ${o}`);
      assertClose(actual[o], await numbers, backend.name === 'reference' ? 1e-10 : 1e-5, `${title}, output ${o}`);
    }
  }
  const planned = plan.calls.map(({ kernel }) => kernel);
  plan.dispose();
  weights.dispose();
  assert.is(backend.liveBytes, before, `${title}: bytes were left behind`);
  return { planned, calls: callsOf(make, inputShape) };
}

/** How many kernel calls a network is, one by one. */
function callsOf(make: Network['make'], inputShape: Shape): number {
  const reference = openReference();
  let calls = 0;
  const counting: Backend = {
    ...reference,
    get liveBytes() {
      return reference.liveBytes;
    },
    run(call) {
      calls++;
      reference.run(call);
    },
  };
  using _ = scope();
  const weights = new Weights(counting, 1);
  make(weights)(weights.normal(...inputShape));
  return calls;
}

for (const [seed, network] of NETWORKS.entries())
  testOnEachDevice(test, network.title, async (backend) => {
    const { planned, calls } = await assertPlanEqualsEager(backend, network, seed);
    assert.equal(planned, network.plan);
    assert.ok(planned.length <= calls);
  });

test('most networks become fewer calls', () => {
  const fewer = NETWORKS.filter(({ make, inputShape, plan }) => plan.length < callsOf(make, inputShape));
  assert.ok(fewer.length > NETWORKS.length / 2, `${fewer.length} of ${NETWORKS.length}`);
});

/** What a random chain is made of: each turns an image of 4 channels into one of the same shape. */
const STEPS: ((weights: Weights) => (x: Tensor, earlier: Tensor) => Tensor)[] = [
  (weights) => {
    const filter = weights.normal(3, 3, 4, 4);
    return (x) => conv2d(x, filter);
  },
  (weights) => {
    const [filter, bias] = [weights.normal(1, 1, 4, 4), weights.normal(4)];
    return (x) => conv2d(x, filter, { bias });
  },
  (weights) => {
    const filter = weights.normal(3, 3, 4, 1);
    return (x) => depthwiseConv2d(x, filter);
  },
  (weights) => {
    const [matrix, bias] = [weights.normal(4, 4), weights.normal(4)];
    return (x) => matmul(x.reshape(-1, 4), matrix, bias).reshape(...x.shape);
  },
  (weights) => {
    const statistics = weights.statistics(4);
    return (x) => batchNorm(x, statistics);
  },
  (weights) => {
    const [factor, shift] = [weights.normal(4), weights.normal(4)];
    return (x) => scaleShift(x, factor, shift);
  },
  (weights) => {
    const factor = weights.normal(4);
    return (x) => multiply(x, factor);
  },
  (weights) => {
    const shift = weights.normal(4);
    return (x) => add(x, shift);
  },
  () => relu,
  () => relu6,
  () => (x) => leakyRelu(x, 0.2),
  () => sigmoid,
  () => add,
  () => (x, earlier) => add(earlier, x),
  () => multiply,
];

test('random chains of operations, with links back to what came before', async () => {
  const [reference, wasm] = await testDevices();
  const chains = fc.array(fc.tuple(fc.nat(STEPS.length - 1), fc.nat(6)), { minLength: 1, maxLength: 9 });
  await fc.assert(
    fc.asyncProperty(chains, fc.nat(1000), fc.boolean(), async (steps, seed, twoOutputs) => {
      const make = (weights: Weights): Forward => {
        const parts = steps.map(([kind, back]) => ({ apply: STEPS[kind](weights), back }));
        return (input) => {
          const values = [input];
          for (const { apply, back } of parts)
            values.push(apply(values[values.length - 1], values[Math.max(0, values.length - 1 - back)]));
          const last = values.length - 1;
          return twoOutputs && last > 1 ? [values[last], values[last >> 1]] : [values[last]];
        };
      };
      const network = { title: JSON.stringify(steps), inputShape: [1, 3, 2, 4], make };
      for (const backend of seed % 4 === 0 ? [reference, wasm] : [reference])
        await assertPlanEqualsEager(backend, network, seed);
    }),
    { numRuns: 150 },
  );
});

testOnEachDevice(test, 'places in memory are shared by those that do not live at one time', async (backend) => {
  const before = backend.liveBytes;
  const depth = 12;
  const chain = (x: Tensor): Tensor[] => {
    let y = x;
    for (let k = 0; k < depth; k++) y = sigmoid(y); // is never fused
    return [y];
  };
  const plan = await compile(backend, chain, [1, 1000]);
  const number = backend.name === 'reference' ? 8 : 4;
  assert.is(plan.calls.length, depth);
  assert.is(backend.liveBytes - before, 4 * 1000 * number, 'the input, the output, and two places in turn');
  assert.is(new Set(plan.calls.flatMap(outputSlots)).size, 3);
  for (const call of plan.calls)
    assert.not.ok(inputSlots(call).includes(outputSlots(call)[0]), 'no call writes to what it reads');
  const weights = new Weights(backend, 1);
  const input = weights.normal(1, 1000);
  const expected = await eager(chain, input)[0].numbers;
  assertClose(await plan.run(input)[0].data(), expected, 1e-5);
  plan.dispose();
  weights.dispose();
});

testOnEachDevice(test, 'a value that is needed late keeps its place', async (backend) => {
  const weights = new Weights(backend, 3);
  const forward = (x: Tensor): Tensor[] => {
    const early = sigmoid(x);
    let y = early;
    for (let k = 0; k < 6; k++) y = sigmoid(scale(y, 2));
    return [multiply(y, early)];
  };
  const input = weights.normal(2, 8);
  const plan = await compile(backend, forward, [2, 8]);
  assertClose(await plan.run(input)[0].data(), await eager(forward, input)[0].numbers, 1e-5);
  plan.dispose();
  weights.dispose();
});

testOnEachDevice(test, 'a plan outlives the parameters that it was made of', async (backend) => {
  const weights = new Weights(backend, 4);
  const filter = weights.normal(3, 3, 2, 2);
  const forward = (x: Tensor): Tensor[] => [relu(conv2d(x, filter))];
  const input = Tensor.from(backend, [1, 2, 3, 4, 5, 6, 7, 8], [1, 2, 2, 2]);
  const expected = await eager(forward, input)[0].numbers;
  const plan = await compile(backend, forward, [1, 2, 2, 2]);
  weights.dispose();
  const noise = new Weights(backend, 5);
  noise.normal(3, 3, 2, 2); // where the filter was
  assertClose(await plan.run(input)[0].data(), expected, 1e-5);
  noise.dispose();
  plan.dispose();
  input.dispose();
});

testOnEachDevice(test, 'an input of another shape is refused, and the plan still works', async (backend) => {
  const plan = await compile(backend, (x) => [relu(x)], [2, 3]);
  const [wrong, right] = [Tensor.from(backend, [1, 2, 3]), Tensor.from(backend, [-1, 2, 3, 4, 5, -6], [2, 3])];
  const error = thrown(() => plan.run(wrong));
  assert.instance(error, ShapeError);
  assert.is(error.message, 'plan: made for input [2,3], got [3]');
  assert.equal([...(await plan.run(right)[0].data())], [0, 2, 3, 4, 5, 0]);
  plan.dispose();
  assert.throws(() => plan.outputs[0].data(), /tensor \[2,3\] made by plan output was used after it was freed/);
  wrong.dispose();
  right.dispose();
});

testOnEachDevice(test, 'what a network must not do while it is traced', async (backend) => {
  let reading: Promise<unknown> = Promise.resolve();
  const plan = await compile(
    backend,
    (x) => {
      reading = rejection(x.data());
      return [relu(x)];
    },
    [2],
  );
  assert.match(String(await reading), 'compile: a network read the numbers of a tensor while it was traced');
  plan.dispose();

  const refusal = async (forward: Forward) => (await rejection(compile(backend, forward, [1, 2, 2, 3]))).message;
  assert.match(await refusal((x) => [x]), 'compile: a network gave its input, or one tensor twice, as output');
  assert.match(await refusal((x) => [x.reshape(-1)]), 'compile: a network gave its input');
  assert.match(
    await refusal((x) => {
      const y = relu(x);
      return [y, y.reshape(-1)];
    }),
    'one tensor twice, as output',
  );
  assert.match(
    await refusal((x) => [add(x, Tensor.from(x.backend, [1, 2, 3]))]),
    'compile: a network made a tensor from values while it was traced; make it a parameter',
  );
  assert.match(await refusal((x) => [matmul(x, x)]), /^matmul: left \[1,2,2,3\] has 4 axes/);
});

test.run();
