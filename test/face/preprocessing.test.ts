import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ARCFACE_TEMPLATE } from '../../src/face/align';
import type { RawImage } from '../../src/face/image';
import { CROPS, checkPreprocessing, PRESETS, type Preprocessing, preparedViews } from '../../src/face/preprocessing';
import { random } from '../../src/tensor/random';
import { assertClose, thrown } from '../helpers/numbers';

const test = suite('how networks want their faces');

const generator = random(5);
const CHIP: RawImage = {
  width: 6,
  height: 4,
  data: Uint8Array.from({ length: 4 * 24 }, () => generator.below(256)),
};
const AS_IT_IS: Preprocessing = { width: 6, height: 4, channels: 'RGB', range: [0, 255], standardisation: 'none' };

/** Red, green and blue of each pixel. */
const pixels = Array.from({ length: 24 }, (_, k) => [...CHIP.data.subarray(4 * k, 4 * k + 3)]);

test('colours in the order asked for, bytes as they are', () => {
  assert.equal([...preparedViews(CHIP, AS_IT_IS, false)[0]], pixels.flat());
  const [reversed] = preparedViews(CHIP, { ...AS_IT_IS, channels: 'BGR' }, false);
  assert.equal(
    [...reversed],
    pixels.flatMap(([red, green, blue]) => [blue, green, red]),
  );
  const [grey] = preparedViews(CHIP, { ...AS_IT_IS, channels: 'GRAY' }, false);
  assertClose(
    grey,
    pixels.map(([red, green, blue]) => Math.round(0.299 * red + 0.587 * green + 0.114 * blue)),
    1e-6,
  );
});

test("each family's mean and deviation", () => {
  const [mean, deviation] = [
    { arcface: 127.5, sface: 0, mobilefacenet: 127.5, facenet: 127.5 },
    { arcface: 127.5, sface: 1, mobilefacenet: 128, facenet: 128 },
  ];
  for (const family of ['arcface', 'sface', 'mobilefacenet', 'facenet'] as const) {
    const [view] = preparedViews(CHIP, { ...PRESETS[family], width: 6, height: 4 }, false);
    assertClose(
      view,
      pixels.flat().map((byte) => (byte - mean[family]) / deviation[family]),
      1e-6,
      family,
    );
  }
});

test('the mirror image comes after the face itself', () => {
  const [face, mirrored, ...others] = preparedViews(CHIP, { ...AS_IT_IS, channels: 'BGR' }, true);
  assert.is(others.length, 0);
  const pixelOf = (view: Float32Array, x: number, y: number) => [
    ...view.subarray(3 * (6 * y + x), 3 * (6 * y + x) + 3),
  ];
  for (let y = 0; y < 4; y++)
    for (let x = 0; x < 6; x++) assert.equal(pixelOf(mirrored, x, y), pixelOf(face, 5 - x, y));
});

test('standardised: mean 0 and deviation 1', () => {
  const [view] = preparedViews(CHIP, { ...AS_IT_IS, standardisation: 'image' }, false);
  const mean = view.reduce((sum, value) => sum + value) / view.length;
  const deviation = Math.sqrt(view.reduce((sum, value) => sum + (value - mean) ** 2, 0) / view.length);
  assertClose([mean, deviation], [0, 1], 1e-6);
});

test('families cut faces as they were taught to', () => {
  for (const family of ['arcface', 'sface', 'mobilefacenet'] as const)
    assert.is(CROPS[PRESETS[family].template], ARCFACE_TEMPLATE);
  const box = CROPS[PRESETS.facenet.template];
  assert.ok('margin' in box);
  // A box of 146 pixels gets 7 more on each side, and fills 160 then.
  assertClose([146 * (1 + 2 * box.margin)], [160], 1e-12);
});

test('what a file says is taken as it is, and what makes no sense is refused', () => {
  for (const preset of Object.values(PRESETS))
    assert.equal(checkPreprocessing(JSON.parse(JSON.stringify(preset)), 'a.onnx'), preset);
  for (const wrong of [
    undefined,
    null,
    'arcface',
    {},
    { ...AS_IT_IS, template: 'constructor' },
    { ...AS_IT_IS, width: 0 },
    { ...AS_IT_IS, height: 1.5 },
    { ...AS_IT_IS, channels: 'rgb' },
    { ...AS_IT_IS, range: [1, 1] },
    { ...AS_IT_IS, range: [0] },
    { ...AS_IT_IS, range: [0, null] },
    { ...AS_IT_IS, standardisation: 'batch' },
  ])
    assert.match(
      thrown(() => checkPreprocessing(wrong, 'a.onnx')).message,
      /^a\.onnx: says how faces .* cannot be understood$/,
    );
});

test.run();
