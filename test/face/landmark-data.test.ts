import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { intersectionOverUnion } from '../../src/face/boxes';
import { type FaceDetector, openDetector } from '../../src/face/detect';
import { fivePoints } from '../../src/face/evaluate-photos';
import { readLabelledFaces } from '../../src/face/landmark-data';
import { LandmarkFinder } from '../../src/face/landmarks';
import { syntheticPerson, syntheticPhoto } from '../../src/face/synthetic';
import type { Backend } from '../../src/kernels/backend';
import { openWasm } from '../../src/kernels/wasm/backend';
import { random, stream } from '../../src/tensor/random';
import { jpegOf } from '../helpers/photos';

const test = suite('labelled faces');
let folder = '';
let backend: Backend;

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'likeness-labelled-'));
  backend = await openWasm({ threads: 1 });
  await mkdir(join(folder, 'images'));
  const rows = ['file,x1,y1,x2,y2,x3,y3,x4,y4,x5,y5'];
  for (const [name, offset] of [
    ['right.jpg', 0],
    ['elsewhere.jpg', 30],
    ['strangers.jpg', 500],
  ] as const) {
    const size = { width: 200, height: 200 };
    const { image, landmarks } = syntheticPhoto(syntheticPerson(random(8)), stream(8, 1), size);
    await writeFile(join(folder, 'images', name), await jpegOf(image));
    const labels = fivePoints(landmarks).map(([x, y]) => [x + offset, y]);
    rows.push(`${name},${labels.flat().join()}`);
  }
  await writeFile(join(folder, 'points.csv'), `${rows.join('\n')}\n`);
});
test.after(async () => {
  await rm(folder, { recursive: true });
  await backend.close();
});

test('a face can wear a mask where the points that it is drawn by agree with the labels; a second run reads boxes', async () => {
  const detector = await openDetector(backend, 'tiny');
  const outlines = await LandmarkFinder.open(backend, 'full');
  const cacheFolder = join(folder, 'boxes');
  const first = await readLabelledFaces(detector, folder, { cacheFolder, outlines });
  assert.is(first.leftOut, 1, 'labels far from the face are of somebody else');
  const [right, elsewhere] = first.faces;
  assert.is(right.wearer?.outline.length, 68);
  assert.ok(intersectionOverUnion(right.box, right.wearer?.box ?? [0, 0, 0, 0]) > 0.5);
  assert.is(elsewhere.wearer, undefined);
  const blind: FaceDetector = {
    hasPoints: false,
    prepare: async () => {},
    detect: () => Promise.reject(new Error('boxes are known')),
    dispose: async () => {},
  };
  const { faces } = await readLabelledFaces(blind, folder, { cacheFolder, outlines });
  assert.equal(faces, first.faces);
  const { faces: bare } = await readLabelledFaces(detector, folder);
  assert.is(bare[0].wearer, undefined);
  await outlines.dispose();
  await detector.dispose();
});

test.run();
