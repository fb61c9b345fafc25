import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { RecordedStep } from '../../src/nn/recorded-step';
import { gradients, multiply, openReference, parameter, type Shape, scope, sum, Tensor } from '../../src/tensor/index';
import { binary, reduce, resample, unary, view } from '../../src/tensor/ops/graph';
import { inverse } from '../../src/tensor/ops/taps';
import { thrown } from '../helpers/numbers';

/** The gradients of the sum of the output, every number weighted with its place, from 1. */
async function gradientsOf(inputs: readonly [values: number[], shape: Shape][], apply: (inputs: Tensor[]) => Tensor) {
  const backend = openReference();
  const readings = (() => {
    using _ = scope();
    const tensors = inputs.map(([values, shape]) => parameter(backend, values, shape));
    const output = apply(tensors);
    const places = Array.from({ length: output.size }, (_, k) => k + 1);
    const loss = sum(multiply(output, Tensor.from(backend, places, output.shape)));
    return gradients(loss, tensors).map((gradient) => gradient.data());
  })();
  const found = (await Promise.all(readings)).map((numbers) => Array.from(numbers, (x) => x + 0)); // no -0
  assert.is(backend.liveBytes, 0);
  return found;
}

const test = suite('gradients of graph operations');

test('equal operands: the left one is the extreme', async () => {
  for (const name of ['maximum', 'minimum'] as const) {
    const found = await gradientsOf(
      [
        [
          [1, 2, 3],
          [1, 3],
        ],
        [[2], [1, 1]],
      ],
      ([left, right]) => binary(left, right, name),
    );
    assert.equal(found, name === 'maximum' ? [[0, 2, 3], [1]] : [[1, 2, 0], [3]]);
  }
});

test('numbers that are the extreme alike share its gradient', async () => {
  const values = [5, 1, 5, 2, 0, 2]; // columns 5 5 0 and 1 2 2
  const [ofMaximum] = await gradientsOf([[values, [1, 3, 2]]], ([input]) => reduce(input, 'maximum'));
  assert.equal(ofMaximum, [0.5, 0, 0.5, 1, 0, 1]);
  const [ofMinimum] = await gradientsOf([[values, [1, 3, 2]]], ([input]) => reduce(input, 'minimum'));
  assert.equal(ofMinimum, [0, 2, 0, 0, 1, 0]);
});

test('a product with one zero, with two and with none', async () => {
  const [found] = await gradientsOf(
    [
      [
        [2, 0, 3, 0, 0, 4, -1, 2, 3],
        [3, 3, 1],
      ],
    ],
    ([input]) => reduce(input, 'product'),
  );
  assert.equal(found, [0, 6, 0, 0, 0, 0, 3 * 6, 3 * -3, 3 * -2]);
});

test('powers of 0 and of negative numbers have finite gradients, none for the exponent', async () => {
  const found = await gradientsOf(
    [
      [[0, -2, 1], [3]],
      [[2, 3, 5], [3]],
    ],
    ([left, right]) => binary(left, right, 'power'),
  );
  assert.equal(found, [
    [0, 2 * 3 * 4, 3 * 5],
    [0, 0, 0],
  ]);
});

test('at 0 the magnitude has no slope, beyond its bounds clip has none', async () => {
  const [ofAbsolute] = await gradientsOf([[[-3, 0, 2], [3]]], ([input]) => unary(input, 'absolute'));
  assert.equal(ofAbsolute, [-1, 0, 3]);
  const [ofClip] = await gradientsOf([[[-3, 0, 2], [3]]], ([input]) => unary(input, 'clip', -1, 1));
  assert.equal(ofClip, [0, 2, 0]);
});

test('functions that saturate do so without a gradient that is no number', async () => {
  for (const name of ['elu', 'hardSigmoid', 'hardSwish', 'softplus', 'softsign', 'tanh'] as const) {
    const [found] = await gradientsOf([[[-1000, 1000], [2]]], ([input]) => unary(input, name, 0.2, 0.5));
    assert.ok(found.every(Number.isFinite), `${name}: ${found}`);
  }
});

test('a table the other way round has as many taps as the place taken most often needs', () => {
  const places = [
    [2, 0, 2],
    [-1, 2, 1],
  ];
  const weights = [
    [1, 2, 3],
    [4, 5, 0], // what has weight 0 takes no part
  ];
  const back = inverse('resample', { places, weights, fill: 7 }, 3);
  assert.equal(
    back.places.map((row) => Array.from(row)),
    [
      [1, -1, 0],
      [-1, -1, 2],
      [-1, -1, 1],
    ],
  );
  assert.equal(
    back.weights.map((row) => Array.from(row)),
    [
      [2, 0, 1],
      [0, 0, 3],
      [0, 0, 5],
    ],
  );
  assert.is(back.fill, 0);
});

test('a table of more places than float32 can tell apart is refused', () => {
  const backend = openReference();
  using _ = scope();
  const input = parameter(backend, new Float32Array(4100), [4100]);
  const places = new Float32Array(4100); // all pick place 0, which so needs 4100 taps
  const output = resample(input, 0, { places: [places], weights: [places.map(() => 1)], fill: 0 });
  assert.match(
    thrown(() => gradients(sum(output), [input])).message,
    /^resample: its gradient takes a table of 16810000 places, and 16777216 are the most/,
  );
});

test('gradients of views take the smallest table that will do, and none where axes only changed places', async () => {
  const backend = openReference();
  const input = parameter(backend, new Float32Array(480), [480]);
  const recorded = new RecordedStep(backend);
  /** Of the resampling that leads from the gradient of the view (`side`) back to that of the input (`outSide`). */
  const tableOf = async (shape: Shape, strides: number[], offset: number) => {
    await recorded.run(() => gradients(sum(view(input, shape, strides, offset)), [input]));
    const last = recorded.calls.at(-1);
    if (last?.kernel !== 'resample') return last?.kernel;
    const { outer, side, outSide, inner, taps } = last.attributes;
    return { outer, side, outSide, inner, taps };
  };
  // [2,6,8,5] with channels first, and back to front
  assert.is(await tableOf([2, 5, 6, 8], [240, 1, 40, 5], 0), 'view');
  assert.is(await tableOf([8, 60], [-1, 8], 7), 'view');
  // The first two channels of each pixel; two of the rows of each image; windows of 3 x 3 pixels
  assert.equal(await tableOf([2, 6, 8, 2], [240, 40, 5, 1], 0), { outer: 96, side: 2, outSide: 5, inner: 1, taps: 1 });
  assert.equal(await tableOf([2, 2, 8, 5], [240, 40, 5, 1], 80), { outer: 2, side: 1, outSide: 3, inner: 80, taps: 1 });
  assert.equal(await tableOf([2, 4, 6, 3, 3, 5], [240, 40, 5, 40, 5, 1], 0), {
    outer: 2,
    side: 216,
    outSide: 48,
    inner: 5,
    taps: 9,
  });
  recorded.dispose();
  input.dispose();
  assert.is(backend.liveBytes, 0);
});

test('a step that is recorded has the same gradients, also when it is carried out again', async () => {
  const backend = openReference();
  const input = parameter(backend, [3, -1, 2, 5, 4, 1], [2, 3]);
  const step = () => {
    const slice = view(input, [2, 2], [3, 1], 1);
    const grown = resample(slice, 1, { places: [[0, -1, 1, 1]], weights: [[1, 2, 0.5, 1]], fill: 1 });
    const powers = binary(unary(grown, 'exp'), unary(slice, 'elu', 1).reshape(4, 1, 1).reshape(1, 4), 'multiply');
    return gradients(sum(powers), [input]);
  };
  const expected = await (() => {
    using _ = scope();
    return step()[0].data();
  })();
  const recorded = new RecordedStep(backend);
  for (let run = 0; run < 2; run++) {
    const [found] = await recorded.run(step);
    assert.equal([...(await found.data())], [...expected]);
  }
  recorded.dispose();
  input.dispose();
  assert.is(backend.liveBytes, 0);
});

test.run();
