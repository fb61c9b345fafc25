import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import * as engine from '../../src/tensor/index';
import {
  affineWarp,
  type Backend,
  divideByRoot,
  gradients,
  multiply,
  openReference,
  parameter,
  type Random,
  random,
  resizeBilinear,
  rightAnswers,
  scope,
  sum,
  Tensor,
} from '../../src/tensor/index';
import { testOnEachDevice } from '../helpers/devices';
import { assertClose, thrown } from '../helpers/numbers';
import { NO_GRADIENT, NO_OPERATIONS } from './exports';
import { CHECKS, type Check, type Use } from './gradient-checks';
import { GRAPH_CHECKS, WITHOUT_GRADIENT } from './graph-gradient-checks';

const DRAWS = 6;
/** A GPU in software takes its time to compile a shader for each shape. */
const DRAWS_ON_GPU = 1;
const STEP = 1e-5;

/** float32 numbers, the same on every backend, none so near to 0 that STEP leads to the other side of a kink. */
const numbers = (draw: Random, count: number): number[] =>
  Array.from({ length: count }, () => {
    const value = draw.normal();
    return Math.fround(value + Math.sign(value) * 0.01);
  });

const ALL_CHECKS: Readonly<Record<string, readonly Check[]>> = { ...CHECKS, ...GRAPH_CHECKS };

interface Point extends Use {
  values: number[][];
}

function drawPoint(operation: string, check: number, seed: number): Point {
  const draw = random(1000 * check + seed);
  const use = ALL_CHECKS[operation][check](draw);
  return {
    ...use,
    values: use.inputs.map((shape) =>
      numbers(
        draw,
        shape.reduce((product, side) => product * side, 1),
      ),
    ),
  };
}

/** Weights for the numbers of the output make a loss of it that depends on each in its own way. */
function lossOf(output: Tensor): Tensor {
  const weights = numbers(random(output.size), output.size);
  return sum(multiply(output, Tensor.from(output.backend, weights, output.shape)));
}

/** The gradient of each input, `which` of them being parameters. */
async function gradientsAt(
  backend: Backend,
  { inputs, apply, values }: Point,
  which: (input: number) => boolean = () => true,
) {
  const readings = (() => {
    using _ = scope();
    const tensors = inputs.map((shape, k) =>
      which(k) ? parameter(backend, values[k], shape) : Tensor.from(backend, values[k], shape),
    );
    const found = gradients(
      lossOf(apply(tensors)),
      tensors.filter((_, k) => which(k)),
    );
    return found.map((gradient) => gradient.data());
  })();
  return Promise.all(readings);
}

/** (L(x + h) - L(x - h)) / 2h for each number of input k: the error shrinks with h^2. */
async function centralDifferences(backend: Backend, point: Point, k: number): Promise<number[]> {
  const lossAt = async (i: number, value: number) => {
    const reading = (() => {
      using _ = scope();
      const tensors = point.inputs.map((shape, input) =>
        Tensor.from(backend, input === k ? point.values[k].with(i, value) : point.values[input], shape),
      );
      return lossOf(point.apply(tensors)).data();
    })();
    return (await reading)[0];
  };
  const differences: number[] = [];
  for (const [i, value] of point.values[k].entries())
    differences.push(((await lossAt(i, value + STEP)) - (await lossAt(i, value - STEP))) / (2 * STEP));
  return differences;
}

const test = suite('gradients');

test('every operation that is exported has a check, or says that it has no gradient', () => {
  assert.equal(Object.keys(engine).sort(), [...Object.keys(CHECKS), ...NO_GRADIENT, ...NO_OPERATIONS].sort());
  for (const [operation, checks] of Object.entries(ALL_CHECKS)) assert.ok(checks.length > 0, operation);
});

for (const [operation, checks] of Object.entries(ALL_CHECKS)) {
  test(`${operation} against central differences`, async () => {
    const reference = openReference();
    for (const check of checks.keys())
      for (let seed = 0; seed < DRAWS; seed++) {
        const point = drawPoint(operation, check, seed);
        const found = await gradientsAt(reference, point);
        for (const [k, shape] of point.inputs.entries()) {
          const title = `${operation} ${check}, draw ${seed}, input ${k} [${shape}]`;
          assertClose(found[k], await centralDifferences(reference, point, k), 1e-7, title);
          const [alone] = await gradientsAt(reference, point, (input) => input === k);
          assert.equal([...alone], [...found[k]], `${title} as the only parameter`);
        }
      }
    assert.is(reference.liveBytes, 0);
  });

  testOnEachDevice(test, `${operation} against reference`, async (backend) => {
    if (backend.name === 'reference') return;
    const reference = openReference();
    for (const check of checks.keys())
      for (let seed = 0; seed < (backend.name === 'webgpu' ? DRAWS_ON_GPU : DRAWS); seed++) {
        const point = drawPoint(operation, check, seed);
        const expected = await gradientsAt(reference, point);
        const found = await gradientsAt(backend, point);
        for (const k of point.inputs.keys())
          assertClose(found[k], expected[k], 1e-4, `${operation} ${check}, draw ${seed}, input ${k}`);
      }
  });
}

test('operations without a gradient say so when it is asked for', () => {
  using _ = scope();
  const backend = openReference();
  const make = (...shape: number[]) => parameter(backend, new Float32Array(shape.reduce((a, b) => a * b)), shape);
  const image = make(1, 2, 2, 1);
  const vector = make(3);
  const uses: Record<string, () => void> & Record<(typeof NO_GRADIENT)[number], () => void> = {
    resizeBilinear: () => gradients(sum(resizeBilinear(image, 3, 3)), [image]),
    affineWarp: () => gradients(sum(affineWarp(image, make(1, 6), 3, 3)), [image]),
    divideByRoot: () => gradients(sum(divideByRoot(vector, vector, 1)), [vector]),
    rightAnswers: () => gradients(sum(rightAnswers(make(2, 3), make(2))), [vector]),
    ...Object.fromEntries(
      Object.entries(WITHOUT_GRADIENT).map(([name, apply]) => [name, () => gradients(sum(apply(vector)), [vector])]),
    ),
  };
  for (const [operation, use] of Object.entries(uses))
    assert.match(thrown(use).message, new RegExp(`^${operation} has no gradient with respect to its input \\[`));
});

test.run();
