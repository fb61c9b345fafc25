import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ARCFACE_TEMPLATE, type Point } from '../../src/face/align';
import { syntheticDataset } from '../../src/face/dataset';
import type { RawImage } from '../../src/face/image';
import { type SyntheticPhotoOptions, syntheticPerson, syntheticPhoto } from '../../src/face/synthetic';
import { random } from '../../src/tensor/random';

const test = suite('synthetic faces');

/** So many people, one photo of each. */
function photos(count: number, options: SyntheticPhotoOptions) {
  const source = random(11);
  return Array.from({ length: count }, () => {
    const person = syntheticPerson(source.fork());
    return { person, ...syntheticPhoto(person, source.fork(), options) };
  });
}

const brightness = ({ data, width }: RawImage, [x, y]: Point) => {
  const at = 4 * (Math.round(y) * width + Math.round(x));
  return data[at] + data[at + 1] + data[at + 2];
};

const middle = (points: readonly Point[]): Point => [
  points.reduce((sum, [x]) => sum + x, 0) / points.length,
  points.reduce((sum, [, y]) => sum + y, 0) / points.length,
];

const share = (values: readonly boolean[]) => values.filter(Boolean).length / values.length;

test('the same seed draws the same bytes, another seed another face', () => {
  const draw = (seed: number) => {
    const source = random(seed);
    return syntheticPhoto(syntheticPerson(source), source, { width: 48, height: 56 });
  };
  assert.equal(draw(5), draw(5));
  assert.not.equal(draw(5).image.data, draw(6).image.data);
});

test('there are 68 finite points inside the box, and the box is inside the photo', () => {
  for (const { landmarks, box, image } of photos(60, { width: 96, height: 112 })) {
    assert.is(landmarks.length, 68);
    const [left, top, width, height] = box;
    for (const [x, y] of landmarks) {
      assert.ok(x >= left - 1e-9 && x <= left + width + 1e-9, `x ${x} in ${box}`);
      assert.ok(y >= top - 1e-9 && y <= top + height + 1e-9, `y ${y} in ${box}`);
    }
    assert.ok(width > 20 && height > 25, `a box of ${box}`);
    assert.ok(left > -3 && top > -3 && left + width < image.width + 3 && top + height < image.height + 3, `${box}`);
  }
});

test('the landmarks are in their order: eyes from left to right, nose below them, mouth below the nose', () => {
  for (const { landmarks } of photos(40, { width: 112, height: 112 })) {
    const part = (from: number, to: number) => middle(landmarks.slice(from, to));
    const [leftEye, rightEye, nose, mouth] = [part(36, 42), part(42, 48), part(31, 36), part(48, 68)];
    assert.ok(leftEye[0] < rightEye[0]);
    assert.ok(landmarks[0][0] < landmarks[8][0] && landmarks[8][0] < landmarks[16][0]);
    assert.ok(part(17, 27)[1] < (leftEye[1] + rightEye[1]) / 2);
    assert.ok(nose[1] > leftEye[1] && mouth[1] > nose[1] && landmarks[8][1] > mouth[1]);
    assert.ok(landmarks[48][0] < landmarks[54][0] && landmarks[51][1] < landmarks[57][1]);
  }
});

test('the features are where the landmarks are: eyes and lips are darker than the skin around them', () => {
  const darkEyes: boolean[] = [];
  const darkMouths: boolean[] = [];
  for (const { person, landmarks, image } of photos(80, { width: 112, height: 112, framing: ARCFACE_TEMPLATE })) {
    const cheek = brightness(image, middle([landmarks[2], landmarks[30]]));
    if (!person.glasses) darkEyes.push(brightness(image, middle(landmarks.slice(36, 42))) < cheek);
    if (person.beard === 0) darkMouths.push(brightness(image, middle([landmarks[51], landmarks[62]])) < cheek);
  }
  assert.ok(share(darkEyes) > 0.9, `dark eyes ${share(darkEyes)}`);
  assert.ok(share(darkMouths) > 0.9, `dark mouths ${share(darkMouths)}`);
});

test('a template puts the eyes where it says, within an alignment error, at any size', () => {
  for (const side of [56, 112])
    for (const { landmarks } of photos(30, { width: side, height: side, framing: ARCFACE_TEMPLATE })) {
      const [x, y] = middle([middle(landmarks.slice(36, 42)), middle(landmarks.slice(42, 48))]);
      const scale = side / 112;
      assert.ok(Math.abs(x - 55.9 * scale) < 6 * scale, `x ${x} at ${side}`);
      assert.ok(Math.abs(y - 51.6 * scale) < 9 * scale, `y ${y} at ${side}`);
    }
});

test('one channel is grey', () => {
  for (const { image } of photos(3, { width: 32, height: 32, channels: 1 }))
    for (let at = 0; at < image.data.length; at += 4) {
      assert.is(image.data[at], image.data[at + 1]);
      assert.is(image.data[at], image.data[at + 2]);
      assert.is(image.data[at + 3], 255);
    }
});

test('people can be told apart: the nearest mean of raw pixels is right far more often than chance', () => {
  const [people, imagesEach] = [20, 8];
  const shape = { height: 32, width: 32, channels: 3 } as const;
  const { examples } = syntheticDataset({ people, imagesEach, seed: 3, ...shape });
  const means = Array.from({ length: people }, () => new Float64Array(32 * 32 * 3));
  const isTrained = (index: number) => index % imagesEach < imagesEach / 2;
  examples.forEach(({ pixels, label }, index) => {
    if (isTrained(index)) for (let at = 0; at < pixels.length; at++) means[label][at] += (2 * pixels[at]) / imagesEach;
  });
  const right = examples
    .filter((_, index) => !isTrained(index))
    .map(({ pixels, label }) => {
      const distances = means.map((mean) => mean.reduce((sum, value, at) => sum + (value - pixels[at]) ** 2, 0));
      return distances.indexOf(Math.min(...distances)) === label;
    });
  console.log(`\nnearest mean of raw pixels: ${(100 * share(right)).toFixed(0)} % of ${people} people (chance 5 %)`);
  assert.ok(share(right) > 0.3, `${share(right)}`);
  assert.ok(share(right) < 0.98, 'so easy that nothing is shown');
});

test('an identity does not depend on how many others there are', () => {
  const shape = { height: 16, width: 16, channels: 1 } as const;
  const few = syntheticDataset({ people: 2, imagesEach: 2, seed: 8, ...shape });
  const many = syntheticDataset({ people: 4, imagesEach: 3, seed: 8, ...shape });
  assert.equal(few.examples[2].pixels, many.examples[3].pixels);
  assert.equal(many.names, ['person 1', 'person 2', 'person 3', 'person 4']);
});

test.run();
