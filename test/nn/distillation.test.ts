import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openReference } from '../../src/kernels/reference/backend';
import { openWasm } from '../../src/kernels/wasm/backend';
import { decodeModel, encodeCheckpoint, encodeModel, resume } from '../../src/nn/checkpoint';
import { cosineDistillation, relationalDistillation } from '../../src/nn/distillation';
import { evaluateStudent, type LabelledImage } from '../../src/nn/evaluation';
import { MiniResNet, miniResNetFrom } from '../../src/nn/mini-resnet';
import { plainData, Trainer, type TrainingData } from '../../src/nn/trainer';
import type { TrainingSettings } from '../../src/nn/training-settings';
import { parameter } from '../../src/tensor/autograd';
import { random } from '../../src/tensor/random';
import { scope } from '../../src/tensor/scope';
import { Tensor } from '../../src/tensor/tensor';
import { testOnEachDevice } from '../helpers/devices';
import { assertClose, rejection, thrown } from '../helpers/numbers';
import { assertGradients } from './differences';

const test = suite('distillation');

testOnEachDevice(test, 'the losses are what they are by hand', async (backend) => {
  using _ = scope();
  // Cosines to the teacher are 0.6 and 1; between the two images the student has 0.8 and the teacher 0.
  const student = Tensor.from(backend, [3, 4, 0, 2], [2, 2]);
  const teacher = Tensor.from(backend, [5, 0, 0, 1], [2, 2]);
  assertClose(await cosineDistillation(student, teacher).data(), [0.2], 1e-6);
  assertClose(await relationalDistillation(student, teacher).data(), [(2 * 0.64) / 4], 1e-6);
  // The teacher's directions may be others, and of another length: only how they lie to one another counts.
  const turned = Tensor.from(backend, [0, 0, 7, 0, 1, 0], [2, 3]);
  assertClose(await relationalDistillation(student, turned).data(), [0.32], 1e-6);
});

for (const [name, loss] of Object.entries({ cosineDistillation, relationalDistillation }))
  test(`${name}: gradients equal central differences`, async () => {
    using _ = scope();
    const backend = openReference();
    const draw = random(2);
    const normal = () => Float64Array.from({ length: 20 }, () => draw.normal());
    const [student, teacher] = [parameter(backend, normal(), [4, 5]), Tensor.from(backend, normal(), [4, 5])];
    await assertGradients(new Map([['embeddings', student]]), () => loss(student, teacher));
  });

test('what does not fit together is refused', () => {
  using _ = scope();
  const backend = openReference();
  const [a, b] = [Tensor.from(backend, [1, 2, 3, 4], [2, 2]), Tensor.from(backend, [1, 2, 3], [1, 3])];
  assert.match(thrown(() => cosineDistillation(a, b)).message, /embeddings \[2,2\] and the teacher's \[1,3\] differ/);
  assert.match(thrown(() => relationalDistillation(a, b)).message, /2 embeddings for 1 of the teacher's/);
});

const SHAPE = { height: 12, width: 10, channels: 1 };
const LENGTH = 6;

/** Each image has a pattern, its own noise, and what a teacher drawn at random makes of its pattern. */
function images(each: number, seed: number): (LabelledImage & { target: Float32Array })[] {
  const [teacher, noise] = [random(7), random(seed)];
  const draw = (length: number) => Float32Array.from({ length }, () => teacher.normal());
  const patterns = Array.from({ length: 8 }, () => ({ face: draw(120), target: draw(LENGTH) }));
  return patterns.flatMap(({ face, target }, label) =>
    Array.from({ length: each }, () => ({
      label,
      target,
      pixels: face.map((value) => value + 0.3 * noise.normal()),
    })),
  );
}

function taught(): TrainingData {
  const [train, held] = [images(4, 1), images(2, 2)];
  return { ...plainData(train, held), targets: train.map(({ target }) => target) };
}

const TAUGHT = {
  identityWeight: 0,
  teacherWeight: 1,
  relationWeight: 2,
  optimizer: 'adamw',
  learningRate: 0.01,
} as const;

async function withTrainer(
  options: { data?: TrainingData; settings?: Partial<TrainingSettings>; classes?: number },
  use: (trainer: Trainer) => Promise<void>,
) {
  const backend = await openWasm({ threads: 1 });
  const { data = taught(), settings, classes = 0 } = options;
  const sizes = { input: SHAPE, widths: [4, 8], depths: [1, 1], embedding: LENGTH, classes };
  const network = new MiniResNet({ backend, random: random(3) }, sizes);
  const trainer = new Trainer(network, data, { epochs: 16, batchSize: 8, ...TAUGHT, ...settings });
  try {
    await use(trainer);
  } finally {
    trainer.dispose();
    network.dispose();
    await backend.close();
  }
}

async function advance(trainer: Trainer, until = trainer.steps) {
  for await (const _ of trainer.run(undefined, until));
}

test('a student comes to say what a fixed teacher says, also of images that it has not seen', async () => {
  await withTrainer({}, async (trainer) => {
    const held = images(2, 2);
    const before = await evaluateStudent(trainer.network, held);
    await advance(trainer);
    const after = await evaluateStudent(trainer.network, held);
    assert.ok(before.loss > 0.6, `a loss of ${before.loss} before`);
    assert.ok(after.loss < 0.25, `a loss of ${after.loss} after`);
    // Images of one pattern have one target, which is then no nearer than itself.
    assert.is(after.accuracy, 0);
    const [last] = trainer.history.slice(-1);
    assertClose([last.testLoss], [after.loss], 1e-6);
    assert.ok(last.loss < trainer.history[0].loss / 2);
    assert.is(trainer.network.classifier, undefined);
    const [{ backend }] = trainer.network.parameters().values();
    using _ = scope();
    const image = Tensor.from(backend, new Float32Array(120), [1, 12, 10, 1]);
    assert.match(thrown(() => trainer.network.forward(image)).message, /has no classifier/);
  });
});

test('going on from a checkpoint gives the very numbers of an undisturbed run', async () => {
  const settings = { epochs: 3, averageDecay: 0.9 };
  let whole: Uint8Array | undefined;
  let part: Uint8Array | undefined;
  await withTrainer({ settings }, async (trainer) => {
    await advance(trainer);
    whole = await encodeModel(trainer, { names: '[]' });
  });
  await withTrainer({ settings }, async (trainer) => {
    await advance(trainer, 5);
    part = await encodeCheckpoint(trainer, { names: '[]' });
  });
  const backend = await openWasm({ threads: 1 });
  const file = decodeModel(part ?? new Uint8Array(), 'part');
  const network = miniResNetFrom(backend, file.model);
  const trainer = new Trainer(network, taught(), file.training?.settings);
  resume(trainer, file, 'part');
  await advance(trainer);
  assert.equal(await encodeModel(trainer, { names: '[]' }), whole);
  trainer.dispose();
  network.dispose();
  await backend.close();
});

test('names and a teacher can be learnt together', async () => {
  await withTrainer({ classes: 8, settings: { identityWeight: 0.5 } }, async (trainer) => {
    await advance(trainer);
    const { history } = trainer;
    assert.ok(history[history.length - 1].loss < history[0].loss / 2);
  });
});

test('settings that cannot be trained with are refused in one sentence', async () => {
  const short = { ...taught(), targets: images(4, 1).map(() => new Float32Array(3)) };
  const cases: [Parameters<typeof withTrainer>[0], RegExp][] = [
    [{ data: plainData(images(4, 1), []) }, /there is no teacher to learn from/],
    [{ data: short }, /the teacher's embeddings have 3 numbers, the network's 6/],
    [{ settings: { identityWeight: 1 } }, /has no classifier, and cannot learn names/],
    [{ settings: { teacherWeight: 0, relationWeight: 0 } }, /nothing is to be learnt/],
  ];
  for (const [options, sentence] of cases)
    assert.match((await rejection(withTrainer(options, async () => {}))).message, sentence);
});

test.run();
