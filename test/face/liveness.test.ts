import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Box } from '../../src/face/boxes';
import type { RawImage } from '../../src/face/image';
import { enlarged, probabilities, sampled } from '../../src/face/liveness';
import { random } from '../../src/tensor/random';
import { assertClose } from '../helpers/numbers';

const test = suite('what a liveness network is shown');

test('a box in the middle is enlarged about its middle', () => {
  assertClose(enlarged([400, 300, 100, 120], 2.7, { width: 1000, height: 800 }), [315, 198, 270, 324], 1e-12);
});

test('an enlarged box lies inside the photo, in its proportions, and moves no further than it must', () => {
  const side = fc.integer({ min: 20, max: 2000 });
  fc.assert(
    fc.property(side, side, fc.nat(999), fc.nat(999), fc.integer({ min: 5, max: 900 }), (width, height, x, y, size) => {
      const photo = { width, height };
      const box: Box = [(x / 1000) * width, (y / 1000) * height, size, 1.25 * size];
      const [left, top, across, down] = enlarged(box, 2.7, photo);
      assert.ok(left >= 0 && top >= 0 && left + across <= width + 1e-9 && top + down <= height + 1e-9);
      assertClose([down / across], [1.25], 1e-9);
      assert.ok(across <= 2.7 * size + 1e-9);
      const shift = left + across / 2 - (box[0] + box[2] / 2);
      if (shift > 1e-9) assertClose([left], [0], 1e-9);
      if (shift < -1e-9) assertClose([left + across], [width], 1e-9);
    }),
  );
});

const generator = random(3);
const PHOTO: RawImage = {
  width: 7,
  height: 5,
  data: Uint8Array.from({ length: 4 * 35 }, () => generator.below(256)),
};

test('sampled at its own size: the pixels, in either order of colours', () => {
  const whole = sampled(PHOTO, [0, 0, 7, 5], { width: 7, height: 5 }, 'RGB');
  const pixels = Array.from({ length: 35 }, (_, k) => [...PHOTO.data.subarray(4 * k, 4 * k + 3)]);
  assertClose(whole, pixels.flat(), 1e-6);
  assertClose(
    sampled(PHOTO, [2, 1, 3, 2], { width: 3, height: 2 }, 'BGR'),
    [9, 10, 11, 16, 17, 18].flatMap((k) => pixels[k].toReversed()),
    1e-6,
  );
});

test('sampled smaller and larger: between the pixels that are next, and none from beyond the box', () => {
  const ramp: RawImage = { width: 12, height: 2, data: new Uint8Array(4 * 24) };
  for (let k = 0; k < 24; k++) ramp.data.fill(10 * (k % 12), 4 * k, 4 * k + 4);
  const reds = (box: Box, width: number) =>
    [...sampled(ramp, box, { width, height: 1 }, 'RGB')].filter((_, at) => at % 3 === 0);
  assertClose(reds([0, 0, 12, 2], 3), [15, 55, 95], 1e-6); // middles of 4 pixels each lie between two of them
  assertClose(reds([4, 0, 4, 2], 8), [40, 42.5, 47.5, 52.5, 57.5, 62.5, 67.5, 70], 1e-6);
  assert.equal(reds([11.9, 0, 0.05, 2], 2), [110, 110]);
});

test('logits become probabilities, and probabilities stay', () => {
  const exponentials = [2, 0, -1].map(Math.exp);
  const sum = exponentials.reduce((total, value) => total + value);
  assertClose(
    probabilities([102, 100, 99]),
    exponentials.map((value) => value / sum),
    1e-9,
  );
  assert.equal(probabilities([0.25, 0.5, 0.25]), [0.25, 0.5, 0.25]);
});

test.run();
