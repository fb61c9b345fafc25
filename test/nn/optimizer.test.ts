import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Backend } from '../../src/kernels/backend';
import { WeightAverage } from '../../src/nn/average';
import { clipGradients } from '../../src/nn/clip';
import { Linear } from '../../src/nn/layers';
import { crossEntropy } from '../../src/nn/loss';
import { MiniResNet } from '../../src/nn/mini-resnet';
import { AdamW, type Optimizer, Sgd } from '../../src/nn/optimizer';
import { constantRate, cosine, steps, warmUp } from '../../src/nn/schedule';
import { gradients, parameter } from '../../src/tensor/autograd';
import { random } from '../../src/tensor/random';
import { scope } from '../../src/tensor/scope';
import { Tensor } from '../../src/tensor/tensor';
import { testOnEachDevice } from '../helpers/devices';
import { assertClose, thrown } from '../helpers/numbers';

const test = suite('optimisers');

/** Takes steps with the given gradients on a matrix of one number and a bias of one number. */
async function follow(backend: Backend, make: (parameters: Map<string, Tensor>) => Optimizer, path: number[]) {
  using _ = scope();
  const weight = parameter(backend, [1], [1, 1]);
  const bias = parameter(backend, [1]);
  const optimizer = make(new Map(Object.entries({ weight, bias })));
  const values: number[][] = [];
  for (const gradient of path) {
    optimizer.step([Tensor.from(backend, [gradient], [1, 1]), Tensor.from(backend, [gradient])]);
    values.push([(await weight.data())[0], (await bias.data())[0]]);
  }
  optimizer.dispose();
  return values;
}

testOnEachDevice(test, 'SGD: momentum, Nesterov and decay of weights alone, by hand', async (backend) => {
  const options = { learningRate: 0.1, momentum: 0.5, weightDecay: 0.2 };
  const plain = await follow(backend, (parameters) => new Sgd(parameters, { learningRate: 0.1 }), [2]);
  assertClose(plain[0], [0.8, 0.8], 1e-6);
  const [first, second] = await follow(backend, (parameters) => new Sgd(parameters, options), [1, 2]);
  assertClose(first, [1 - 0.1 * 1.2, 0.9], 1e-6); // v = 1 + 0.2 * 1 for the weight, 1 for the bias
  assertClose(second, [0.88 - 0.1 * (0.5 * 1.2 + 2 + 0.2 * 0.88), 0.9 - 0.1 * (0.5 * 1 + 2)], 1e-6);
  const [ahead] = await follow(backend, (parameters) => new Sgd(parameters, { ...options, nesterov: true }), [1]);
  assertClose(ahead, [1 - 0.1 * (1.2 + 0.5 * 1.2), 1 - 0.1 * 1.5], 1e-6);
});

testOnEachDevice(test, "AdamW: the first step is the learning rate's length, by hand", async (backend) => {
  const options = { learningRate: 0.1, weightDecay: 0.5 };
  const [first] = await follow(backend, (parameters) => new AdamW(parameters, options), [0.3]);
  assertClose(first, [1 * (1 - 0.1 * 0.5) - 0.1, 1 - 0.1], 1e-5);
});

testOnEachDevice(test, 'clipping: all gradients by one factor, to the norm asked for', async (backend) => {
  using _ = scope();
  const before = [Tensor.from(backend, [3, 0], [1, 2]), Tensor.from(backend, [4])];
  const { gradients: shorter, norm } = clipGradients(before, 1);
  assertClose(await norm.data(), [5], 1e-5);
  assertClose(await shorter[0].data(), [0.6, 0], 1e-5);
  assertClose(await shorter[1].data(), [0.8], 1e-5);
  assert.equal(shorter[0].shape, [1, 2]);
  const untouched = clipGradients(before, 6).gradients;
  assert.equal(Array.from(await untouched[0].data()), [3, 0]);
  assert.equal(Array.from(await untouched[1].data()), [4]);
});

/** Small networks of the same first weights. */
const tiny = (backend: Backend) => {
  const input = { height: 8, width: 8, channels: 1 };
  const options = { input, widths: [4, 8], depths: [1, 1], embedding: 4, classes: 3, dropout: 0.2 };
  return new MiniResNet({ backend, random: random(1) }, options);
};

/** One step of training on drawn images. */
function learn(network: MiniResNet, optimizer: Optimizer, step: number): Promise<ArrayLike<number>> {
  using _ = scope();
  const draw = random(100 + step);
  const [{ backend }] = network.parameters().values();
  const images = Tensor.from(
    backend,
    Float32Array.from({ length: 6 * 64 }, () => draw.normal()),
    [6, 8, 8, 1],
  );
  const loss = crossEntropy(network.train(draw).forward(images), [0, 1, 2, 0, 1, 2]);
  const reading = loss.data();
  optimizer.step(gradients(loss, [...network.parameters().values()]));
  return reading;
}

for (const name of ['Sgd', 'AdamW'])
  testOnEachDevice(test, `${name}: saved and loaded, training goes on to the same bits`, async (backend) => {
    if (backend.name === 'reference') return; // its numbers are float64, a checkpoint's are float32
    const make = (network: MiniResNet) =>
      name === 'Sgd'
        ? new Sgd(network.parameters(), { learningRate: 0.1, momentum: 0.9, nesterov: true, weightDecay: 5e-4 })
        : new AdamW(network.parameters(), { learningRate: 0.01, weightDecay: 0.01 });
    const network = tiny(backend);
    const optimizer = make(network);
    for (let step = 0; step < 3; step++) await learn(network, optimizer, step);
    const saved = { network: await network.state(), optimizer: await optimizer.state() };

    const resumed = tiny(backend);
    const resumedOptimizer = make(resumed);
    resumed.load(saved.network);
    resumedOptimizer.load(saved.optimizer);
    assert.is(resumedOptimizer.steps, 3);
    const live = backend.liveBytes;
    for (let step = 3; step < 6; step++)
      assert.equal(await learn(resumed, resumedOptimizer, step), await learn(network, optimizer, step));
    assert.is(backend.liveBytes, live, 'steps leave bytes behind');
    assert.equal(await resumed.state(), await network.state());
    for (const owner of [network, optimizer, resumed, resumedOptimizer]) owner.dispose();
  });

testOnEachDevice(test, "another optimiser's state is refused", async (backend) => {
  const network = new Linear({ backend, random: random(1) }, 2, 2);
  const sgd = new Sgd(network.parameters(), { learningRate: 0.1, momentum: 0.9 });
  const adam = new AdamW(network.parameters(), { learningRate: 0.1 });
  const state = await sgd.state();
  assert.match(thrown(() => adam.load(state, 'a.safetensors')).message, 'a.safetensors: misses mean.weight');
  for (const owner of [network, sgd, adam]) owner.dispose();
});

testOnEachDevice(test, 'the average of weights follows them, and swaps places', async (backend) => {
  const network = new Linear({ backend, random: random(1) }, 1, 1, { bias: false });
  const set = (value: number) => network.load(new Map([['weight', { shape: [1, 1], values: Float32Array.of(value) }]]));
  set(1);
  const average = new WeightAverage(network, 0.75);
  for (const value of [2, 3]) {
    set(value);
    average.update();
  }
  const followed = 0.75 * (0.75 * 1 + 0.25 * 2) + 0.25 * 3;
  average.swap();
  assertClose(await network.weight.data(), [followed], 1e-6);
  const state = await average.state();
  assert.equal(Array.from(state.get('weight')?.values ?? []), [3]);
  average.swap();
  assertClose(await network.weight.data(), [3], 1e-6);
  average.load(state);
  average.swap();
  assertClose(await network.weight.data(), [3], 1e-6);
  average.dispose();
  network.dispose();
});

test('schedules', () => {
  const at = (schedule: (step: number) => number, ...places: number[]) => places.map(schedule);
  assert.equal(at(constantRate(0.1), 0, 99), [0.1, 0.1]);
  assertClose(at(cosine(1, 100, 0.2), 0, 50, 100, 150), [1, 0.6, 0.2, 0.2], 1e-12);
  assertClose(at(steps(1, [10, 20], 0.1), 9, 10, 19, 20), [1, 0.1, 0.1, 0.01], 1e-12);
  assertClose(at(warmUp(4, cosine(1, 10)), 0, 1, 3, 4, 9, 14), [0.25, 0.5, 1, 1, 0.5, 0], 1e-12);
});

test.run();
