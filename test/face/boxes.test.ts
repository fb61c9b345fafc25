import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Box, intersectionOverUnion, mergeBoxes, type ScoredBox } from '../../src/face/boxes';
import { assertClose } from '../helpers/numbers';

const test = suite('boxes');

const side = fc.integer({ min: 1, max: 60 });
const place = fc.integer({ min: -50, max: 50 });
const box = fc.tuple(place, place, side, side);
const scored = fc
  .tuple(box, fc.double({ min: 0.01, max: 1, noNaN: true }))
  .map(([where, score]): ScoredBox => ({ box: where, score }));

test('intersection over union by hand', () => {
  const unit: Box = [0, 0, 2, 2];
  for (const [other, expected] of [
    [[0, 0, 2, 2], 1],
    [[1, 0, 2, 2], 2 / 6],
    [[1, 1, 2, 2], 1 / 7],
    [[0, 0, 1, 1], 1 / 4],
    [[-1, -1, 4, 4], 4 / 16],
    [[2, 0, 2, 2], 0], // they touch
    [[5, 5, 1, 1], 0],
    [[0, 5, 2, 2], 0], // one above the other
  ] satisfies [Box, number][])
    assert.is(intersectionOverUnion(unit, other), expected, `${other}`);
});

test('intersection over union: symmetric, 0 to 1, and what counting pixels gives', () => {
  const pixelsOf = ([x, y, width, height]: Box) =>
    new Set(Array.from({ length: width * height }, (_, k) => `${x + (k % width)},${y + Math.floor(k / width)}`));
  fc.assert(
    fc.property(box, box, (a, b) => {
      const [ofA, ofB] = [pixelsOf(a), pixelsOf(b)];
      const both = [...ofA].filter((pixel) => ofB.has(pixel)).length;
      assertClose([intersectionOverUnion(a, b)], [both / (ofA.size + ofB.size - both)], 1e-12);
      assert.is(intersectionOverUnion(a, b), intersectionOverUnion(b, a));
    }),
    { numRuns: 50 },
  );
});

test('one face: boxes that overlap vote on where it is, weighted by score', () => {
  const merged = mergeBoxes([
    { box: [2, 0, 10, 10], score: 0.3 },
    { box: [0, 0, 10, 10], score: 0.9 },
  ]);
  assert.is(merged.length, 1);
  assert.is(merged[0].score, 0.9, 'the best score stands');
  assertClose(merged[0].box, [0.5, 0, 10, 10], 1e-12);
});

test('without a vote the best box stays where it is', () => {
  const best: ScoredBox = { box: [0, 0, 10, 10], score: 0.9 };
  assert.equal(mergeBoxes([{ box: [2, 0, 10, 10], score: 0.3 }, best], false), [best]);
});

test('faces apart stay apart, the surest first', () => {
  const faces: ScoredBox[] = [
    { box: [0, 0, 10, 10], score: 0.6 },
    { box: [6, 0, 10, 10], score: 0.9 }, // overlaps the first by a quarter only
    { box: [100, 0, 10, 10], score: 0.7 },
  ];
  assert.equal(mergeBoxes(faces), [faces[1], faces[2], faces[0]]);
  assert.equal(mergeBoxes([]), []);
});

test('a box that overlaps by a third is the same face, and has no vote', () => {
  const best: ScoredBox = { box: [0, 0, 10, 10], score: 0.9 };
  assert.equal(mergeBoxes([best, { box: [5, 0, 10, 10], score: 0.8 }]), [best]);
});

test('what was suppressed suppresses nobody', () => {
  const merged = mergeBoxes([
    { box: [0, 0, 10, 10], score: 0.9 },
    { box: [4, 0, 10, 10], score: 0.9 - 1e-9 }, // 6 / 14 with the first
    { box: [8, 0, 10, 10], score: 0.7 }, // 6 / 14 with the second, 2 / 18 with the first
  ]);
  assert.is(merged.length, 2);
  assertClose(merged[0].box, [2, 0, 10, 10], 1e-9);
  assert.equal(merged[1].box.map(Math.round), [8, 0, 10, 10]);
});

test('two candidates that are equal are one face', () => {
  const twin: ScoredBox = { box: [0, 0, 10, 10], score: 0.9 };
  assert.is(mergeBoxes([twin, { ...twin }, twin]).length, 1);
});

test('any candidates: scores fall, the best is among them, every box lies between its candidates, none are changed', () => {
  fc.assert(
    fc.property(fc.array(scored, { maxLength: 12 }), (candidates) => {
      const copy = structuredClone(candidates);
      const merged = mergeBoxes(candidates);
      assert.equal(candidates, copy);
      assert.ok(merged.length <= candidates.length);
      assert.is(merged.length === 0, candidates.length === 0);
      merged.forEach(({ score }, k) => {
        assert.ok(k === 0 ? score === Math.max(...candidates.map((one) => one.score)) : score <= merged[k - 1].score);
      });
      for (const { box: found } of merged)
        found.forEach((value, axis) => {
          const values = candidates.map((one) => one.box[axis]);
          assert.ok(value >= Math.min(...values) - 1e-9 && value <= Math.max(...values) + 1e-9);
        });
    }),
  );
});

test('what else is known of the best box stays with it', () => {
  const best = { box: [0, 0, 10, 10] satisfies Box, score: 0.9, name: 'best' };
  const other = { box: [2, 0, 10, 10] satisfies Box, score: 0.3, name: 'other' };
  const [merged] = mergeBoxes([other, best]);
  assert.is(merged.name, 'best');
  assertClose(merged.box, [0.5, 0, 10, 10], 1e-12);
});

test.run();
