import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Backend } from '../../src/kernels/backend';
import { openReference } from '../../src/kernels/reference/backend';
import { openWasm } from '../../src/kernels/wasm/backend';
import { DepthNetwork, SCALINGS, type Scaling } from '../../src/nn/depth-network';
import { arrival, finalLoss, studyDepths } from '../../src/nn/depth-study';
import { DepthTraining, type DepthTrainingOptions } from '../../src/nn/depth-training';
import { type LabelledImage, stacked } from '../../src/nn/evaluation';
import { shuffledBatches } from '../../src/nn/sampler';
import { random } from '../../src/tensor/random';
import { assertClose, rejection, thrown } from '../helpers/numbers';
import { NetworkByHand } from './network-by-hand';

const test = suite('depth: plain against residual networks');

const TINY: DepthTrainingOptions = {
  input: { height: 6, width: 6, channels: 1 },
  ...{ blocks: 2, plain: false, scaling: 'he', channels: 3, classes: 3 },
  ...{ seed: 5, batchSize: 4, learningRate: 0.05, momentum: 0.9 },
};

function images(count = 12, { height, width, channels } = TINY.input): LabelledImage[] {
  const draw = random(21);
  return Array.from({ length: count }, (_, k) => ({
    pixels: Float32Array.from({ length: height * width * channels }, () => draw.next()),
    label: k % TINY.classes,
  }));
}

async function stepsOf(backend: Backend, options: DepthTrainingOptions, measured: readonly boolean[]) {
  const training = new DepthTraining(backend, images(), options);
  const steps = [];
  for (const one of measured) steps.push(await training.step({ measured: one }));
  training.dispose();
  return steps;
}

for (const scaling of SCALINGS)
  for (const plain of [true, false])
    test(`the norms of its gradients are those of differences, ${scaling}, ${plain ? 'plain' : 'residual'}`, async () => {
      const backend = openReference();
      const options = { ...TINY, scaling, plain };
      const training = new DepthTraining(backend, images(), options);
      const chosen = shuffledBatches(12, TINY.batchSize, TINY.seed)
        .batch(0)
        .map((place) => images()[place]);
      const byHand = new NetworkByHand(
        await training.network.state(),
        options,
        stacked(chosen.map(({ pixels }) => pixels)),
        chosen.map(({ label }) => label),
      );
      const { loss, norms } = await training.step({ measured: true });
      assertClose([loss], [byHand.loss()], 1e-6, 'loss'); // the images are of float32
      assert.ok(norms);
      const relative = (found: readonly number[], expected: readonly number[], what: string) =>
        assertClose(
          found.map((value, k) => value / expected[k]),
          expected.map(() => 1),
          1e-4,
          what,
        );
      relative(
        norms.states,
        byHand.nudges.map((nudge) => byHand.gradientNorm(nudge)),
        'by the states',
      );
      const paths = [...training.network.filters().keys()];
      assert.equal(paths.slice(0, 3), ['stem.conv.weight', 'blocks.0.conv1.weight', 'blocks.0.conv2.weight']);
      const filters = paths.map((path) => byHand.gradientNorm(byHand.weights.get(path) ?? new Float64Array()));
      relative(norms.filters, filters, 'by the filters');
      training.dispose();
      assert.is(backend.liveBytes, 0);
    });

// Not on a GPU in software, which takes a minute to compile its pipelines: operations are compared there one by one.
test('a training comes out alike on wasm, whether it is measured or not', async () => {
  const backend = await openWasm({ threads: 1 });
  const options = { ...TINY, blocks: 1 };
  const expected = await stepsOf(openReference(), options, [true, true, true]);
  const found = await stepsOf(backend, options, [false, true, false]);
  assert.equal(
    found.map(({ step, norms }) => [step, norms !== undefined]),
    [
      [1, false],
      [2, true],
      [3, false],
    ],
  );
  for (const [k, { loss, accuracy, norms }] of found.entries()) {
    assertClose([loss], [expected[k].loss], 1e-5, `loss of step ${k + 1}`);
    assert.is(accuracy, expected[k].accuracy);
    if (norms) assertClose(norms.states, expected[k].norms?.states ?? [], 1e-5);
    if (norms) assertClose(norms.filters, expected[k].norms?.filters ?? [], 1e-5);
  }
  assert.is(backend.liveBytes, 0);
  await backend.close();
});

test('gradients vanish in plain networks of small weights, and neither with skips nor with batch norm', async () => {
  const backend = openReference();
  const arrivalOf = async (scaling: Scaling, plain: boolean) => {
    const [{ norms }] = await stepsOf(backend, { ...TINY, scaling, plain, blocks: 6, channels: 6 }, [true]);
    return norms ? arrival(norms) : Number.NaN;
  };
  // Each convolution leaves about 1 / 3 of a square, each ReLU half: 1 / 6 of the length a block, 1 / 6^6 = 2e-5 in all.
  const small = await arrivalOf('small', true);
  assert.ok(small > 1e-7 && small < 1e-3, `plain, small weights: ${small}`);
  const skips = await arrivalOf('small', false);
  assert.ok(skips > 0.3 && skips < 3, `residual, small weights: ${skips}`);
  const norm = await arrivalOf('batch-norm', true);
  assert.ok(norm > 1, `plain, batch norm: ${norm}`);
});

test('a study trains every network, and one that fails ends where its loss was last a number', async () => {
  const { blocks, plain, scaling, seed, ...shared } = TINY;
  const steps: number[] = [];
  const runs = await studyDepths(
    openReference(),
    images(),
    { ...shared, scalings: ['he'], depths: [1, 2], seeds: [5, 6], steps: 3, learningRate: 1e60 },
    { onStep: (step, all) => steps.push(step, all) },
  );
  assert.equal(
    runs.map((run) => [run.blocks, run.plain, run.seed]),
    [1, 2].flatMap((depth) => [true, false].flatMap((one) => [5, 6].map((of) => [depth, one, of]))),
  );
  assert.equal(steps.slice(-2), [24, 24]);
  const failed = runs.filter(({ failedAt }) => failedAt !== undefined);
  assert.ok(failed.length > 0, 'none has failed at such a learning rate');
  for (const run of failed) {
    assert.is(run.losses.length, (run.failedAt ?? 0) - 1);
    assert.ok(run.losses.every(Number.isFinite));
    assert.is(run.end, undefined);
    assert.is(finalLoss(run), Number.POSITIVE_INFINITY);
    assert.is(run.start.states.length, run.blocks + 1);
    assert.is(run.start.filters.length, 2 * run.blocks + 1);
  }
});

test('a study that is stopped rejects, and leaves nothing behind', async () => {
  const backend = openReference();
  const stop = new AbortController();
  const { blocks, plain, scaling, seed, ...shared } = TINY;
  const options = { ...shared, scalings: ['he'] as const, depths: [1], seeds: [1], steps: 5 };
  const study = studyDepths(backend, images(), options, {
    signal: stop.signal,
    onStep: (step) => step === 2 && stop.abort(),
  });
  assert.is((await rejection(study)).name, 'AbortError');
  assert.is(backend.liveBytes, 0);
});

test('there is nothing to learn from no images', () => {
  assert.match(thrown(() => new DepthTraining(openReference(), [], TINY)).message, 'no images');
});

test('plain and residual networks of one seed begin with the same weights', async () => {
  const backend = openReference();
  for (const scaling of SCALINGS) {
    const [plain, residual] = [true, false].map(
      (one) => new DepthNetwork({ backend, random: random(1) }, { ...TINY, scaling, plain: one }),
    );
    assert.equal(await plain.state(), await residual.state());
  }
});

test.run();
