import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openReference } from '../../src/kernels/reference/backend';
import * as engine from '../../src/tensor/index';
import { ShapeError, scope } from '../../src/tensor/index';
import { testOnEachDevice } from '../helpers/devices';
import { assertClose, thrown } from '../helpers/numbers';
import type { ByHand, Make } from './by-hand';
import { NO_OPERATIONS, type Operation } from './exports';
import { IMAGES } from './images-by-hand';
import { TRAINING } from './training-by-hand';

const {
  add,
  batchNorm,
  concat,
  dropout,
  l2Normalize,
  leakyRelu,
  matmul,
  multiply,
  prelu,
  random,
  relu,
  relu6,
  scale,
  scaleShift,
  sigmoid,
  softmax,
  softmaxCrossEntropy,
} = engine;

const STATISTICS = (make: Make, channels: number) => ({
  mean: make([channels]),
  variance: make([channels]),
  gamma: make([channels]),
  beta: make([channels]),
});

const OPERATIONS: Record<Operation, ByHand> = {
  ...TRAINING,
  ...IMAGES,

  relu: {
    cases: [
      { title: 'any shape', apply: (make) => relu(make([2, 2], [-1, 0, 2, -3])), shape: [2, 2], values: [0, 0, 2, 0] },
    ],
    refusals: [],
  },
  relu6: {
    cases: [{ title: 'any shape', apply: (make) => relu6(make([4], [-1, 3, 6, 7])), shape: [4], values: [0, 3, 6, 6] }],
    refusals: [],
  },
  leakyRelu: {
    cases: [
      { title: 'slope', apply: (make) => leakyRelu(make([3], [-2, 0, 5]), 0.1), shape: [3], values: [-0.2, 0, 5] },
      { title: 'default', apply: (make) => leakyRelu(make([2], [-2, 5])), shape: [2], values: [-0.02, 5] },
    ],
    refusals: [],
  },
  prelu: {
    cases: [
      {
        title: 'a slope a channel',
        apply: (make) => prelu(make([2, 2], [-1, -1, 3, -4]), make([2], [0.5, 2])),
        shape: [2, 2],
        values: [-0.5, -2, 3, -8],
      },
    ],
    refusals: [
      {
        apply: (make) => prelu(make([2, 2]), make([3])),
        says: 'prelu: slopes [3] does not fit input [2,2], expected [2]',
      },
    ],
  },
  sigmoid: {
    cases: [
      {
        title: 'e^x = 3 gives 3/4',
        apply: (make) => sigmoid(make([4], [0, Math.log(3), -Math.log(3), -200])),
        shape: [4],
        values: [0.5, 0.75, 0.25, 0],
      },
    ],
    refusals: [],
  },
  add: {
    cases: [
      { title: 'one shape', apply: (make) => add(make([2, 2]), make([2, 2])), shape: [2, 2], values: [2, 4, 6, 8] },
      {
        title: 'a vector',
        apply: (make) => add(make([2, 2]), make([2], [10, 20])),
        shape: [2, 2],
        values: [11, 22, 13, 24],
      },
      { title: 'a number', apply: (make) => add(make([2, 2]), make([], [5])), shape: [2, 2], values: [6, 7, 8, 9] },
      {
        title: 'the last two axes',
        apply: (make) => add(make([2, 1, 2]), make([1, 2], [10, 20])),
        shape: [2, 1, 2],
        values: [11, 22, 13, 24],
      },
    ],
    refusals: [
      {
        apply: (make) => add(make([2, 3]), make([2])),
        says: 'add: [2] is neither the shape of [2,3] nor of its last axes',
      },
      {
        apply: (make) => add(make([3]), make([2, 3])),
        says: 'add: [2,3] is neither the shape of [3] nor of its last axes',
      },
    ],
  },
  multiply: {
    cases: [
      { title: 'one shape', apply: (make) => multiply(make([3]), make([3])), shape: [3], values: [1, 4, 9] },
      {
        title: 'a vector',
        apply: (make) => multiply(make([2, 2]), make([2], [10, 20])),
        shape: [2, 2],
        values: [10, 40, 30, 80],
      },
    ],
    refusals: [
      {
        apply: (make) => multiply(make([2, 3]), make([2, 1])),
        says: 'multiply: [2,1] is neither the shape of [2,3] nor of its last axes',
      },
    ],
  },
  scale: {
    cases: [
      { title: 'factor', apply: (make) => scale(make([2]), 3), shape: [2], values: [3, 6] },
      { title: 'and offset', apply: (make) => scale(make([2]), -2, 0.5), shape: [2], values: [-1.5, -3.5] },
    ],
    refusals: [],
  },
  batchNorm: {
    cases: [
      {
        title: '(x - mean) / sqrt(variance + epsilon) * gamma + beta',
        apply: (make) =>
          batchNorm(
            make([2, 2]),
            {
              mean: make([2], [1, 2]),
              variance: make([2], [3, 8]),
              gamma: make([2], [4, 3]),
              beta: make([2], [10, 20]),
            },
            1,
          ),
        shape: [2, 2],
        values: [10, 20, 14, 22], // 2 / sqrt(4) * 4 + 10 and 2 / sqrt(9) * 3 + 20
      },
    ],
    refusals: [
      {
        apply: (make) => batchNorm(make([2, 2]), { ...STATISTICS(make, 2), variance: make([3]) }),
        says: 'batchNorm: variance [3] does not fit input [2,2], expected [2]',
      },
      {
        apply: (make) => batchNorm(make([2, 2]), { ...STATISTICS(make, 2), beta: make([1, 2]) }),
        says: 'batchNorm: beta [1,2] does not fit input [2,2], expected [2]',
      },
    ],
  },
  scaleShift: {
    cases: [
      {
        title: 'per channel',
        apply: (make) => scaleShift(make([2, 2]), make([2], [10, 100]), make([2], [1, 2])),
        shape: [2, 2],
        values: [11, 202, 31, 402],
      },
    ],
    refusals: [
      {
        apply: (make) => scaleShift(make([2, 2]), make([1]), make([2])),
        says: 'scaleShift: scale [1] does not fit input [2,2], expected [2]',
      },
      {
        apply: (make) => scaleShift(make([2, 2]), make([2]), make([4])),
        says: 'scaleShift: shift [4] does not fit input [2,2], expected [2]',
      },
    ],
  },
  concat: {
    cases: [
      {
        title: 'last axis',
        apply: (make) => concat([make([2, 1]), make([2, 2], [5, 6, 7, 8])], -1),
        shape: [2, 3],
        values: [1, 5, 6, 2, 7, 8],
      },
      {
        title: 'first axis',
        apply: (make) => concat([make([1, 2]), make([2, 2], [5, 6, 7, 8])], 0),
        shape: [3, 2],
        values: [1, 2, 5, 6, 7, 8],
      },
      { title: 'one part', apply: (make) => concat([make([2, 2])], 1), shape: [2, 2], values: [1, 2, 3, 4] },
    ],
    refusals: [
      { apply: () => concat([], 0), says: 'concat: needs at least one tensor' },
      { apply: (make) => concat([make([2])], 1), says: 'concat: [2] has no axis 1' },
      { apply: (make) => concat([make([2])], -2), says: 'concat: [2] has no axis -2' },
      {
        apply: (make) => concat([make([2, 2]), make([3, 2])], 1),
        says: 'concat: [3,2] does not continue [2,2] along axis 1',
      },
      {
        apply: (make) => concat([make([2, 2]), make([2])], 0),
        says: 'concat: [2] does not continue [2,2] along axis 0',
      },
    ],
  },
  matmul: {
    cases: [
      {
        title: 'rows by columns',
        apply: (make) => matmul(make([2, 3]), make([3, 2], [1, 10, 2, 20, 3, 30])),
        shape: [2, 2],
        values: [14, 140, 32, 320],
      },
      {
        title: 'bias',
        apply: (make) => matmul(make([1, 2]), make([2, 3]), make([3], [100, 200, 300])),
        shape: [1, 3],
        values: [109, 212, 315],
      },
      {
        title: 'operands that are stored transposed',
        apply: (make) =>
          matmul(make([3, 2], [1, 4, 2, 5, 3, 6]), make([2, 3], [1, 2, 3, 10, 20, 30]), undefined, {
            transposeLeft: true,
            transposeRight: true,
          }),
        shape: [2, 2],
        values: [14, 140, 32, 320],
      },
    ],
    refusals: [
      { apply: (make) => matmul(make([2, 3]), make([2, 3])), says: 'matmul: [2,3] x [2,3]: 3 is not 2' },
      {
        apply: (make) => matmul(make([2, 3]), make([3, 2]), undefined, { transposeRight: true }),
        says: 'matmul: [2,3] x [2,3]: 3 is not 2',
      },
      {
        apply: (make) => matmul(make([3]), make([3, 1])),
        says: 'matmul: left [3] has 1 axes, expected [rows, inner]',
      },
      {
        apply: (make) => matmul(make([1, 3]), make([3, 1, 1])),
        says: 'matmul: right [3,1,1] has 3 axes, expected [inner, columns]',
      },
      {
        apply: (make) => matmul(make([1, 3]), make([3, 2]), make([3])),
        says: 'matmul: bias [3] does not fit 2 columns',
      },
    ],
  },
  softmax: {
    cases: [
      {
        title: 'e^x over its sum, row by row; large numbers do not overflow',
        apply: (make) => softmax(make([2, 2], [0, Math.log(3), 1000, 1000])),
        shape: [2, 2],
        values: [0.25, 0.75, 0.5, 0.5],
      },
    ],
    refusals: [
      { apply: (make) => softmax(make([])), says: 'softmax: the input needs a last axis that is not empty' },
      { apply: (make) => softmax(make([2, 0])), says: 'softmax: the input needs a last axis that is not empty' },
    ],
  },
  l2Normalize: {
    cases: [
      {
        title: 'row by row; zeros stay zeros',
        apply: (make) => l2Normalize(make([3, 2], [3, 4, 0, 0, -5, 12])),
        shape: [3, 2],
        values: [0.6, 0.8, 0, 0, -5 / 13, 12 / 13],
      },
      {
        title: 'nothing shorter than epsilon is divided by',
        apply: (make) => l2Normalize(make([1, 2], [0.3, 0.4]), 2),
        shape: [1, 2],
        values: [0.15, 0.2],
      },
    ],
    refusals: [
      { apply: (make) => l2Normalize(make([])), says: 'l2Normalize: the input needs a last axis that is not empty' },
    ],
  },
};

const makerOn =
  (backend: engine.Backend): Make =>
  (shape, values = Array.from({ length: shape.reduce((product, side) => product * side, 1) }, (_, i) => i + 1)) =>
    engine.Tensor.from(backend, values, shape);

const test = suite('operations');

test('every operation that is exported has a test', () => {
  assert.equal(Object.keys(engine).sort(), [...Object.keys(OPERATIONS), ...NO_OPERATIONS].sort());
  for (const [operation, { cases }] of Object.entries(OPERATIONS)) assert.ok(cases.length > 0, operation);
});

for (const [operation, { cases, refusals }] of Object.entries(OPERATIONS)) {
  testOnEachDevice(test, `${operation} by hand`, async (backend) => {
    for (const { title, apply, shape, values, madeBy = operation } of cases) {
      const reading = (() => {
        using _ = scope();
        const output = apply(makerOn(backend));
        assert.equal(output.shape, shape, `${operation}: ${title}`);
        assert.is(output.origin, madeBy);
        return output.data();
      })();
      assertClose(await reading, values, backend.name === 'reference' ? 1e-12 : 1e-6, `${operation}: ${title}`);
    }
  });

  if (refusals.length > 0)
    test(`${operation}: what it refuses`, () => {
      const backend = openReference();
      for (const { apply, says } of refusals) {
        using _ = scope();
        const error = thrown(() => apply(makerOn(backend)));
        assert.is(error.message, says);
        assert.instance(error, ShapeError);
      }
      assert.is(backend.liveBytes, 0);
    });
}

test('shares that are none are refused', () => {
  const make = makerOn(openReference());
  using _ = scope();
  for (const probability of [-0.1, 1, Number.NaN])
    assert.is(
      thrown(() => dropout(make([2]), probability, random(1))).message,
      `dropout: probability ${probability} is not from 0 to below 1`,
    );
  for (const smoothing of [-0.1, 1.1, Number.NaN])
    assert.is(
      thrown(() => softmaxCrossEntropy(make([1, 2]), make([1]), { smoothing })).message,
      `softmaxCrossEntropy: smoothing ${smoothing} is not between 0 and 1`,
    );
});

test.run();
