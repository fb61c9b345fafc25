import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Box, intersectionOverUnion, type ScoredBox } from '../../src/face/boxes';
import { Detector, type DetectorNetwork, tiles } from '../../src/face/detect';
import type { RawImage } from '../../src/face/image';
import { openWasm } from '../../src/kernels/wasm/backend';
import { rejection } from '../helpers/numbers';
import { halved, mirrorImage, plain, SAMPLE_FACES, samplePhoto } from '../helpers/photos';

/** The picture as through fog: its contrast is a share of what it was. */
const faded = (photo: RawImage, share: number): RawImage => ({
  ...photo,
  data: photo.data.map((value, at) => (at % 4 === 3 ? value : 128 + share * (value - 128))),
});

const test = suite('detection');

const opening = openWasm({ threads: 2 });
test.after(async () => (await opening).close());

async function withDetector(name: DetectorNetwork, use: (detector: Detector) => Promise<void>): Promise<void> {
  const backend = await opening;
  const before = backend.liveBytes;
  const detector = await Detector.open(backend, name);
  await use(detector);
  await detector.dispose();
  assert.is(backend.liveBytes, before, 'bytes were left behind');
}

/** Found boxes that are drawn around one of the faces, and those that are not. */
function judge(found: readonly ScoredBox[], faces: readonly Box[]): { right: number; wrong: number } {
  const matched = faces.filter((face) => found.some(({ box }) => intersectionOverUnion(box, face) > 0.4));
  return { right: matched.length, wrong: found.length - matched.length };
}

/** Of 22 faces; the others are turned away or covered. */
const EXPECTED: Record<DetectorNetwork, { right: number; wrong: number; exact: string[] }> = {
  tiny: { right: 18, wrong: 3, exact: ['sample1.jpg', 'sample3.jpg', 'sample5.jpg'] },
  ssd: { right: 21, wrong: 1, exact: ['sample1.jpg', 'sample3.jpg', 'sample4.jpg', 'sample5.jpg', 'sample6.jpg'] },
};

for (const name of ['tiny', 'ssd'] as const)
  test(`${name}: the faces of the sample photos, where a person sees them`, () =>
    withDetector(name, async (detector) => {
      const { right: least, wrong: most, exact } = EXPECTED[name];
      let [right, wrong] = [0, 0];
      for (const [photo, faces] of Object.entries(SAMPLE_FACES)) {
        const found = await detector.detect(await samplePhoto(photo));
        const verdict = judge(found, faces);
        if (exact.includes(photo)) assert.equal(verdict, { right: faces.length, wrong: 0 }, photo);
        right += verdict.right;
        wrong += verdict.wrong;
        found.forEach(({ score, box }, k) => {
          assert.ok(score > 0.5 && score <= 1 && (k === 0 || score <= found[k - 1].score), 'the surest first');
          assert.ok(box[2] > 0 && box[3] > 0);
        });
      }
      assert.ok(right >= least, `${right} faces found`);
      assert.ok(wrong <= most, `${wrong} found where there are none`);
    }));

test('half the size, and mirrored, it finds the same faces', () =>
  withDetector('tiny', async (detector) => {
    const photo = await samplePhoto('sample3.jpg');
    const faces = SAMPLE_FACES['sample3.jpg'];
    const small = faces.map(([x, y, width, height]): Box => [x / 2, y / 2, width / 2, height / 2]);
    assert.equal(judge(await detector.detect(halved(photo)), small), { right: 3, wrong: 0 });
    const mirrored = faces.map(([x, y, width, height]): Box => [photo.width - x - width, y, width, height]);
    assert.equal(judge(await detector.detect(mirrorImage(photo)), mirrored), { right: 3, wrong: 0 });
  }));

test('minimumScore leaves out what it is less sure of', () =>
  withDetector('tiny', async (detector) => {
    const photo = halved(await samplePhoto('sample5.jpg'));
    const all = await detector.detect(photo);
    const [, second] = all;
    const surest = await detector.detect(photo, { minimumScore: second.score });
    assert.is(surest.length, 1);
    assert.is(surest[0].score, all[0].score);
  }));

test('where nobody is as sure as usual, the surest that is nearly so counts, unless a score was asked for', () =>
  withDetector('tiny', async (detector) => {
    const photo = halved(await samplePhoto('sample1.jpg'));
    // Fainter and fainter, until it is just not sure any more.
    let [faint, clear] = [0, 1];
    for (let step = 0; step < 9; step++) {
      const share = (faint + clear) / 2;
      if ((await detector.detect(faded(photo, share), { minimumScore: 0.5 })).length > 0) clear = share;
      else faint = share;
    }
    const found = await detector.detect(faded(photo, faint));
    assert.is(found.length, 1);
    assert.ok(found[0].score > 0.3 && found[0].score <= 0.5, `${found[0].score}`);
    const faces = SAMPLE_FACES['sample1.jpg'].map((box): Box => [box[0] / 2, box[1] / 2, box[2] / 2, box[3] / 2]);
    assert.equal(judge(found, faces), { right: 1, wrong: 0 });
  }));

test('nobody: no faces, after every other look', () =>
  withDetector('tiny', async (detector) => {
    assert.equal(await detector.detect(plain(300, 200)), []);
    assert.equal(await detector.detect(plain(1, 1)), []);
    assert.equal(await detector.detect(plain(2000, 3)), []);
  }));

test('an aborted signal ends it', () =>
  withDetector('tiny', async (detector) => {
    const reason = new Error('no longer wanted');
    const detecting = detector.detect(plain(300, 200), { signal: AbortSignal.abort(reason) });
    assert.is(await rejection(detecting), reason);
    const controller = new AbortController();
    const looking = detector.detect(plain(300, 200), { signal: controller.signal });
    controller.abort(reason); // between two looks
    assert.is(await rejection(looking), reason);
  }));

test('tiles cover the photo, inside of it, each overlapping the next by a quarter', () => {
  const side = fc.integer({ min: 1, max: 5000 });
  fc.assert(
    fc.property(side, side, fc.integer({ min: 64, max: 2000 }), (width, height, size) => {
      const views = tiles({ ...plain(1, 1), width, height }, size, 512);
      for (const [axis, length] of [
        ['left', width],
        ['top', height],
      ] as const) {
        const starts = [...new Set(views.map((view) => view[axis]))].sort((a, b) => a - b);
        assert.is(starts[0], 0);
        assert.ok(starts[starts.length - 1] + size >= length - 1e-6);
        if (length > size) assert.ok(starts[starts.length - 1] + size <= length + 1e-6);
        for (let k = 1; k < starts.length; k++) assert.ok(starts[k] - starts[k - 1] <= 0.75 * size + 1e-6);
      }
      for (const view of views) assert.equal([view.side, view.input], [size, 512]);
    }),
  );
});

test.run();
