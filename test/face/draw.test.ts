import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { annotate, type Mark } from '../../src/face/draw';

const test = suite('drawing on photos');

const blank = (width: number, height: number) => ({
  width,
  height,
  data: new Uint8Array(4 * width * height).fill(255),
});

/** The picture as text: '.' where it is still white. */
function dots(width: number, height: number, mark: Mark): string[] {
  const { data } = annotate(blank(width, height), [mark]);
  return Array.from({ length: height }, (_, y) =>
    Array.from({ length: width }, (_, x) => {
      const [red, green, blue] = data.subarray(4 * (y * width + x));
      if (red + green + blue === 765) return '.';
      return red > 200 ? 'o' : green > 200 ? '#' : '=';
    }).join(''),
  );
}

test('a frame around the box, points in it', () => {
  assert.equal(dots(7, 6, { box: [2, 2, 3, 2], points: [[3, 2.6]] }), [
    '.......',
    '.#####.',
    '.#...#.',
    '.#.o.#.',
    '.#####.',
    '.......',
  ]);
});

test('a label above the box, or at the edge where there is no room', () => {
  assert.equal(dots(8, 9, { box: [1, 8, 6, 6], label: '4' }), [
    '=======.',
    '=#===#=.',
    '=#===#=.',
    '=#####=.',
    '=====#=.',
    '=====#=.',
    '=======.',
    '########',
    '#......#',
  ]);
  assert.is(dots(8, 9, { box: [1, 1, 6, 6], label: 'é' })[1], '=#####=#');
});

test('what is outside of the photo is cut off, and the photo stays as it is', () => {
  const photo = blank(4, 4);
  annotate(photo, [{ box: [-10, -10, 100, 100], points: [[-3, 99]], label: '漢 likeness' }]);
  assert.ok(photo.data.every((value) => value === 255));
});

test.run();
