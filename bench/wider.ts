// Average precision of the detectors at IoU 0.5 on WIDER FACE photos (Yang et al. 2016), by difficulty as there:
// easy counts easy boxes only, medium easy and medium, hard all three; the boxes left out count neither way.
//   npm run bench -- wider ../shared/faces/wider [--detector tiny|ssd] [--small-faces]
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Box, intersectionOverUnion, type ScoredBox } from '../src/face/boxes';
import { Detector, type DetectorName } from '../src/face/detect';
import { readImage } from '../src/face/image';
import { openDevice } from '../src/tensor/device';

const LEVELS = ['easy', 'medium', 'hard'];
const { positionals, values: options } = parseArgs({
  allowPositionals: true,
  options: { detector: { type: 'string' }, 'small-faces': { type: 'boolean' } },
});
const [folder] = positionals;
if (!folder) throw new Error('name the folder of WIDER FACE: npm run bench -- wider ../shared/faces/wider');

/** The boxes of each photo; the level of those to ignore is the highest. */
const truth = new Map<string, { box: Box; level: number }[]>();
for (const line of readFileSync(join(folder, 'boxes.csv'), 'utf8').trim().split('\n').slice(1)) {
  const [file, x, y, width, height, difficulty] = line.split(',');
  const level = LEVELS.includes(difficulty) ? LEVELS.indexOf(difficulty) : LEVELS.length;
  truth.set(file, [...(truth.get(file) ?? []), { box: [Number(x), Number(y), Number(width), Number(height)], level }]);
}

/** Area under precision against recall, precision made monotone, as Pascal VOC 2010 and WIDER FACE have it. */
function averagePrecision(found: ReadonlyMap<string, readonly ScoredBox[]>, level: number): number {
  const marks: { score: number; right: boolean }[] = [];
  let total = 0;
  for (const [file, boxes] of truth) {
    total += boxes.filter((box) => box.level <= level).length;
    const taken = new Set<Box>();
    for (const { box, score } of found.get(file) ?? []) {
      const overlapping = boxes
        .map((candidate) => ({ ...candidate, overlap: intersectionOverUnion(box, candidate.box) }))
        .filter(({ overlap }) => overlap >= 0.5)
        .sort((a, b) => b.overlap - a.overlap);
      const match = overlapping.find((candidate) => !taken.has(candidate.box)) ?? overlapping[0];
      if (match && match.level > level) continue;
      marks.push({ score, right: match !== undefined && !taken.has(match.box) });
      if (match) taken.add(match.box);
    }
  }
  marks.sort((a, b) => b.score - a.score);
  let right = 0;
  const points = marks.map((mark, k) => {
    if (mark.right) right++;
    return { recall: right / total, precision: right / (k + 1) };
  });
  let area = 0;
  let highest = 0;
  for (let k = points.length - 1; k >= 0; k--) {
    highest = Math.max(highest, points[k].precision);
    area += (points[k].recall - (points[k - 1]?.recall ?? 0)) * highest;
  }
  return area;
}

async function measure(name: DetectorName, smallFaces: boolean): Promise<void> {
  const { backend } = await openDevice('wasm');
  const detector = await Detector.open(backend, name);
  const found = new Map<string, ScoredBox[]>();
  let milliseconds = 0;
  for (const file of truth.keys()) {
    const photo = await readImage(join(folder, 'images', file));
    const started = performance.now();
    found.set(file, await detector.detect(photo, { smallFaces, minimumScore: 0.05 }));
    milliseconds += performance.now() - started;
  }
  const precisions = LEVELS.map((level, k) => `${level} ${averagePrecision(found, k).toFixed(3)}`).join(', ');
  console.log(
    `${name}${smallFaces ? ' --small-faces' : ''}: ${precisions}; ${(milliseconds / truth.size).toFixed(0)} ms a photo`,
  );
  await detector.dispose();
  await backend.close();
}

const names: DetectorName[] =
  options.detector === 'tiny' ? ['tiny'] : options.detector === 'ssd' ? ['ssd'] : ['tiny', 'ssd'];
for (const name of names)
  for (const smallFaces of options['small-faces'] ? [true] : [false, true]) await measure(name, smallFaces);
