import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { loadFolder } from '../../src/face/dataset-folder';
import { encodePng } from '../../src/face/image';
import { openModel } from '../../src/face/model';
import { calibrateModel, ModelEmbedder } from '../../src/face/model-embedder';
import { FacePipeline, type PipelineOptions } from '../../src/face/pipeline';
import { cosineSimilarity, euclideanDistance } from '../../src/face/verify';
import type { Backend } from '../../src/kernels/backend';
import { openWasm } from '../../src/kernels/wasm/backend';
import { imagesTensor, stacked } from '../../src/nn/evaluation';
import { noGradient } from '../../src/tensor/autograd';
import { readSafetensors, writeSafetensors } from '../../src/tensor/safetensors';
import { scope } from '../../src/tensor/scope';
import { drawnChip, type TrainedModel, trainModel } from '../helpers/model';
import { assertClose, rejection } from '../helpers/numbers';
import { cropAround, mirrorImage, SAMPLE_FACES, samplePhoto } from '../helpers/photos';

const test = suite('embedding with a trained model');
const WASM: PipelineOptions = { device: 'wasm', threads: 1 };

let backend: Backend;
let trained: TrainedModel;
let folder = '';
test.before(async () => {
  backend = await openWasm({ threads: 1 });
  trained = await trainModel(backend);
  folder = await mkdtemp(join(tmpdir(), 'likeness-model-'));
});
test.after(async () => {
  await backend.close();
  await rm(folder, { recursive: true });
});

async function withPipeline(options: PipelineOptions, use: (pipeline: FacePipeline) => Promise<void>): Promise<void> {
  await using pipeline = await FacePipeline.open({ ...WASM, ...options });
  await use(pipeline);
}

const faceOf = async (photo: string, face: number) => cropAround(await samplePhoto(photo), SAMPLE_FACES[photo][face]);

/** The model with other metadata. */
function changed(metadata: Record<string, string>): Uint8Array {
  const file = readSafetensors(trained.bytes);
  return writeSafetensors(file.tensors, { ...file.metadata, ...metadata });
}

test('the plan gives what the network gives, made length 1, and disposing frees everything', async () => {
  const held = backend.liveBytes;
  const model = openModel(backend, trained.bytes);
  const images = trained.test.examples.slice(0, 11).map(({ pixels }) => pixels);
  const eager = await noGradient(() => {
    using _ = scope();
    return model.network.embed(imagesTensor(model.network, stacked(images))).data();
  });
  const embedder = new ModelEmbedder(backend, model);
  const embeddings = await embedder.embedPixels(images, false);
  for (const [k, { embedding, norm }] of embeddings.entries()) {
    assert.is(embedding.length, embedder.dimension);
    const expected = Array.from(eager.slice(32 * k, 32 * (k + 1)));
    assertClose([norm], [Math.hypot(...expected)], 1e-4);
    assertClose(
      embedding,
      expected.map((value) => value / norm),
      1e-4,
    );
  }
  await embedder.dispose();
  assert.is(backend.liveBytes, held);
});

test('a photo is cut as for training: the same embedding as of the pixels that training reads', async () => {
  await mkdir(join(folder, 'people', 'Ada'), { recursive: true });
  await mkdir(join(folder, 'people', 'Ben'), { recursive: true });
  const [ada, ben] = [await faceOf('sample3.jpg', 0), await faceOf('sample6.jpg', 0)];
  for (const [name, photo] of [
    ['Ada/1', ada],
    ['Ada/2', mirrorImage(ada)],
    ['Ben/1', ben],
  ] as const)
    await writeFile(join(folder, 'people', `${name}.png`), await encodePng(photo));
  const { height, width, channels } = trained.test;
  const { examples } = await loadFolder(join(folder, 'people'), { height, width, channels, pipeline: WASM });
  const embedder = new ModelEmbedder(backend, openModel(backend, trained.bytes));
  const expected = await embedder.embedPixels(
    examples.map(({ pixels }) => pixels),
    true,
  );
  await withPipeline({ model: trained.bytes }, async (pipeline) => {
    for (const [k, photo] of [ada, mirrorImage(ada), ben].entries()) {
      const [face, ...others] = await pipeline.embed(photo);
      assert.is(others.length, 0);
      assert.equal([face.chip.width, face.chip.height], [112, 112]);
      assertClose(face.embedding, expected[k].embedding, 1e-5);
      const aligned = await pipeline.embedAligned(face.chip);
      assertClose(aligned.embedding, face.embedding, 1e-6);
    }
  });
  await embedder.dispose();
});

test('flip: an embedding that does not change when the chip is mirrored', async () => {
  const chip = drawnChip(8);
  await withPipeline({ model: trained.bytes }, async (pipeline) => {
    const [there, back] = [await pipeline.embedAligned(chip), await pipeline.embedAligned(mirrorImage(chip))];
    assertClose(back.embedding, there.embedding, 1e-5);
  });
  await withPipeline({ model: trained.bytes, flip: false }, async (pipeline) => {
    const [there, back] = [await pipeline.embedAligned(chip), await pipeline.embedAligned(mirrorImage(chip))];
    assert.ok(cosineSimilarity(there.embedding, back.embedding) < 1 - 1e-4);
  });
});

test('opened by path, URL and bytes; the pipeline says which model it embeds with', async () => {
  const path = join(folder, 'model.safetensors');
  await writeFile(path, trained.bytes);
  const names = new Set<string>();
  for (const model of [path, pathToFileURL(path), trained.bytes, Uint8Array.from(trained.bytes).buffer])
    await withPipeline({ model }, async (pipeline) => {
      assert.is(pipeline.model.dimension, 32);
      names.add(pipeline.model.name);
    });
  const [name, ...others] = names;
  assert.match(name, /^mini-resnet [0-9a-f]{8}$/);
  assert.is(others.length, 0);
  const { tensors, metadata } = readSafetensors(trained.bytes);
  const bias = tensors.get('classifier.bias');
  assert.ok(bias);
  const other = new Map(tensors).set('classifier.bias', { ...bias, values: bias.values.map((value) => value + 1) });
  await withPipeline({ model: writeSafetensors(other, metadata) }, async (pipeline) =>
    assert.is.not(pipeline.model.name, name),
  );
  await withPipeline({}, async (pipeline) => {
    assert.equal(pipeline.model, { name: 'dlib face ResNet', dimension: 128 });
    assert.match((await rejection(pipeline.identify(drawnChip(1)))).message, 'only a trained model knows people');
  });
});

test('calibrated on its test images, it tells drawn people apart; the name stays', async () => {
  const { bytes, calibrations } = await calibrateModel(backend, trained.bytes, trained.test.examples);
  const { flip, plain } = calibrations;
  assert.ok(flip && plain);
  for (const { threshold, centre, slope, falseMatchRate } of [flip, plain]) {
    assert.ok(threshold > 0 && threshold < 2 && slope > 0 && centre === threshold);
    assert.ok(Number(falseMatchRate) <= 0.01);
  }
  const model = openModel(backend, bytes);
  assert.equal(model.calibrations, calibrations);
  assert.equal(readSafetensors(bytes).tensors, readSafetensors(trained.bytes).tensors);
  const embedder = new ModelEmbedder(backend, model);
  const { examples } = trained.test;
  const embeddings = await embedder.embedPixels(
    examples.map(({ pixels }) => pixels),
    true,
  );
  let matches = 0;
  let pairs = 0;
  for (const [i, a] of embeddings.entries())
    for (const [j, b] of embeddings.slice(0, i).entries())
      if (examples[i].label === examples[j].label) {
        pairs++;
        if (euclideanDistance(a.embedding, b.embedding) <= flip.threshold) matches++;
      }
  assert.ok(matches / pairs > 0.3, `${matches} of ${pairs} pairs of one person match`);
  await embedder.dispose();
  await withPipeline({ model: bytes }, async (pipeline) => {
    const face = await faceOf('sample3.jpg', 0);
    const { same, threshold, probability } = await pipeline.verify(face, face);
    assert.ok(same && Number(probability) > 0.5);
    assert.is(threshold, flip.threshold);
  });
});

test('without a calibration, a threshold is asked for; with one there is no probability', async () => {
  await withPipeline({ model: trained.bytes }, async (pipeline) => {
    const face = await faceOf('sample3.jpg', 0);
    assert.match((await rejection(pipeline.verify(face, face))).message, /never calibrated.*--threshold/);
    const result = await pipeline.verify(face, face, { threshold: 0.5 });
    assert.ok(result.same && result.threshold === 0.5 && !('probability' in result));
  });
});

test('identify: names, most probable first, together 1', async () => {
  await withPipeline({ model: trained.bytes }, async (pipeline) => {
    const found = await pipeline.identify(await faceOf('sample3.jpg', 0));
    assert.is(found.length, 1);
    const [aligned] = await pipeline.identify(drawnChip(2), { aligned: true });
    assert.equal(aligned.box, [0, 0, 112, 112]);
    for (const { name, probability, top } of [...found, aligned]) {
      assert.is(top.length, 5);
      assert.equal({ name, probability }, top[0]);
      assert.ok(top.every((candidate, k) => k === 0 || candidate.probability <= top[k - 1].probability));
      assert.ok(top.reduce((sum, candidate) => sum + candidate.probability, 0) <= 1 + 1e-6);
      assert.ok(trained.test.names.includes(name));
    }
  });
});

test('what is no model is refused in one sentence, and no device stays open', async () => {
  const { metadata } = readSafetensors(trained.bytes);
  const options = JSON.stringify({ ...JSON.parse(metadata.options), widths: [6, 12, 24, 40] });
  const cases: [Uint8Array | string, RegExp][] = [
    [join(folder, 'missing'), /missing does not exist; likeness train makes a model$/],
    [folder, /is a folder; likeness train makes a model$/],
    [trained.bytes.subarray(0, 5), /^the model: is too short/],
    [trained.bytes.subarray(0, 4000), /^the model: is cut short/],
    [changed({ architecture: 'resnet50' }), /^the model: is no mini-resnet, but resnet50$/],
    [changed({ options }), /^the model: .* this network needs/],
    [changed({ names: '["Ada"]' }), /^the model: names 1 of the 6 people/],
    [changed({ names: 'Ada' }), /^the model: names none of the 6 people/],
    [changed({ calibration: '{"flip":3}' }), /^the model: holds a calibration that cannot be understood$/],
  ];
  for (const [model, expected] of cases) {
    const { message } = await rejection(FacePipeline.open({ ...WASM, model }));
    assert.match(message, expected);
    assert.not.match(message, '\n');
  }
});

test.run();
