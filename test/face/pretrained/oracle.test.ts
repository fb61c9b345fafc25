import { fileURLToPath } from 'node:url';
import { Jimp } from 'jimp';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { platform } from '#platform';
import { openPretrained } from '../../../src/face/pretrained/networks';
import type { PretrainedName } from '../../../src/face/pretrained/weights';
import type { Numbers } from '../../../src/kernels/backend';
import { compile } from '../../../src/nn/compile';
import { Tensor } from '../../../src/tensor/tensor';
import { testDevices } from '../../helpers/devices';
import { openFaceApi } from '../../helpers/face-api';

const TOLERANCE = 1e-4;

/** The sample photos, and a square around one face in each: left, top, side. */
const FACES = [
  { photo: 'sample1.jpg', face: [805, 440, 270] },
  { photo: 'sample2.jpg', face: [1420, 190, 260] },
  { photo: 'sample3.jpg', face: [1010, 230, 310] },
  { photo: 'sample4.jpg', face: [640, 100, 240] },
  { photo: 'sample5.jpg', face: [750, 130, 230] },
  { photo: 'sample6.jpg', face: [190, 530, 290] },
];

type DeviceName = 'reference' | 'wasm' | 'webgpu';

interface Case {
  network: PretrainedName;
  side: number;
  /** Detectors see the whole photo, the others one face. */
  sees: 'photo' | 'face';
  /** How many of the six photos each device is given. Reference is slow on purpose, webgpu a GPU in software here. */
  photos: Record<DeviceName, number>;
}

// TensorFlow.js takes up to 9 s for one photo: the detectors at their full size have one photo, the others two.
// LIKENESS_ALL_PHOTOS=1 gives all six to each.
const [ONE, TWO] = process.env.LIKENESS_ALL_PHOTOS ? [6, 6] : [1, 2];
const CASES: Case[] = [
  { network: 'tiny_face_detector', side: 416, sees: 'photo', photos: { wasm: ONE, reference: 0, webgpu: 0 } },
  { network: 'tiny_face_detector', side: 224, sees: 'photo', photos: { wasm: TWO, reference: 1, webgpu: 1 } },
  { network: 'ssd_mobilenetv1', side: 512, sees: 'photo', photos: { wasm: ONE, reference: 1, webgpu: 0 } },
  { network: 'face_landmark_68', side: 112, sees: 'face', photos: { wasm: TWO, reference: 1, webgpu: 1 } },
  { network: 'face_landmark_68_tiny', side: 112, sees: 'face', photos: { wasm: TWO, reference: 1, webgpu: 1 } },
  { network: 'face_recognition', side: 150, sees: 'face', photos: { wasm: TWO, reference: 1, webgpu: 0 } },
];

interface Pixels {
  width: number;
  height: number;
  data: Uint8Array;
}

/** A function that computes once for each key. */
function remember<T>(compute: (key: string) => Promise<T>): (key: string) => Promise<T> {
  const known = new Map<string, Promise<T>>();
  return (key) => {
    const value = known.get(key) ?? compute(key);
    known.set(key, value);
    return value;
  };
}

const readPhoto = remember<Pixels>(async (photo) => {
  const { bitmap } = await Jimp.read(fileURLToPath(new URL(`../demo/${photo}`, platform.weightsDirectory())));
  return { width: bitmap.width, height: bitmap.height, data: new Uint8Array(bitmap.data) };
});

/** A square of a photo as RGB, scaled bilinearly to side x side; what lies outside the photo is black. */
function cropSquare({ width, height, data }: Pixels, [left, top, length]: number[], side: number): Float32Array {
  const rgb = new Float32Array(side * side * 3);
  const at = (x: number, y: number, channel: number) =>
    x >= 0 && x < width && y >= 0 && y < height ? data[(y * width + x) * 4 + channel] : 0;
  for (let i = 0; i < side; i++)
    for (let j = 0; j < side; j++) {
      const y = top + ((i + 0.5) * length) / side - 0.5;
      const x = left + ((j + 0.5) * length) / side - 0.5;
      const [y0, x0] = [Math.floor(y), Math.floor(x)];
      const [down, right] = [y - y0, x - x0];
      for (let channel = 0; channel < 3; channel++)
        rgb[(i * side + j) * 3 + channel] =
          (1 - down) * ((1 - right) * at(x0, y0, channel) + right * at(x0 + 1, y0, channel)) +
          down * ((1 - right) * at(x0, y0 + 1, channel) + right * at(x0 + 1, y0 + 1, channel));
    }
  return rgb;
}

async function inputOf({ sees, side }: Case, index: number): Promise<Float32Array> {
  const { photo, face } = FACES[index];
  const pixels = await readPhoto(photo);
  const whole = [0, 0, Math.max(pixels.width, pixels.height)];
  return cropSquare(pixels, sees === 'photo' ? whole : face, side);
}

let faceApi: ReturnType<typeof openFaceApi> | undefined;

/** What face-api computes, once for all devices. */
const expectedOf = remember(async (key) => {
  const [caseIndex, photoIndex] = key.split(' ').map(Number);
  const { network, side } = CASES[caseIndex];
  faceApi ??= openFaceApi();
  const forward = (await faceApi)[network];
  return forward(await inputOf(CASES[caseIndex], photoIndex), side);
});

/** The numbers that face-api hands out as well: of the SSD's three class logits only that of "face". */
const comparable = (network: PretrainedName, outputs: Numbers[]): Numbers[] =>
  network === 'ssd_mobilenetv1' ? [outputs[0], outputs[1].filter((_, i) => i % 3 === 1)] : outputs;

/** Largest difference, as a share of the largest magnitude. */
function relativeError(actual: Numbers, expected: Numbers): number {
  let difference = 0;
  let magnitude = 0;
  for (let i = 0; i < expected.length; i++) {
    const d = Math.abs(actual[i] - expected[i]);
    if (!(d <= difference)) difference = d; // NaN stays
    magnitude = Math.max(magnitude, Math.abs(expected[i]));
  }
  return difference / magnitude;
}

const DEVICES: DeviceName[] = ['wasm', 'reference', 'webgpu'];
for (const device of DEVICES) {
  const test = suite(`face-api's numbers on ${device}`);
  for (const [caseIndex, one] of CASES.entries()) {
    const { network, side, photos } = one;
    if (photos[device] === 0) continue;
    test(`${network} at ${side}`, async () => {
      const backend = (await testDevices()).find(({ name }) => name === device);
      if (!backend) return;
      const { forward, weights } = await openPretrained(backend, network);
      const plan = await compile(backend, forward, [1, side, side, 3]);
      for (const [photoIndex, { photo }] of FACES.slice(0, photos[device]).entries()) {
        const input = Tensor.from(backend, await inputOf(one, photoIndex), [1, side, side, 3]);
        const outputs = await Promise.all(plan.run(input).map((output) => output.data()));
        input.dispose();
        const expected = await expectedOf(`${caseIndex} ${photoIndex}`);
        for (const [k, actual] of comparable(network, outputs).entries()) {
          assert.is(actual.length, expected[k].length, `${photo}, output ${k}: length`);
          const error = relativeError(actual, expected[k]);
          assert.ok(error < TOLERANCE, `${photo}, output ${k}: relative error ${error}`);
        }
      }
      plan.dispose();
      weights.dispose();
    });
  }
  test.run();
}
