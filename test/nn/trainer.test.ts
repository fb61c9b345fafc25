import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ClosedSet } from '../../src/face/identify';
import type { Backend } from '../../src/kernels/backend';
import { MeteredBackend } from '../../src/kernels/metered';
import { openReference } from '../../src/kernels/reference/backend';
import { openWasm } from '../../src/kernels/wasm/backend';
import { decodeModel, encodeCheckpoint, encodeModel, resume } from '../../src/nn/checkpoint';
import {
  evaluate,
  imagesTensor,
  type LabelledImage,
  logitsOfBothSides,
  mirror,
  rightIn,
  stacked,
} from '../../src/nn/evaluation';
import { MiniResNet, miniResNetFrom } from '../../src/nn/mini-resnet';
import { standardized } from '../../src/nn/prepared-pixels';
import { plainData, Trainer, type TrainingData } from '../../src/nn/trainer';
import type { TrainingSettings } from '../../src/nn/training-settings';
import { random, stream } from '../../src/tensor/random';
import { scope } from '../../src/tensor/scope';
import { ShapeError } from '../../src/tensor/shape';
import { testOnEachDevice } from '../helpers/devices';
import { assertClose, rejection, thrown } from '../helpers/numbers';

const SHAPE = { height: 12, width: 10, channels: 1 };
const CLASSES = 4;

/** Each class has a pattern of its own; each image has noise and light of its own. */
function images(each: number, seed: number): LabelledImage[] {
  const [patterns, noise] = [random(7), random(seed)];
  const faces = Array.from({ length: CLASSES }, () => Array.from({ length: 120 }, () => patterns.normal()));
  return faces.flatMap((face, label) =>
    Array.from({ length: each }, () => {
      const gain = noise.between(0.5, 2);
      return { label, pixels: Float32Array.from(face, (value) => gain * (value + 0.5 * noise.normal())) };
    }),
  );
}

/** Half of the images are mirrored, as the step decides. */
function varied(train: readonly LabelledImage[], test: readonly LabelledImage[]): TrainingData {
  const plain = plainData(train, test);
  return {
    ...plain,
    async batch(indices, step) {
      const source = stream(5, step);
      const size = SHAPE.height * SHAPE.width;
      const pixels = await plain.batch(indices, step);
      for (let k = 0; k < indices.length; k++)
        if (source.next() < 0.5) pixels.set(mirror(pixels.subarray(k * size, (k + 1) * size), SHAPE), k * size);
      return pixels;
    },
  };
}

function make(backend: Backend, settings: Partial<TrainingSettings> = {}, classifier: 'linear' | 'cosine' = 'linear') {
  const options = { input: SHAPE, widths: [4, 8], depths: [1, 1], embedding: 8, dropout: 0.1, classes: CLASSES };
  const network = new MiniResNet({ backend, random: random(3) }, { ...options, classifier });
  const data = varied(images(6, 1), images(3, 2));
  const trainer = new Trainer(network, data, { epochs: 3, batchSize: 8, learningRate: 0.05, ...settings });
  const dispose = () => {
    trainer.dispose();
    network.dispose();
  };
  return { network, trainer, dispose };
}

/** @param bad the step, counted from 1, whose images are far too bright; none is without */
function makeFailing(backend: Backend, bad: number | undefined, settings: Partial<TrainingSettings>) {
  const options = { input: SHAPE, widths: [4], depths: [1], embedding: 4, dropout: 0.1, classes: CLASSES };
  const network = new MiniResNet({ backend, random: random(3) }, options);
  const plain = plainData(images(6, 1), images(3, 2));
  const data: TrainingData = {
    ...plain,
    batch: async (indices, step) => {
      const pixels = await plain.batch(indices, step);
      return step + 1 === bad ? pixels.fill(3e38) : pixels;
    },
  };
  const trainer = new Trainer(network, data, { batchSize: 2, ...settings });
  const dispose = () => {
    trainer.dispose();
    network.dispose();
  };
  return { trainer, dispose };
}

async function advance(trainer: Trainer, steps: number): Promise<number[]> {
  const losses: number[] = [];
  for await (const { loss } of trainer.run(undefined, Math.min(trainer.steps, trainer.step + steps))) losses.push(loss);
  return losses;
}

/** A backend that claims to compute while the host goes on, so that steps are made ahead on it. */
class Asynchronous extends MeteredBackend {
  override get isAsynchronous() {
    return true;
  }
}

/** Everything that steps change. */
async function everything({ network, optimizer, average }: Trainer) {
  const all = [await network.state(), await optimizer.state(), (await average?.state()) ?? new Map()];
  return all.map((tensors) => [...tensors].map(([name, { values }]) => [name, [...values]]));
}

const test = suite('the trainer');

test('on wasm learns patterns to the last, by every loss and optimiser', async () => {
  const backend = await openWasm({ threads: 2 });
  for (const settings of [
    { optimizer: 'sgd' },
    { optimizer: 'adamw', learningRate: 0.01, clip: 1 },
    { loss: 'cosface', margin: 0.1, averageDecay: 0.8 },
    { loss: 'arcface', margin: 0.1, schedule: 'steps' },
    { imagesEach: 2, tripletWeight: 1 },
  ] as const) {
    const { trainer, dispose } = make(backend, { ...settings, epochs: 30 }, 'loss' in settings ? 'cosine' : 'linear');
    const live = new Set<number>();
    for await (const { step, steps, secondsLeft } of trainer.run()) {
      live.add(backend.liveBytes);
      assert.ok(step <= steps && secondsLeft >= 0);
    }
    assert.is(trainer.history.length, 30);
    const last = trainer.history[29];
    assert.ok(last.testAccuracy > 0.9, `${JSON.stringify(settings)}: ${JSON.stringify(last)}`);
    assert.is(live.size, 1, 'live bytes are the same after each step');
    dispose();
  }
  assert.is(backend.liveBytes, 0);
  await backend.close();
});

test('live bytes and their peak are the same over 500 steps, and the layers say what holds them', async () => {
  const backend = new MeteredBackend(await openWasm({ threads: 2 }));
  const { network, trainer, dispose } = make(backend, { epochs: 167 });
  const live = new Set<number>();
  const peaks = new Set<number>();
  const kept = backend.liveBytes;
  backend.takePeak();
  const compiled: number[] = [];
  trainer.onPrepare = (count, total) => compiled.push(count / total);
  for await (const { step, finished } of trainer.run()) {
    live.add(backend.liveBytes);
    const peak = backend.takePeak();
    if (!finished && step > 1) peaks.add(peak); // evaluating has a peak of its own
  }
  assert.is(trainer.step, 501);
  assert.is(live.size, 1);
  assert.is(peaks.size, 1);
  const [[peak], [between]] = [peaks, live].map((set) => [...set]);
  assert.is(peak, between, 'a step that is replayed takes nothing that was not there before');
  assert.is(backend.liveBytes, kept);
  assert.is(compiled.at(-1), 1, 'it is heard when all kernels are ready');
  const forward = trainer.memory.reduce((sum, { bytes }) => sum + bytes, 0);
  assert.ok(forward > 0 && kept + forward <= peak, `${kept} + ${forward} of ${peak}`);
  const stem = trainer.memory.find(({ layer }) => layer === 'stem.conv');
  assert.equal(stem?.results, [{ name: 'conv2d', shape: [8, 6, 5, 4] }]);
  assert.is(stem?.bytes, 4 * 8 * 6 * 5 * 4);
  const layers = new Set([...network.parameters().keys()].map((path) => path.slice(0, path.lastIndexOf('.'))));
  assert.equal(new Set(trainer.memory.map(({ layer }) => layer)), layers);
  dispose();
  await backend.close();
});

testOnEachDevice(test, '2n steps are n steps, saved, restored elsewhere, and n more, to the bit', async (backend) => {
  for (const settings of [{}, { optimizer: 'adamw', learningRate: 0.01, averageDecay: 0.9 }] as const) {
    const whole = make(backend, settings);
    const losses = await advance(whole.trainer, 8);
    const expected = await encodeCheckpoint(whole.trainer, {});
    whole.dispose();

    const first = make(backend, settings);
    await advance(first.trainer, 4); // in the middle of the second epoch
    const file = await encodeCheckpoint(first.trainer, {});
    first.dispose();

    const second = make(backend, settings);
    resume(second.trainer, decodeModel(file, 'a.safetensors'), 'a.safetensors');
    assert.equal(await advance(second.trainer, 4), losses.slice(4));
    const bytes = await encodeCheckpoint(second.trainer, {});
    assert.ok(Buffer.from(bytes).equals(Buffer.from(expected)), 'the files are the same');
    second.dispose();
  }
});

testOnEachDevice(test, 'a loss that is not finite names the step, the rate and the layer', async (backend) => {
  // Sums of such weights leave float32; float64 holds them, so that there the weights themselves are infinite.
  const [value, where] =
    backend.name === 'reference'
      ? [Number.POSITIVE_INFINITY, /none: the weight stages\.1\.0\.conv1\.weight itself is not finite/]
      : [3e38, /stages\.1\.0\.(conv1|bn1)/];
  const { network, trainer, dispose } = make(backend);
  const weight = network.parameters().get('stages.1.0.conv1.weight');
  assert.ok(weight);
  const before = await network.state();
  backend.write(weight.slot, new Float32Array(weight.size).fill(value));
  const bytes = backend.liveBytes;
  const error = await advance(trainer, 1).catch((reason: Error) => reason);
  assert.instance(error, Error);
  if (error instanceof Error) {
    assert.match(error.message, /loss is (NaN|-?Infinity) at step 1, learning rate 0\.0\d+; /);
    assert.match(error.message, where);
  }
  assert.is(backend.liveBytes, bytes);
  const after = await network.state();
  assert.equal(after.get('stem.conv.weight'), before.get('stem.conv.weight'));
  dispose();
});

test('steps made ahead are the same steps: each is told of, once, and leaves the same behind', async () => {
  const wasm = await openWasm({ threads: 2 });
  for (const [settings, classifier] of [
    [{}, 'linear'],
    [{ optimizer: 'adamw', learningRate: 0.01, averageDecay: 0.9, clip: 1 }, 'linear'],
    [{ loss: 'arcface', margin: 0.1 }, 'cosine'],
    [{ imagesEach: 2, tripletWeight: 1, loss: 'cosface' }, 'cosine'], // reads in the midst of a step: is not made ahead
  ] as const) {
    // 24 images, one a batch or two: more steps an epoch than are read together.
    const [plain, ahead] = [wasm, new Asynchronous(wasm)].map((backend) =>
      make(
        backend,
        { batchSize: 2, epochs: 2, ...settings, ...('imagesEach' in settings && { batchSize: 4 }) },
        classifier,
      ),
    );
    const told = [];
    for (const { trainer } of [plain, ahead]) {
      const records = [];
      for await (const { imagesPerSecond, secondsLeft, ...record } of trainer.run()) {
        assert.ok(imagesPerSecond > 0 && secondsLeft >= 0);
        records.push(record);
      }
      told.push(records);
    }
    assert.equal(told[1], told[0]);
    assert.is(told[1].length, ahead.trainer.steps);
    assert.equal(await everything(ahead.trainer), await everything(plain.trainer));
    assert.equal(ahead.trainer.memory, plain.trainer.memory);
    plain.dispose();
    ahead.dispose();
  }
  assert.is(wasm.liveBytes, 0);
  await wasm.close();
});

test('what is saved while steps are made ahead goes on to the same end', async () => {
  const wasm = await openWasm({ threads: 1 });
  const ahead = new Asynchronous(wasm);
  const settings = { batchSize: 2, epochs: 2, averageDecay: 0.9 };
  const whole = make(wasm, settings);
  await advance(whole.trainer, 1000);
  for (const saved of [1, 3, 8, 9, 12, 13, 19]) {
    const first = make(ahead, settings);
    let file: Uint8Array | undefined;
    for await (const { step } of first.trainer.run())
      if (step === saved) {
        file = await encodeCheckpoint(first.trainer, {});
        assert.is(first.trainer.step, step < 13 ? 12 : 24, 'all steps that were made, to the end of the epoch');
        if (saved > 8) break; // what was made ahead is finished, then the training rests
      }
    assert.ok(file);
    assert.equal(first.trainer.position, { ...first.trainer.position, step: first.trainer.optimizer.steps });
    await advance(first.trainer, 1000);
    const second = make(wasm, settings);
    resume(second.trainer, decodeModel(file, 'a.safetensors'), 'a.safetensors');
    await advance(second.trainer, 1000);
    for (const { trainer } of [first, second]) {
      assert.equal(trainer.history, whole.trainer.history, `saved at ${saved}`);
      assert.equal(await everything(trainer), await everything(whole.trainer));
    }
    first.dispose();
    second.dispose();
  }
  whole.dispose();
  assert.is(wasm.liveBytes, 0);
  await wasm.close();
});

test('a training that is stopped finishes and tells of the steps in work', async () => {
  const wasm = await openWasm({ threads: 1 });
  for (const backend of [wasm, new Asynchronous(wasm)]) {
    const { trainer, dispose } = make(backend, { batchSize: 2 });
    const stop = new AbortController();
    const steps: number[] = [];
    for await (const { step } of trainer.run(stop.signal)) {
      steps.push(step);
      if (step === 3) stop.abort();
    }
    assert.equal(
      steps,
      Array.from(steps, (_, k) => k + 1),
    );
    assert.is(trainer.step, steps.length);
    assert.is(trainer.optimizer.steps, steps.length);
    if (backend === wasm) assert.is(steps.length, 3);
    assert.equal((await advance(trainer, 2)).length, 2);
    dispose();
  }
  assert.is(wasm.liveBytes, 0);
  await wasm.close();
});

test('a loss that is not finite leaves the weights before it, however many steps were made since', async () => {
  const wasm = await openWasm({ threads: 1 });
  for (const bad of [1, 4, 8, 9, 11, 12]) {
    const results = [];
    for (const backend of [wasm, new Asynchronous(wasm)]) {
      const { trainer, dispose } = makeFailing(backend, bad, { optimizer: 'adamw', averageDecay: 0.9 });
      const { message } = await rejection(advance(trainer, 1000));
      results.push({ message, position: trainer.position, state: await everything(trainer) });
      dispose();
      assert.is(wasm.liveBytes, 0);
    }
    assert.match(results[1].message, `at step ${bad}, learning rate`);
    assert.match(results[1].message, /not finite is stem\.conv/);
    assert.equal(results[1], results[0]);
    assert.is(results[1].position.step, bad - 1);
  }
  await wasm.close();
});

/** A backend that claims to have halves, and computes in full all the same. */
class Halved extends Asynchronous {
  readonly #computing: Backend;
  constructor(computing: Backend) {
    super(computing);
    this.#computing = computing;
  }
  override get halfRefusal() {
    return undefined;
  }
  override prepare = (...[calls, constants, options]: Parameters<Backend['prepare']>) =>
    this.#computing.prepare(calls, constants, { ...options, half: undefined });
}

test('in mixed precision steps whose gradients are too large are made again with a smaller scale, and end as others do', async () => {
  const wasm = await openWasm({ threads: 1 });
  for (const settings of [{}, { optimizer: 'adamw', learningRate: 0.01, averageDecay: 0.9 }] as const) {
    const full = make(wasm, { batchSize: 2, epochs: 2, ...settings });
    const losses = await advance(full.trainer, 1000);
    for (const failing of [0, 5, 7, 12]) {
      const mixed = make(new Halved(wasm), { batchSize: 2, epochs: 2, precision: 'half', ...settings });
      assert.equal(mixed.trainer.position.lossScale, [{ step: 0, scale: 65536 }]);
      const starts = [
        { step: 0, scale: 1 },
        { step: failing, scale: 2 ** 127 }, // with a gradient above 2, more than float32 holds
      ];
      mixed.trainer.load(await mixed.trainer.state(), { ...mixed.trainer.position, lossScale: starts }, 'a test');
      const mixedLosses = await advance(mixed.trainer, 1000);
      // Powers of two take no digits away, unless a tenth of their inverse, which AdamW multiplies by, is so near to zero.
      if ('optimizer' in settings) assertClose(mixedLosses, losses, 1e-4);
      else {
        assert.equal(mixedLosses, losses, `failing from ${failing} on`);
        assert.equal(await everything(mixed.trainer), await everything(full.trainer));
        assert.equal(mixed.trainer.history, full.trainer.history);
      }
      const { lossScale = [] } = mixed.trainer.position;
      assert.ok(lossScale[lossScale.length - 1].scale < 2 ** 127, JSON.stringify(lossScale));
      assert.ok(lossScale.every(({ step, scale }) => scale === 1 || step >= failing));
      mixed.dispose();
    }
    full.dispose();
  }
  assert.is(wasm.liveBytes, 0);
  await wasm.close();
});

test('mixed precision is saved with its scale, goes on with it, and clips what the loss was not scaled by', async () => {
  const wasm = await openWasm({ threads: 1 });
  const settings = { batchSize: 2, epochs: 2, clip: 0.5, precision: 'half' } as const;
  const [whole, first] = [make(new Halved(wasm), settings), make(new Halved(wasm), settings)];
  const plain = make(wasm, { ...settings, precision: 'full' });
  const losses = await advance(whole.trainer, 1000);
  assertClose(losses, await advance(plain.trainer, 1000), 1e-5);
  for await (const { step } of first.trainer.run()) if (step === 5) break;
  const file = decodeModel(await encodeCheckpoint(first.trainer, {}), 'a.safetensors');
  assert.is(file.training?.settings.precision, 'half');
  assert.equal(file.training?.position.lossScale, [{ step: 0, scale: 65536 }]);
  const second = make(new Halved(wasm), settings);
  resume(second.trainer, file, 'a.safetensors');
  await advance(second.trainer, 1000);
  assert.equal(await everything(second.trainer), await everything(whole.trainer));
  for (const one of [whole, first, plain, second]) one.dispose();
  assert.is(wasm.liveBytes, 0);
  await wasm.close();
});

test('a loss that is not finite in mixed precision leaves the weights before it', async () => {
  const wasm = await openWasm({ threads: 1 });
  for (const bad of [1, 4, 9]) {
    const [failing, before] = [bad, undefined].map((step) =>
      makeFailing(new Halved(wasm), step, { precision: 'half' }),
    );
    const { message } = await rejection(advance(failing.trainer, 1000));
    assert.match(message, new RegExp(`^training stopped: the loss was NaN at step ${bad}; where it began is said`));
    assert.is(failing.trainer.position.step, bad - 1);
    await advance(before.trainer, bad - 1);
    assert.equal(await everything(failing.trainer), await everything(before.trainer));
    failing.dispose();
    before.dispose();
  }
  assert.is(wasm.liveBytes, 0);
  await wasm.close();
});

test('mixed precision is refused where there is none, and with triplets', async () => {
  const wasm = await openWasm({ threads: 1 });
  const refused = (backend: Backend, settings: Partial<TrainingSettings>, classifier?: 'cosine') =>
    thrown(() => make(backend, { precision: 'half', ...settings }, classifier)).message;
  assert.match(refused(wasm, {}), /^wasm: half precision is for GPUs/);
  assert.match(
    refused(new Halved(wasm), { imagesEach: 2, tripletWeight: 1 }),
    /^training: triplets are chosen by what/,
  );
  await wasm.close();
});

test('a checkpoint is a model; a finished one holds weights only, and tells people apart', async () => {
  const backend = await openWasm({ threads: 1 });
  const { network, trainer, dispose } = make(backend, { epochs: 30 });
  await advance(trainer, 3);
  const metadata = { names: JSON.stringify(['Ada', 'Ben', 'Cleo', 'Dan']) };
  const unfinished = await encodeCheckpoint(trainer, metadata);
  miniResNetFrom(backend, decodeModel(unfinished, 'model').model).dispose();
  await advance(trainer, 1000);
  const bytes = await encodeModel(trainer, metadata);
  assert.ok(bytes.length < unfinished.length / 1.5);
  assert.is(decodeModel(bytes, 'model').training, undefined);
  assert.throws(() => resume(trainer, decodeModel(bytes, 'model'), 'model'), /model: .* finished/);

  const people = ClosedSet.open(backend, bytes);
  const faces = images(3, 2);
  const answers = await people.identify(faces.map(({ pixels }) => pixels));
  const right = answers.filter(({ name }, k) => name === people.names[faces[k].label]);
  assert.ok(right.length / faces.length >= 0.9);
  for (const { top, probability } of answers) {
    assert.ok(Math.abs(top.reduce((sum, candidate) => sum + candidate.probability, 0) - 1) < 1e-5);
    assert.is(probability, top[0].probability);
  }
  const few = await encodeModel(trainer, { names: '["Ada"]' });
  assert.throws(() => ClosedSet.open(backend, few, 'm.safetensors'), 'm.safetensors: names 1 of the 4 people');
  people.dispose();
  network.evaluate();
  dispose();
  assert.is(backend.liveBytes, 0);
  await backend.close();
});

test('files that do not fit are refused in one sentence, and nothing is changed', async () => {
  const backend = await openWasm({ threads: 1 });
  const { trainer, network, dispose } = make(backend);
  await advance(trainer, 1);
  const file = await encodeCheckpoint(trainer, {});
  assert.throws(
    () => decodeModel(file.subarray(0, file.length - 100), 'a.safetensors'),
    /^a\.safetensors: is cut short/,
  );
  assert.throws(() => decodeModel(file.subarray(0, 5), 'a.safetensors'), /^a\.safetensors: /);
  const saved = decodeModel(file, 'a.safetensors');
  assert.throws(
    () => miniResNetFrom(backend, { ...saved.model, metadata: { architecture: 'vgg' } }, 'a.safetensors'),
    'a.safetensors: is no mini-resnet, but vgg',
  );
  assert.throws(() => new Trainer(network, plainData([], [])), /0 images are too few/);
  assert.throws(() => new Trainer(network, plainData(images(5, 1), []), { loss: 'arcface' }), /needs a network/);
  const data = plainData(images(5, 1), []);
  assert.throws(() => new Trainer(network, data, { tripletWeight: 1 }), /several images of each person/);
  assert.throws(() => new Trainer(network, data, { imagesEach: 5, batchSize: 8 }), /does not hold two people/);
  dispose();
  await backend.close();
});

test('light is taken off, and a tie is not right', () => {
  const bright = standardized(Float32Array.of(10, 20, 30));
  assert.equal(bright, standardized(Float32Array.of(1, 2, 3)));
  assert.equal([...standardized(Float32Array.of(4, 4))], [0, 0]);
  assert.is(rightIn([1, 2, 3, 3, 0, Number.NaN], [1, 0, 0]), 1);
});

test('an image is judged from both sides, and must be of the size that the network takes', async () => {
  const backend = openReference();
  const { network, trainer, dispose } = make(backend);
  await advance(trainer, 3);
  const faces = images(2, 9).map(({ pixels }) => pixels);
  const logits = async (pixels: Float32Array) => {
    using _ = scope();
    return network.evaluate().forward(imagesTensor(network, pixels)).data();
  };
  const plain = stacked(faces);
  const [left, right] = [await logits(plain), await logits(mirror(plain, SHAPE))];
  const both = await (() => {
    using _ = scope();
    return logitsOfBothSides(network, plain).data();
  })();
  assertClose(
    both,
    Array.from(left, (value, k) => (value + right[k]) / 2),
    1e-12,
  );
  assert.equal(
    mirror(Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8), { width: 2, channels: 2 }),
    Float32Array.of(3, 4, 1, 2, 7, 8, 5, 6),
  );
  const error = await rejection(evaluate(network, [{ pixels: new Float32Array(7), label: 0 }]));
  assert.instance(error, ShapeError);
  assert.match(error.message, /7 numbers are no whole images of 12 x 10 x 1/);
  dispose();
  assert.is(backend.liveBytes, 0);
});

test.run();
