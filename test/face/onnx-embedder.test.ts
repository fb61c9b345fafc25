import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type BoxCrop, boxTransform } from '../../src/face/align';
import type { RawImage } from '../../src/face/image';
import { openModel } from '../../src/face/model';
import { ModelEmbedder } from '../../src/face/model-embedder';
import { exportModel } from '../../src/face/onnx';
import {
  calibratedCompanion,
  companionPath,
  OnnxEmbedder,
  type OnnxEmbedderFile,
  readCompanion,
} from '../../src/face/onnx-embedder';
import { FacePipeline } from '../../src/face/pipeline';
import { CROPS, PRESETS, type Preprocessing, preparedViews } from '../../src/face/preprocessing';
import type { Calibration } from '../../src/face/verify';
import { cutChip } from '../../src/face/warp';
import type { Backend } from '../../src/kernels/backend';
import { openWasm } from '../../src/kernels/wasm/backend';
import { encodeOnnx } from '../../src/nn/onnx';
import { random } from '../../src/tensor/random';
import { readSafetensors, writeSafetensors } from '../../src/tensor/safetensors';
import { drawnChip, trainModel } from '../helpers/model';
import { assertClose, rejection } from '../helpers/numbers';
import { type OnnxFile, onnxFile } from '../helpers/onnx-files';
import { samplePhoto } from '../helpers/photos';

const test = suite("embedding with other people's networks");

const SIDE = 6;
let backend: Backend;
let folder = '';
test.before(async () => {
  backend = await openWasm({ threads: 1 });
  folder = await mkdtemp(join(tmpdir(), 'likeness-embedder-'));
});
test.after(async () => {
  await backend.close();
  await rm(folder, { recursive: true });
});

/** A network whose embedding is what it is shown, number by number: in ONNX's order, channels before height and width. */
const whatItSees = ({ batch = null, metadata = {}, channels = 3 }: Partial<Seeing> = {}): Uint8Array =>
  onnxFile({
    inputs: { data: [batch, channels, SIDE, SIDE] },
    outputs: { fc1: [batch, channels * SIDE * SIDE] },
    nodes: [['Flatten', ['data'], ['fc1'], { axis: 1 }]],
    metadata,
  });
interface Seeing {
  batch: number | null;
  metadata: Record<string, string>;
  channels: 1 | 3;
}

const generator = random(11);
const noise = (width: number, height: number): RawImage => ({
  width,
  height,
  data: Uint8Array.from({ length: 4 * width * height }, () => generator.below(256)),
});

/** [height, width, channels] as [channels, height, width]. */
const channelsFirst = (view: Float32Array, channels: number): number[] =>
  Array.from({ length: channels }, (_, k) => [...view].filter((_, at) => at % channels === k)).flat();

async function withEmbedder(file: OnnxEmbedderFile, use: (embedder: OnnxEmbedder) => Promise<void>): Promise<void> {
  const before = backend.liveBytes;
  const embedder = await OnnxEmbedder.open(backend, file);
  await use(embedder);
  await embedder.dispose();
  assert.is(backend.liveBytes, before, 'bytes were left behind');
}

const expectSeen = (embedding: { embedding: Float32Array; norm: number }, expected: readonly number[]) =>
  assertClose(
    [...embedding.embedding].map((value) => value * embedding.norm),
    expected,
    1e-5,
  );

test('the network is shown each family its way, whatever the order of colours', async () => {
  const chip = noise(SIDE, SIDE);
  const onnx = whatItSees();
  for (const [file, preprocessing] of [
    [{ template: 'arcface' }, PRESETS.arcface],
    [
      { template: 'sface', channels: 'BGR' },
      { ...PRESETS.sface, channels: 'BGR' },
    ],
    [
      { template: 'mobilefacenet', range: [-2, 3] },
      { ...PRESETS.mobilefacenet, range: [-2, 3] },
    ],
  ] satisfies [Partial<OnnxEmbedderFile>, Preprocessing][])
    await withEmbedder({ onnx, ...file }, async (embedder) => {
      assert.is(embedder.dimension, 3 * SIDE * SIDE);
      assert.is(embedder.template, CROPS.arcface);
      const shown = { ...preprocessing, width: SIDE, height: SIDE };
      assert.equal(embedder.preprocessing, shown);
      const [embedding] = await embedder.embedChips([chip], false);
      expectSeen(embedding, channelsFirst(preparedViews(chip, shown, false)[0], 3));
    });
});

test("flip: the mean of what it sees of the face and of its mirror image; many faces, the network's batch open or not", async () => {
  const chips = Array.from({ length: 9 }, () => noise(SIDE, SIDE));
  for (const batch of [null, 1])
    await withEmbedder({ onnx: whatItSees({ batch }), template: 'sface' }, async (embedder) => {
      await embedder.prepare();
      const embeddings = await embedder.embedChips(chips, true);
      assert.is(embeddings.length, chips.length);
      for (const [k, embedding] of embeddings.entries()) {
        const [face, mirrored] = preparedViews(chips[k], embedder.preprocessing, true);
        expectSeen(
          embedding,
          channelsFirst(
            face.map((value, at) => (value + mirrored[at]) / 2),
            3,
          ),
        );
      }
    });
});

test('a network that has channels last, and a grey one', async () => {
  const chip = noise(SIDE, SIDE);
  const last = onnxFile({
    inputs: { image: [null, SIDE, SIDE, 3] },
    outputs: { embeddings: [null, null] },
    nodes: [['Flatten', ['image'], ['embeddings'], { axis: 1 }]],
  });
  await withEmbedder({ onnx: last, template: 'facenet' }, async (embedder) => {
    assert.is(embedder.dimension, 3 * SIDE * SIDE);
    assert.is(embedder.template, CROPS.box);
    const [embedding] = await embedder.embedChips([chip], false);
    expectSeen(embedding, [...preparedViews(chip, embedder.preprocessing, false)[0]]);
  });
  await withEmbedder({ onnx: whatItSees({ channels: 1 }), template: 'sface' }, async (embedder) => {
    assert.is(embedder.preprocessing.channels, 'GRAY');
    const [embedding] = await embedder.embedChips([chip], false);
    expectSeen(embedding, [...preparedViews(chip, embedder.preprocessing, false)[0]]);
  });
});

const CALIBRATION: Calibration = { threshold: 1.1, slope: 20, centre: 1.1, falseMatchRate: 0.01 };

test("our exporter's file needs no template, and gives what the model gives, with its calibration", async () => {
  const trained = await trainModel(backend, { epochs: 1 });
  const { tensors, metadata } = readSafetensors(trained.bytes);
  const calibration = JSON.stringify({ flip: CALIBRATION });
  const bytes = writeSafetensors(tensors, { ...metadata, calibration });
  const onnx = encodeOnnx(await exportModel(backend, bytes, 'model'));
  const chips = [1, 2, 3].map(drawnChip);
  const model = new ModelEmbedder(backend, openModel(backend, bytes));
  const expected = await model.embedChips(chips, true);
  await model.dispose();
  await withEmbedder({ onnx }, async (embedder) => {
    assert.is(embedder.dimension, model.dimension);
    assert.equal(embedder.calibrations, { flip: CALIBRATION });
    const embeddings = await embedder.embedChips(chips, true);
    for (const [k, { embedding, norm }] of embeddings.entries()) {
      assertClose(embedding, expected[k].embedding, 1e-4);
      assertClose([norm], [expected[k].norm], 1e-4);
    }
  });
  await withEmbedder({ onnx, range: [0, 1] }, async (embedder) => assert.equal(embedder.calibrations, {}));
});

test('what stands beside a network says how it wants its faces and what distances mean, of such faces only', async () => {
  const onnx = join(folder, 'net.onnx');
  await writeFile(onnx, whatItSees());
  const keep = async (mode: 'flip' | 'plain', threshold: number, preprocessing: Preprocessing) => {
    const calibration = { ...CALIBRATION, threshold };
    await writeFile(
      companionPath(onnx),
      calibratedCompanion(await readCompanion(onnx), preprocessing, mode, calibration),
    );
    return calibration;
  };
  assert.equal(await readCompanion(onnx), {});
  let known: Preprocessing | undefined;
  await withEmbedder({ onnx, template: 'arcface' }, async ({ calibrations, preprocessing }) => {
    assert.equal(calibrations, {});
    known = preprocessing;
  });
  assert.ok(known);
  const flip = await keep('flip', 1.2, known);
  const plain = await keep('plain', 1.3, known);
  await withEmbedder({ onnx }, async ({ calibrations, preprocessing }) => {
    assert.equal(preprocessing, known);
    assert.equal(calibrations, { flip, plain });
  });
  await withEmbedder({ onnx, template: 'arcface' }, async ({ calibrations }) => {
    assert.equal(calibrations, { flip, plain });
  });
  await withEmbedder({ onnx, template: 'sface' }, async ({ calibrations, preprocessing }) => {
    assert.equal(calibrations, {});
    const other = await keep('flip', 1.4, preprocessing);
    assert.equal(await readCompanion(onnx), { preprocessing, calibration: { flip: other } });
  });
  await writeFile(companionPath(onnx), '{"preprocessing": 3}');
  assert.match(
    (await rejection(OnnxEmbedder.open(backend, { onnx }))).message,
    /net\.onnx\.json: says how faces are to be prepared in a way that cannot be understood$/,
  );
});

test('weights that lie beside the file are read, and tell networks apart; from elsewhere nothing is', async () => {
  const onnx = join(folder, 'apart.onnx');
  const shifted = (location: string) =>
    onnxFile({
      inputs: { data: [1, 3, SIDE, SIDE] },
      outputs: { fc1: [1, 108] },
      constants: { shift: { shape: [1], outside: location } },
      nodes: [
        ['Add', ['data', 'shift'], ['moved']],
        ['Flatten', ['moved'], ['fc1'], { axis: 1 }],
      ],
    });
  const chip = noise(SIDE, SIDE);
  const names = new Set<string>();
  await writeFile(onnx, shifted('apart.bin'));
  for (const shift of [1, 2]) {
    await writeFile(join(folder, 'apart.bin'), new Uint8Array(Float32Array.of(shift).buffer));
    for (const source of [onnx, pathToFileURL(onnx)])
      await withEmbedder({ onnx: source, template: 'sface' }, async (embedder) => {
        names.add(embedder.name);
        const [embedding] = await embedder.embedChips([chip], false);
        const [view] = preparedViews(chip, embedder.preprocessing, false);
        expectSeen(
          embedding,
          channelsFirst(view, 3).map((value) => value + shift),
        );
      });
  }
  assert.is(names.size, 2);
  await mkdir(join(folder, 'inside'));
  await symlink(join(folder, 'apart.bin'), join(folder, 'inside', 'link.bin'));
  for (const [location, expected] of [
    ['../apart.bin', /outside of the model's folder/],
    ['link.bin', /leads out of its folder/],
    ['missing.bin', /does not lie beside it/],
  ] as const) {
    const inside = join(folder, 'inside', 'net.onnx');
    await writeFile(inside, shifted(location));
    assert.match((await rejection(OnnxEmbedder.open(backend, { onnx: inside, template: 'sface' }))).message, expected);
  }
  const handedOver = OnnxEmbedder.open(backend, { onnx: shifted('apart.bin'), template: 'sface' });
  assert.match((await rejection(handedOver)).message, /hand it over as a path, not as bytes$/);
});

test('a name for each network and each way to show it faces', async () => {
  const names = new Set<string>();
  for (const file of [
    { onnx: whatItSees(), template: 'arcface' },
    { onnx: whatItSees(), template: 'arcface' },
    { onnx: whatItSees(), template: 'sface' },
    { onnx: whatItSees(), template: 'arcface', channels: 'BGR' },
    { onnx: whatItSees({ batch: 1 }), template: 'arcface' },
  ] satisfies OnnxEmbedderFile[])
    await withEmbedder(file, async ({ name }) => {
      assert.match(name, /^onnx [0-9a-f]{8}$/);
      names.add(name);
    });
  assert.is(names.size, 4);
});

test('in a pipeline: the box of a face, stretched to a square, is what the network sees', async () => {
  const photo = await samplePhoto('sample3.jpg');
  const embedder: OnnxEmbedderFile = { onnx: whatItSees(), template: 'facenet' };
  await using pipeline = await FacePipeline.open({ device: 'wasm', threads: 1, embedder, flip: false });
  assert.equal(pipeline.model.preprocessing, { ...PRESETS.facenet, width: SIDE, height: SIDE });
  const faces = await pipeline.embed(photo);
  assert.is(faces.length, 3);
  const crop = CROPS.box;
  const isBox = (template: object): template is BoxCrop => 'margin' in template;
  assert.ok(isBox(crop));
  for (const { box, chip, embedding, norm } of faces) {
    assert.equal(chip, await cutChip(backend, photo, boxTransform(box, crop), 160));
    const shown = preparedViews(chip, { ...PRESETS.facenet, width: SIDE, height: SIDE }, false)[0];
    expectSeen({ embedding, norm }, channelsFirst(shown, 3));
  }
  const [aligned] = await pipeline.align(photo);
  assert.equal([aligned.chip.width, aligned.chip.height], [160, 160]);
});

test('what is no embedder is refused in one sentence', async () => {
  const file = (change: Partial<OnnxFile>) =>
    onnxFile({
      inputs: { data: [1, 3, SIDE, SIDE] },
      outputs: { fc1: [1, 108] },
      nodes: [['Flatten', ['data'], ['fc1'], { axis: 1 }]],
      ...change,
    });
  const cases: [OnnxEmbedderFile, RegExp][] = [
    [{ onnx: join(folder, 'missing.onnx'), template: 'arcface' }, /missing\.onnx does not exist$/],
    [{ onnx: Uint8Array.of(1, 2, 3), template: 'arcface' }, /^the embedder: /],
    [{ onnx: file({}) }, /^the embedder: does not say how it wants its faces; name the family .*--template\)$/],
    [
      { onnx: file({ inputs: { data: [2, 3, SIDE, SIDE] }, outputs: { fc1: [2, 108] } }), template: 'arcface' },
      /looks at 2 pictures at once/,
    ],
    [
      { onnx: file({ inputs: { data: [1, 4, SIDE, SIDE] }, outputs: { fc1: [1, 144] } }), template: 'arcface' },
      /its input is \[1, 4, 6, 6\]; a network that looks at pictures takes/,
    ],
    [
      { onnx: file({ inputs: { data: [1, 3, SIDE, SIDE], more: [1] } }), template: 'arcface' },
      /has 2 inputs; a network that looks at pictures has one/,
    ],
    [
      {
        onnx: file({ outputs: { fc1: [1, 3, SIDE, SIDE] }, nodes: [['Relu', ['data'], ['fc1']]] }),
        template: 'arcface',
      },
      /its output fc1 \[1, 3, 6, 6\] is no embedding/,
    ],
    [{ onnx: file({ metadata: { preprocessing: '{' } }) }, /says how faces are to be prepared in a way that cannot be/],
  ];
  const before = backend.liveBytes;
  for (const [wrong, expected] of cases) {
    const { message } = await rejection(OnnxEmbedder.open(backend, wrong));
    assert.match(message, expected);
    assert.not.match(message, '\n');
  }
  assert.is(backend.liveBytes, before);
  assert.match(
    (await rejection(FacePipeline.open({ device: 'wasm', model: Uint8Array.of(1), embedder: { onnx: file({}) } })))
      .message,
    /not both$/,
  );
});

test.run();
