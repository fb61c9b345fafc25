import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openReference } from '../../src/kernels/reference/backend';
import { scope } from '../../src/tensor/scope';
import { Tensor } from '../../src/tensor/tensor';
import { TracingBackend } from '../../src/tensor/trace';
import { adamStep, sgdStep, updateMoments } from '../../src/tensor/updates';
import { testOnEachDevice } from '../helpers/devices';
import { assertClose, thrown } from '../helpers/numbers';

const test = suite('updates in place');

testOnEachDevice(test, 'SGD, by hand', async (backend) => {
  using _ = scope();
  const make = (...values: number[]) => Tensor.from(backend, values);
  const options = { rate: 0.5, momentum: 0.5, weightDecay: 0.1 };
  const [parameter, velocity, gradient] = [make(10, 20), make(2, 4), make(1, -1)];
  sgdStep(parameter, gradient, velocity, { ...options, nesterov: false });
  assertClose(await velocity.data(), [3, 3], 1e-6); // 2 / 2 + 1 + 10 / 10 and 4 / 2 - 1 + 20 / 10
  assertClose(await parameter.data(), [8.5, 18.5], 1e-6);
  assert.equal(Array.from(await gradient.data()), [1, -1], 'the gradient stays');

  const [ahead, remembered] = [make(10, 20), make(2, 4)];
  sgdStep(ahead, gradient, remembered, { ...options, nesterov: true });
  assertClose(await remembered.data(), [3, 3], 1e-6);
  assertClose(await ahead.data(), [8.25, 18.75], 1e-6); // along g + 3 / 2, g being 2 and 1

  const plain = make(10, 20);
  sgdStep(plain, gradient, undefined, { ...options, momentum: 0, nesterov: false });
  assertClose(await plain.data(), [9, 19.5], 1e-6);
});

testOnEachDevice(test, 'AdamW, by hand', async (backend) => {
  using _ = scope();
  const make = (...values: number[]) => Tensor.from(backend, values);
  const [parameter, gradient, mean, square] = [make(10), make(4), make(8), make(32)];
  adamStep(parameter, gradient, { mean, square }, { beta1: 0.75, beta2: 0.5, rate: 2, epsilon: 1, shrink: 0.5 });
  assertClose(await mean.data(), [7], 1e-6); // 6 + 1
  assertClose(await square.data(), [24], 1e-6); // 16 + 16 / 2
  assertClose(await parameter.data(), [5 - 14 / (Math.sqrt(24) + 1)], 1e-6);
});

testOnEachDevice(test, 'running averages: the variance is averaged unbiased, by hand', async (backend) => {
  using _ = scope();
  const make = (values: number[], ...shape: number[]) => Tensor.from(backend, values, shape);
  const [mean, variance] = [make([4, 8], 2), make([1, 2], 2)];
  updateMoments({ mean, variance }, make([8, 4, 3, 6], 2, 2), { momentum: 0.25, count: 4 });
  assertClose(await mean.data(), [5, 7], 1e-6);
  assertClose(await variance.data(), [1.75, 3.5], 1e-6); // 3 / 4 of 1 + 1 / 4 of 3 * 4 / 3
});

test('what does not fit is refused in one sentence, and changes nothing', async () => {
  using _ = scope();
  const backend = openReference();
  const make = (...shape: number[]) =>
    Tensor.from(backend, new Float32Array(shape.reduce((a, b) => a * b)).fill(1), shape);
  const sgd = { rate: 1, momentum: 0.5, weightDecay: 0, nesterov: false };
  const adam = { beta1: 0.9, beta2: 0.9, rate: 1, epsilon: 1, shrink: 1 };
  const parameter = make(2);
  const says = (act: () => void, sentence: string) => assert.is(thrown(act).message, sentence);
  says(() => sgdStep(parameter, make(3), undefined, sgd), 'sgdStep: gradient [3], expected [2]');
  says(() => sgdStep(parameter, make(2), make(1, 2), sgd), 'sgdStep: velocity [1,2], expected [2]');
  says(
    () => adamStep(parameter, make(2), { mean: make(2), square: make(1) }, adam),
    'adamStep: square [1], expected [2]',
  );
  const averages = { mean: make(2), variance: make(2) };
  const options = { momentum: 0.1, count: 2 };
  says(() => updateMoments(averages, make(2, 3), options), 'updateMoments: moments [2,3], expected [2,2]');
  assert.equal([...(await parameter.data())], [1, 1]);
});

test('a network that is traced for inference cannot change its tensors', async () => {
  using _ = scope();
  const backend = openReference();
  const [mean, variance] = [Tensor.from(backend, [1]), Tensor.from(backend, [1])];
  const moments = Tensor.empty(new TracingBackend(backend), [2, 1], 'trace');
  const update = () => updateMoments({ mean, variance }, moments, { momentum: 0.1, count: 2 });
  assert.match(thrown(update).message, 'call evaluate() first');
  assert.equal([...(await mean.data())], [1]);
});

test.run();
