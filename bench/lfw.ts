// Labeled Faces in the Wild, end to end from the 250x250 photos: detect, landmarks, align, embed, compare.
//   npm run bench -- lfw ../shared/faces/lfw              View 2, the number everyone quotes (Huang et al. 2007)
//   npm run bench -- lfw ../shared/faces/lfw --view 1     View 1, for choosing: prints the calibration for src/face/embed.ts
//   also: --detector ssd, --no-flip, --threads N
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { euclideanDistance } from '../src/face/verify';
import { FacePipeline } from '../src/index';

interface Pair {
  files: [string, string];
  same: boolean;
}

const { positionals, values: options } = parseArgs({
  allowPositionals: true,
  options: {
    view: { type: 'string', default: '2' },
    detector: { type: 'string', default: 'tiny' },
    'no-flip': { type: 'boolean', default: false },
    threads: { type: 'string', default: '2' },
  },
});
const [folder] = positionals;
if (!folder) throw new Error('name the folder of LFW: npm run bench -- lfw ../shared/faces/lfw');

/** A line is `name n1 n2` (one person) or `name1 n1 name2 n2` (two). */
function readPairs(list: string): Pair[] {
  const file = (name: string, number: string) => `${name}/${name}_${number.padStart(4, '0')}.jpg`;
  return readFileSync(join(folder, list), 'utf8')
    .trim()
    .split('\n')
    .slice(1)
    .map((line): Pair => {
      const [name, first, second, third] = line.split('\t');
      return third === undefined
        ? { files: [file(name, first), file(name, second)], same: true }
        : { files: [file(name, first), file(second, third)], same: false };
    });
}

async function embedAll(pairs: readonly Pair[]): Promise<Map<string, Float32Array>> {
  const files = [...new Set(pairs.flatMap((pair) => pair.files))].sort();
  await using faces = await FacePipeline.open({
    device: 'wasm',
    threads: Number(options.threads),
    detector: options.detector === 'ssd' ? 'ssd' : 'tiny',
    flip: !options['no-flip'],
  });
  const embeddings = new Map<string, Float32Array>();
  const started = performance.now();
  let done = 0;
  const paths = files.map((file) => join(folder, 'images', file));
  for await (const result of faces.embedAll(paths, { onlyMostProminent: true })) {
    if (result.error) throw result.error;
    const [face] = result.faces ?? [];
    if (face) embeddings.set(files[done], face.embedding);
    done++;
    if (process.stderr.isTTY || done % 1000 === 0)
      process.stderr.write(`${done} of ${files.length} photos, ${files.length - done} to go\n`);
  }
  const seconds = (performance.now() - started) / 1000;
  console.log(
    `${files.length} photos in ${seconds.toFixed(0)} s (${((1000 * seconds) / files.length).toFixed(1)} ms each), ${files.length - embeddings.size} without a face`,
  );
  return embeddings;
}

/** Squared distance; a pair with a photo that has no face is wrong at every threshold. */
function distances(
  pairs: readonly Pair[],
  embeddings: Map<string, Float32Array>,
): { distance: number; same: boolean }[] {
  return pairs.map(({ files: [a, b], same }) => {
    const [x, y] = [embeddings.get(a), embeddings.get(b)];
    const missing = same ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
    return { distance: x && y ? euclideanDistance(x, y) ** 2 : missing, same };
  });
}

type Scored = ReturnType<typeof distances>;
const accuracy = (pairs: Scored, threshold: number) =>
  pairs.filter(({ distance, same }) => distance <= threshold === same).length / pairs.length;

/** The first of the grid 0, 0.01, ... 4 with the highest accuracy. */
function bestThreshold(pairs: Scored): number {
  let best = { threshold: 0, accuracy: 0 };
  for (let k = 0; k <= 400; k++) {
    const here = accuracy(pairs, k / 100);
    if (here > best.accuracy) best = { threshold: k / 100, accuracy: here };
  }
  return best.threshold;
}

/** Share of same pairs accepted at the threshold that accepts a share `rate` of the different pairs. */
function trueAcceptance(pairs: Scored, rate: number): number {
  const different = pairs
    .filter(({ same }) => !same)
    .map(({ distance }) => distance)
    .sort((a, b) => a - b);
  const same = pairs.filter((pair) => pair.same);
  const threshold = different[Math.floor(rate * different.length)];
  return same.filter(({ distance }) => distance < threshold).length / same.length;
}

function reportView2(scored: Scored): void {
  const folds = Array.from({ length: 10 }, (_, k) => scored.slice(600 * k, 600 * (k + 1)));
  const accuracies = folds.map((fold, k) =>
    accuracy(fold, bestThreshold(folds.filter((_, other) => other !== k).flat())),
  );
  const mean = accuracies.reduce((sum, value) => sum + value) / 10;
  const deviation = Math.sqrt(accuracies.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 9);
  console.log(`LFW View 2: accuracy ${(100 * mean).toFixed(2)} % +- ${((100 * deviation) / Math.sqrt(10)).toFixed(2)}`);
  console.log(`folds ${accuracies.map((value) => (100 * value).toFixed(2)).join(' ')}`);
  console.log(
    `TAR at FAR 1e-2 ${trueAcceptance(scored, 0.01).toFixed(4)}, at 1e-3 ${trueAcceptance(scored, 0.001).toFixed(4)} (3,000 different pairs; over all folds)`,
  );
}

/**
 * Logistic regression of "same" on the distance by Newton's method: the probability for a pair that is beforehand as
 * likely one person as two, which View 1's pairs are.
 */
function fitLogistic(pairs: { distance: number; same: boolean }[]): { slope: number; centre: number } {
  let [a, b] = [0, 0]; // probability = 1 / (1 + exp(-(a + b * distance)))
  for (let iteration = 0; iteration < 50; iteration++) {
    let [ga, gb, haa, hab, hbb] = [0, 0, 0, 0, 0];
    for (const { distance, same } of pairs) {
      const p = 1 / (1 + Math.exp(-(a + b * distance)));
      const residual = (same ? 1 : 0) - p;
      const weight = p * (1 - p) + 1e-9;
      ga += residual;
      gb += residual * distance;
      haa += weight;
      hab += weight * distance;
      hbb += weight * distance * distance;
    }
    const determinant = haa * hbb - hab * hab;
    a += (hbb * ga - hab * gb) / determinant;
    b += (haa * gb - hab * ga) / determinant;
  }
  return { slope: -b, centre: -a / b };
}

function reportView1(train: Scored, test: Scored): void {
  const threshold = bestThreshold(train);
  console.log(
    `LFW View 1: accuracy on pairsDevTest ${(100 * accuracy(test, threshold)).toFixed(2)} % at the threshold of pairsDevTrain (squared distance ${threshold})`,
  );
  const all = [...train, ...test];
  const found = all
    .filter(({ distance }) => Number.isFinite(distance))
    .map((pair) => ({ ...pair, distance: Math.sqrt(pair.distance) }));
  const { slope, centre } = fitLogistic(found);
  const chosen = Math.sqrt(bestThreshold(all));
  const different = found.filter(({ same }) => !same);
  const falseMatches = different.filter(({ distance }) => distance <= chosen).length;
  console.log(
    `calibration over all ${all.length} pairs: threshold ${chosen.toFixed(3)}, slope ${slope.toFixed(2)}, centre ${centre.toFixed(4)}`,
  );
  console.log(
    `accuracy there ${(100 * accuracy(all, chosen ** 2)).toFixed(2)} %, false matches ${falseMatches} of ${different.length}`,
  );
}

if (options.view === '1') {
  const [train, test] = ['pairsDevTrain.txt', 'pairsDevTest.txt'].map(readPairs);
  const embeddings = await embedAll([...train, ...test]);
  reportView1(distances(train, embeddings), distances(test, embeddings));
} else {
  const pairs = readPairs('pairs.txt');
  reportView2(distances(pairs, await embedAll(pairs)));
}
