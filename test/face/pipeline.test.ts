import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { chipTransform, DLIB_TEMPLATE, distanceApart, type Point } from '../../src/face/align';
import { type Box, intersectionOverUnion } from '../../src/face/boxes';
import { ImageError, type ImageSource, type RawImage } from '../../src/face/image';
import { drawMask, randomMask } from '../../src/face/mask';
import {
  type AlignedFace,
  type EmbeddedFace,
  FacePipeline,
  type PhotoResult,
  type PipelineOptions,
} from '../../src/face/pipeline';
import { cosineSimilarity } from '../../src/face/verify';
import { openDevice } from '../../src/tensor/device';
import { random } from '../../src/tensor/random';
import { testDevices, testGpu } from '../helpers/devices';
import { requestTestDevice } from '../helpers/gpu';
import { withOrientation } from '../helpers/image-files';
import { assertClose, rejection } from '../helpers/numbers';
import {
  cropAround,
  halved,
  jpegOf,
  mirrorImage,
  plain,
  SAMPLE_FACES,
  samplePath,
  samplePhoto,
  turned,
} from '../helpers/photos';

const test = suite('the pipeline');

const PHOTO = 'sample3.jpg'; // three faces that look at the camera
let opening: Promise<FacePipeline> | undefined;

/** One pipeline for all tests that do not close it. */
const shared = (): Promise<FacePipeline> => {
  opening ??= FacePipeline.open({ device: 'wasm', threads: 2 });
  return opening;
};
test.after(async () => (await shared())[Symbol.asyncDispose]());

async function withPipeline(options: PipelineOptions, use: (pipeline: FacePipeline) => Promise<void>): Promise<void> {
  const pipeline = await FacePipeline.open(options);
  await use(pipeline);
  await pipeline[Symbol.asyncDispose]();
}

const fromLeft = (faces: readonly EmbeddedFace[]) => [...faces].sort((a, b) => a.box[0] - b.box[0]);

/** One face cut out of a sample photo. */
const faceOf = async (photo: string, face: number): Promise<RawImage> =>
  cropAround(await samplePhoto(photo), SAMPLE_FACES[photo][face]);

/** The same faces, up to what other pixels of the same photo make of them. */
function assertSameFaces(actual: readonly EmbeddedFace[], expected: readonly EmbeddedFace[], least: number) {
  assert.is(actual.length, expected.length, 'how many faces');
  for (const [k, { embedding }] of actual.entries()) {
    const cosine = cosineSimilarity(embedding, expected[k].embedding);
    assert.ok(cosine > least, `face ${k}: cosine ${cosine}`);
  }
}

test('half precision is refused where there is none', async () => {
  for (const device of ['reference', 'wasm'] as const)
    assert.match(
      (await rejection(FacePipeline.open({ device, precision: 'half' }))).message,
      `${device}: half precision is for GPUs; open a webgpu device, or compile with full precision`,
    );
});

test('a path, raw RGBA, and bytes give the same faces', async () => {
  const pipeline = await shared();
  const faces = await pipeline.embed(samplePath(PHOTO));
  assert.is(faces.length, 3);
  assert.equal(await pipeline.embed(await samplePhoto(PHOTO)), faces);
  for (const { box, landmarks, points, quality, chip, embedding, norm, score } of faces) {
    assert.is(points.length, 5);
    assert.ok(Object.values(quality).every((value) => value > 0 && value <= 1));
    assert.is(box.length, 4);
    assert.is(landmarks.length, 68);
    assert.equal([chip.width, chip.height, chip.data.length], [150, 150, 4 * 150 * 150]);
    assert.is(embedding.length, 128);
    assertClose([Math.hypot(...embedding)], [1], 1e-6);
    assert.ok(norm > 1 && norm < 2 && score > 0.5 && score <= 1);
  }
  const jpeg = await jpegOf(await samplePhoto(PHOTO));
  assertSameFaces(fromLeft(await pipeline.embed(jpeg)), fromLeft(faces), 0.98);
});

test('faces of too little quality are left out', async () => {
  const pipeline = await shared();
  const photo = await samplePhoto(PHOTO);
  const qualities = (await pipeline.embed(photo)).map(({ quality }) => quality.score).sort();
  const best = await pipeline.embed(photo, { minimumQuality: qualities[2] });
  assert.equal(
    best.map(({ quality }) => quality.score),
    [qualities[2]],
  );
  assert.is((await pipeline.embed(photo, { minimumQuality: qualities[0] })).length, 3);
});

test('aligned by our own five points, the faces are the same people', async () => {
  const photo = await samplePhoto(PHOTO);
  const expected = fromLeft(await (await shared()).embed(photo));
  await using five = await FacePipeline.open({ device: 'wasm', threads: 2, aligner: 'five' });
  const faces = fromLeft(await five.embed(photo));
  assertSameFaces(faces, expected, 0.8);
  assert.not.equal(faces[0].chip, expected[0].chip);
});

test('68 points that a mask has led astray do not align a face, and those that agree with the five do', async () => {
  const pipeline = await shared();
  const photo = await samplePhoto(PHOTO);
  const clean = await pipeline.align(photo);
  const masks = Array.from({ length: 8 }, (_, seed) => randomMask(random(seed), { wearing: 'full' }));
  const masked = await Promise.all(
    masks.map((mask) => pipeline.align(clean.reduce((drawn, face) => drawMask(drawn, face.landmarks, mask), photo))),
  );
  const apart = (face: AlignedFace, points: readonly Point[]) =>
    distanceApart(face.toPhoto, chipTransform(points, DLIB_TEMPLATE), DLIB_TEMPLATE);
  let astray = 0;
  for (const face of [...clean, ...masked.flat()]) {
    const [bySixtyEight, byFive] = [apart(face, face.landmarks), apart(face, face.points)];
    assert.is(Math.min(bySixtyEight, byFive), 0, 'aligned by the one or the other');
    if (byFive === 0) astray++;
    else assert.ok(byFive <= 0.12, `${byFive}`);
    if (byFive === 0) assert.ok(bySixtyEight > 0.1, `${bySixtyEight}`);
  }
  assert.ok(clean.every((face) => apart(face, face.landmarks) === 0));
  assert.ok(astray > 0 && astray < masked.flat().length, `${astray} of ${masked.flat().length}`);
});

test('mirrored, the same faces in mirrored places', async () => {
  const pipeline = await shared();
  const photo = halved(await samplePhoto(PHOTO));
  const faces = fromLeft(await pipeline.embed(photo));
  const mirrored = fromLeft(await pipeline.embed(mirrorImage(photo))).reverse();
  assertSameFaces(mirrored, faces, 0.95);
  for (const [k, { box }] of mirrored.entries())
    assert.ok(Math.abs(photo.width - box[0] - box[2] - faces[k].box[0]) < 15, 'mirrored place');
});

test('turned as a camera turns them, with EXIF that says so: the same faces in the same places', async () => {
  const pipeline = await shared();
  const photo = halved(await samplePhoto(PHOTO));
  const faces = fromLeft(await pipeline.embed(photo));
  // Stored turned one way, to be turned back the other.
  for (const [stored, orientation] of [
    [8, 6],
    [3, 3],
    [5, 5],
  ]) {
    const jpeg = withOrientation(await jpegOf(turned(photo, stored)), orientation);
    const upright = fromLeft(await pipeline.embed(jpeg));
    assertSameFaces(upright, faces, 0.95);
    for (const [k, { box }] of upright.entries()) assertClose(box, faces[k].box, 0.03, `EXIF ${orientation}`);
  }
});

test('a face that is tilted by 20 degrees', async () => {
  const pipeline = await shared();
  const photo = await faceOf(PHOTO, 1);
  const side = Math.max(photo.width, photo.height);
  const tilted: RawImage = { width: side, height: side, data: new Uint8Array(4 * side * side) };
  const [cosine, sine] = [Math.cos(Math.PI / 9), Math.sin(Math.PI / 9)];
  for (let y = 0; y < side; y++)
    for (let x = 0; x < side; x++) {
      const [dx, dy] = [x - side / 2, y - side / 2];
      const px = Math.round(photo.width / 2 + cosine * dx - sine * dy);
      const py = Math.round(photo.height / 2 + sine * dx + cosine * dy);
      if (px < 0 || py < 0 || px >= photo.width || py >= photo.height) continue;
      const from = 4 * (py * photo.width + px);
      tilted.data.set(photo.data.subarray(from, from + 4), 4 * (y * side + x));
    }
  const { same, distance, cosine: similarity } = await pipeline.verify(photo, tilted);
  assert.ok(same && similarity > 0.9, `distance ${distance}`);
});

test('one person: a photo, and the same one smaller, mirrored and compressed hard', async () => {
  const pipeline = await shared();
  const photo = await faceOf('sample6.jpg', 0);
  const worse = await jpegOf(mirrorImage(halved(photo)), 40);
  const result = await pipeline.verify(photo, worse);
  assert.is(result.same, true, `distance ${result.distance}`);
  assert.ok(Number(result.probability) > 0.5);
  assert.ok(result.distance <= result.threshold);
  assertClose([result.distance ** 2], [2 - 2 * result.cosine], 1e-5);
  assert.is(result.device, 'wasm');
  assert.is(result.faces.length, 2);
});

test('two people: those who sit side by side in one photo are surely not the same', async () => {
  const pipeline = await shared();
  const distances: number[] = [];
  for (const [photo, left, right] of [
    ['sample3.jpg', 0, 1],
    ['sample6.jpg', 0, 3],
  ] as const) {
    const result = await pipeline.verify(await faceOf(photo, left), await faceOf(photo, right));
    assert.is(result.same, false, `${photo}: distance ${result.distance}`);
    assert.ok(Number(result.probability) < 0.5);
    const [a, b] = [result.faces[0].embedding, result.faces[1].embedding];
    assertClose([result.cosine], [cosineSimilarity(a, b)], 1e-12);
    distances.push(result.distance);
  }
  const [first] = distances;
  const generous = await pipeline.verify(await faceOf('sample3.jpg', 0), await faceOf('sample3.jpg', 1), {
    threshold: first + 0.01,
  });
  assert.is(generous.same, true, "the caller's threshold decides");
});

test('verify takes the most prominent face, and names the photo that shows none', async () => {
  const pipeline = await shared();
  // Of three faces as large, the left one is nearest to the middle of the photo.
  const { faces } = await pipeline.verify(samplePath(PHOTO), await faceOf(PHOTO, 0));
  assertSameFaces([faces[0]], [faces[1]], 0.93);
  assert.ok(intersectionOverUnion(faces[0].box, SAMPLE_FACES[PHOTO][0]) > 0.4);
  const nobody = { ...plain(320, 200), name: 'wall.png' };
  const error = await rejection(pipeline.verify(samplePath(PHOTO), nobody));
  assert.instance(error, ImageError);
  assert.match(error.message, /^wall\.png shows no face that can be found \(320x200 pixels\)/);
  assert.equal(await pipeline.embed(nobody), []);
});

test('align: chips by either template, upright, and embedAligned of a chip', async () => {
  const pipeline = await shared();
  const photo = halved(await samplePhoto(PHOTO));
  const faces = await pipeline.embed(photo);
  const chips = await pipeline.align(photo);
  assert.equal(
    chips.map(({ chip }) => chip),
    faces.map(({ chip }) => chip),
  );
  for (const { chip } of await pipeline.align(photo, { template: 'arcface' }))
    assert.equal([chip.width, chip.height], [112, 112]);
  for (const { chip, embedding } of faces) {
    const again = await pipeline.embedAligned(chip); // rounded to bytes on the way
    assert.ok(cosineSimilarity(again.embedding, embedding) > 0.999);
  }
  const error = await rejection(pipeline.embedAligned({ ...plain(112, 112), name: 'chip.png' }));
  assert.is(error.message, 'chip.png is 112x112; an aligned chip is 150x150');
});

test('flip: an embedding that does not change when the chip is mirrored', async () => {
  const pipeline = await shared();
  const [{ chip }] = await pipeline.align(await faceOf(PHOTO, 0));
  const [there, back] = [await pipeline.embedAligned(chip), await pipeline.embedAligned(mirrorImage(chip))];
  assert.ok(cosineSimilarity(there.embedding, back.embedding) > 1 - 1e-6);
  await withPipeline({ device: 'wasm', threads: 1, flip: false }, async (plainly) => {
    const [a, b] = [await plainly.embedAligned(chip), await plainly.embedAligned(mirrorImage(chip))];
    const cosine = cosineSimilarity(a.embedding, b.embedding);
    assert.ok(cosine < 1 - 1e-4 && cosine > 0.8, `cosine ${cosine}`);
  });
});

async function collect(
  pipeline: FacePipeline,
  sources: Iterable<ImageSource> | AsyncIterable<ImageSource>,
): Promise<PhotoResult[]> {
  const results: PhotoResult[] = [];
  for await (const result of pipeline.embedAll(sources)) results.push(result);
  return results;
}

test('detectAll finds in many photos what detect finds in each', async () => {
  const pipeline = await shared();
  const photos = await Promise.all([0, 1].map((face) => faceOf(PHOTO, face)));
  const found = [];
  for await (const { faces } of pipeline.detectAll(photos)) found.push(faces);
  assert.equal(found, [await pipeline.detect(photos[0]), await pipeline.detect(photos[1])]);
});

test('embedAll goes on after what cannot be read, in order', async () => {
  const pipeline = await shared();
  const face = await faceOf(PHOTO, 0);
  const sources: ImageSource[] = ['missing.jpg', face, new Uint8Array([1, 2, 3]), plain(64, 64), face];
  const results = await collect(pipeline, sources);
  assert.equal(
    results.map(({ source }) => source),
    sources,
  );
  assert.equal(
    results.map(({ faces, error }) => error?.message ?? faces?.length),
    [
      'missing.jpg does not exist',
      1,
      'the picture given as bytes is not a picture of a known type, whatever its name says',
      0,
      1,
    ],
  );
  assert.equal([results[1].width, results[1].height], [face.width, face.height]);
  assert.equal(results[4].faces, results[1].faces);

  async function* oneByOne() {
    yield face;
  }
  assert.is((await collect(pipeline, oneByOne())).length, 1);
  assert.equal(await collect(pipeline, []), []);
});

test('an aborted signal rejects with its reason', async () => {
  const pipeline = await shared();
  const reason = new Error('no longer wanted');
  const signal = AbortSignal.abort(reason);
  const photo = await faceOf(PHOTO, 0);
  for (const work of [
    pipeline.detect(photo, { signal }),
    pipeline.align(photo, { signal }),
    pipeline.embed(photo, { signal }),
    pipeline.verify(photo, photo, { signal }),
    pipeline.embedAll([photo], { signal }).next(),
  ])
    assert.is(await rejection(work), reason);

  const controller = new AbortController();
  const results = pipeline.embedAll([photo, photo, photo, photo], { signal: controller.signal });
  assert.is((await results.next()).done, false);
  controller.abort(reason);
  assert.is(await rejection(results.next()), reason);
  assert.is((await pipeline.embed(photo)).length, 1, 'it still works');
});

test('calls at the same time do not mix', async () => {
  const pipeline = await shared();
  const photos = [
    await faceOf('sample3.jpg', 0),
    halved(await samplePhoto('sample3.jpg')),
    await faceOf('sample6.jpg', 0),
  ];
  const one: EmbeddedFace[][] = [];
  for (const photo of photos) one.push(await pipeline.embed(photo));
  const [first, second, third, comparison] = await Promise.all([
    pipeline.embed(photos[0]),
    pipeline.embed(photos[1]),
    pipeline.embed(photos[2]),
    pipeline.verify(photos[0], photos[2]),
  ]);
  assert.equal([first, second, third], one);
  assert.equal(comparison.faces, [one[0][0], one[2][0]]);
});

test('disposing frees everything', async () => {
  const pipeline = await FacePipeline.open({ device: 'wasm', threads: 2, landmarks: 'tiny' });
  assert.is(pipeline.liveBytes, 0);
  const photo = await faceOf(PHOTO, 0);
  assert.is((await pipeline.embed(photo)).length, 1);
  const held = pipeline.liveBytes;
  assert.ok(held > 1_000_000, `${held}`);
  await pipeline.embed(photo);
  assert.is(pipeline.liveBytes, held, 'a second photo leaves nothing behind');
  await pipeline[Symbol.asyncDispose]();
  assert.is(pipeline.liveBytes, 0);
});

test('disposing waits for what is in work, and refuses what comes after', async () => {
  const pipeline = await FacePipeline.open({ device: 'wasm', threads: 2, landmarks: 'tiny' });
  const embedding = pipeline.embed(await faceOf(PHOTO, 0));
  await pipeline[Symbol.asyncDispose]();
  assert.is((await embedding).length, 1);
  assert.is(pipeline.liveBytes, 0);
  assert.match((await rejection(pipeline.embed(samplePath(PHOTO)))).message, 'the pipeline is closed');
});

test('after its GPU is lost a pipeline refuses all work, closes, and another opens', async () => {
  const device = await requestTestDevice();
  if (!device) return;
  const pipeline = await FacePipeline.open({ device: 'webgpu', gpuDevice: device });
  const photo = await faceOf(PHOTO, 0);
  const inWork = [rejection(pipeline.detect(photo)), rejection(pipeline.prepare())];
  setTimeout(() => device.destroy(), 50); // while the weights are read; the engine's tests lose it while it compiles
  for (const error of await Promise.all(inWork))
    assert.match(error.message, /^webgpu: the device was lost: .*open it again$/);
  const chip = { width: 150, height: 150, data: new Uint8Array(4 * 150 * 150) };
  const refused = [
    pipeline.detect(photo),
    pipeline.align(photo),
    pipeline.embed(photo),
    pipeline.embedAligned(chip),
    pipeline.verify(photo, photo),
    pipeline.prepare(),
  ];
  for (const error of await Promise.all(refused.map(rejection))) assert.match(error.message, /device was lost/);
  for await (const { error } of pipeline.embedAll([photo, photo]))
    assert.match(error?.message ?? '', /device was lost/);
  await pipeline[Symbol.asyncDispose]();
  await withPipeline({ device: 'webgpu' }, async (another) => assert.is(another.device.name, 'webgpu'));
});

test("the caller's GPU outlives the pipeline, also one that did not open", async () => {
  const device = await requestTestDevice();
  if (!device) return;
  for (const name of ['webgpu', 'auto'] as const)
    await withPipeline({ device: name, gpuDevice: device }, async (pipeline) =>
      assert.is(pipeline.device.name, 'webgpu', `${name} takes the GPU that it is given`),
    );
  const notAModel = new Uint8Array(100);
  await rejection(FacePipeline.open({ device: 'webgpu', gpuDevice: device, model: notAModel }));
  const { backend } = await openDevice('webgpu', { gpuDevice: device });
  const slot = backend.allocate(2);
  backend.write(slot, [1, 2]);
  assert.equal([...(await backend.read(slot))], [1, 2]);
  await backend.close();
  device.destroy();
});

test('weights that are not there are an error each time, and disposing is none', async () => {
  const pipeline = await FacePipeline.open({ device: 'wasm', threads: 1, weights: new URL('file:///nowhere/') });
  for (let turn = 0; turn < 2; turn++)
    assert.match((await rejection(pipeline.embed(await faceOf(PHOTO, 0)))).message, 'ENOENT');
  await pipeline[Symbol.asyncDispose]();
  assert.is(pipeline.liveBytes, 0);
});

test('every device embeds a chip alike', async () => {
  const [{ chip }] = await (await shared()).align(await faceOf(PHOTO, 0));
  const embeddings: Float32Array[] = [];
  const gpuDevice = (await testGpu())?.device; // on which other tests have compiled the network
  for (const { name } of await testDevices())
    await withPipeline(
      { device: name, flip: false, ...(name === 'webgpu' && gpuDevice && { gpuDevice }) },
      async (pipeline) => {
        assert.is(pipeline.device.name, name);
        embeddings.push((await pipeline.embedAligned(chip)).embedding);
        assert.ok(pipeline.liveBytes > 0);
      },
    );
  for (const embedding of embeddings) assertClose(embedding, embeddings[0], 1e-5);
});

test('detect, once on reference: the face that wasm finds', async () => {
  const photo = halved(await faceOf('sample6.jpg', 0));
  const options: PipelineOptions = { landmarks: 'tiny', flip: false };
  const found: Box[] = [];
  const landmarks: number[][] = [];
  for (const device of ['reference', 'wasm'] as const)
    await withPipeline({ ...options, device }, async (pipeline) => {
      const faces = await pipeline.detect(photo);
      assert.is(faces.length, 1);
      found.push(faces[0].box);
      landmarks.push(faces[0].landmarks.flat());
    });
  assertClose(found[1], found[0], 1e-4);
  assertClose(landmarks[1], landmarks[0], 1e-4);
});

test.run();
