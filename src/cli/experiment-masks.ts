import { spawn } from 'node:child_process';
import { access, mkdir, readFile } from 'node:fs/promises';
import { basename, join, parse } from 'node:path';
import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import { type Embedder, PRETRAINED, PretrainedEmbedder } from '../face/embed';
import {
  accuracyOf,
  chooseThresholds,
  type Embeddings,
  FAR,
  type PairFigures,
  pairFigures,
  scorePairs,
} from '../face/evaluate';
import { openModel } from '../face/model';
import { ModelEmbedder } from '../face/model-embedder';
import { FacePipeline } from '../face/pipeline';
import { type Pair, readLfw } from '../face/protocols';
import type { Backend } from '../kernels/backend';
import { openDevice } from '../tensor/device';
import { svgDocument } from './chart';
import { between, embedder, share } from './evaluate';
import { maskedBy } from './evaluate-masks';
import type { MaskExperimentOptions } from './experiment-commands';
import { type BothEmbeddings, embedWithMasks } from './experiment-crops';
import { writeFileAtomically } from './files';
import { printJson, printLine, printTable, startProgress, tell, UserError } from './output';
import { cachedTiles } from './tiles';
import { typed } from './typed';

/** What is done against masks in a training: the words of likeness train. */
const KINDS = [
  { kind: 'plain', words: (): string[] => [] },
  { kind: 'masks', words: (some: string) => ['--masks', some] },
  { kind: 'upper', words: () => ['--focus', 'upper'] },
  { kind: 'masks and upper', words: (some: string) => ['--masks', some, '--focus', 'upper'] },
] as const;

type Kind = (typeof KINDS)[number]['kind'] | 'pretrained';

const PHOTOS = ['unmasked-unmasked', 'masked-unmasked', 'masked-masked'] as const;

/** One network on one kind of pairs. */
interface Result extends Pick<PairFigures, 'accuracy' | 'auc' | 'eer' | 'intervals'> {
  kind: Kind;
  seed: number;
  photos: (typeof PHOTOS)[number];
  tar: number;
  /** At the threshold of its unmasked pairs: what somebody sees whose system was set up before. */
  accuracyAtUnmasked: number;
}

/** `likeness experiment masks`: networks trained with what is done against masks and without, side by side. */
export async function experimentMasks(
  folders: readonly string[],
  options: MaskExperimentOptions,
  signal: AbortSignal,
): Promise<void> {
  const { out, work, seeds, lfw, json } = options;
  if (parse(out).ext.toLowerCase() !== '.md')
    throw new UserError(`${out} is to be a page; name a file that ends in .md`);
  const { pairs } = await readLfw(lfw, 1);
  await mkdir(work, { recursive: true });
  const started = performance.now();
  const networks: { kind: Kind; seed: number; model: string }[] = [];
  for (let seed = 1; seed <= seeds; seed++)
    for (const { kind, words } of KINDS) {
      const model = join(work, `${kind.replaceAll(' ', '-')}-${seed}.safetensors`);
      await trainOne(folders, model, [...words(String(options.share)), '--seed', String(seed)], options, signal);
      networks.push({ kind, seed, model });
    }
  const results = await compare(networks, pairs, options, signal);
  const seconds = (performance.now() - started) / 1000;
  const chart = join(parse(out).dir, `${parse(out).name}.svg`);
  const report = { command: typed().join(' '), pairs: pairs.length, results, seconds };
  await writeFileAtomically(out, new TextEncoder().encode(page(results, report, basename(chart))));
  await writeFileAtomically(chart, new TextEncoder().encode(draw(results)));
  if (json) return printJson({ ...report, page: out, chart });
  printTable(HEADINGS, rowsOf(results));
  printLine(`Written: ${out}, ${chart}; ${seconds.toFixed(0)} s`);
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

/** By the command itself, in a process of its own, which goes on where it was stopped. */
async function trainOne(
  folders: readonly string[],
  model: string,
  words: readonly string[],
  { preset, size, epochs, start, device, threads }: MaskExperimentOptions,
  signal: AbortSignal,
): Promise<void> {
  const finished = `${model}.json`;
  if (await exists(finished)) return;
  const told = [
    ...['train', ...folders, '--teacher', '--preset', preset, '--epochs', String(epochs), '--out', model, '--json'],
    ...(size === undefined ? [] : ['--size', String(size)]),
    ...(start === undefined ? [] : ['--start', start]),
    ...['--device', device, ...(threads === undefined ? [] : ['--threads', String(threads)])],
    ...words,
  ];
  const resumed = (await exists(model)) ? [...told, '--resume'] : told;
  tell(`likeness ${resumed.join(' ')}`);
  const child = spawn(process.execPath, [process.argv[1], ...resumed], { stdio: ['ignore', 'pipe', 'inherit'] });
  const stop = () => child.kill('SIGINT');
  signal.addEventListener('abort', stop);
  const output: Buffer[] = [];
  child.stdout.on('data', (part: Buffer) => output.push(part));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  signal.removeEventListener('abort', stop);
  signal.throwIfAborted();
  if (code !== 0) throw new UserError(`the training of ${model} failed, as is said above`);
  await writeFileAtomically(finished, Buffer.concat(output));
}

/** All networks, and the pretrained one, on the same crops of the same faces. */
async function compare(
  networks: readonly { kind: Kind; seed: number; model: string }[],
  pairs: readonly Pair[],
  { device, threads, progress: wanted }: MaskExperimentOptions,
  signal: AbortSignal,
): Promise<Result[]> {
  const files = [...new Set(pairs.flatMap((pair) => pair.files))].sort();
  const where = { device, ...(threads !== undefined && { threads }) };
  const found = await findFaces(files, where, wanted, signal);
  const { backend } = await openDevice(device, { ...where, tiles: cachedTiles });
  const progress = await startProgress(found.size, wanted);
  const embedders: Embedder[] = [];
  try {
    const all = [...networks, { kind: 'pretrained', seed: 0, model: '' } as const];
    for (const { kind, model } of all) embedders.push(await openEmbedder(backend, kind, model));
    const onPhoto = () => progress.advance();
    const embeddings = await embedWithMasks(backend, embedders, found, maskedBy(1), { onPhoto, signal });
    return all.flatMap(({ kind, seed }, k) => resultsOf(kind, seed, pairs, embeddings[k]));
  } finally {
    progress.stop();
    for (const one of embedders) await one.dispose();
    await backend.close();
  }
}

async function openEmbedder(backend: Backend, kind: Kind, model: string): Promise<Embedder> {
  if (kind === 'pretrained') return PretrainedEmbedder.open(backend);
  return new ModelEmbedder(backend, openModel(backend, await readFile(model), model));
}

/** Where the faces of the photos are, by the pipeline as it is, and kept with what `likeness evaluate` keeps. */
async function findFaces(
  files: readonly string[],
  where: Pick<MaskExperimentOptions, 'device' | 'threads'>,
  progress: boolean,
  signal: AbortSignal,
) {
  await using pipeline = await FacePipeline.open({ ...where, tiles: cachedTiles });
  const looks = { detector: 'tiny', flip: true, smallFaces: false, cache: true } as const;
  const embed = await embedder(pipeline, files.length, { ...looks, progress }, signal);
  return embed.files(files).finally(() => embed.stop());
}

function resultsOf(kind: Kind, seed: number, pairs: readonly Pair[], { unmasked, masked }: BothEmbeddings): Result[] {
  const rule = 'first-fold';
  const usual = chooseThresholds(scorePairs(pairs, unmasked), rule);
  return PHOTOS.map((photos) => {
    const enrolled: Embeddings = photos === 'masked-masked' ? masked : unmasked;
    const scored = scorePairs(pairs, enrolled, photos === 'unmasked-unmasked' ? unmasked : masked);
    const { accuracy, auc, eer, intervals, tarAtFar } = pairFigures(scored, chooseThresholds(scored, rule), {
      seed: 1,
    });
    const tar = tarAtFar[String(FAR[0])];
    return { kind, seed, photos, accuracy, auc, eer, intervals, tar, accuracyAtUnmasked: accuracyOf(scored, usual) };
  });
}

const HEADINGS = [
  'Trained',
  'Photos',
  'Accuracy',
  '95 %',
  'Seeds',
  'At unmasked',
  `TAR at FAR ${FAR[0]}`,
  'EER',
  'AUC',
];

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

/** A row for each kind of network and pairs: means over the seeds; the interval is that over pairs, of the first seed. */
function rowsOf(results: readonly Result[]): string[][] {
  const kinds = [...new Set(results.map(({ kind }) => kind))];
  return kinds.flatMap((kind) =>
    PHOTOS.map((photos) => {
      const own = results.filter((result) => result.kind === kind && result.photos === photos);
      const of = (value: (result: Result) => number) => mean(own.map(value));
      return [
        kind,
        photos,
        share(of(({ accuracy }) => accuracy)),
        between(own[0].intervals.accuracy),
        own.map(({ accuracy }) => (100 * accuracy).toFixed(1)).join(' '),
        share(of(({ accuracyAtUnmasked }) => accuracyAtUnmasked)),
        share(of(({ tar }) => tar)),
        share(of(({ eer }) => eer)),
        of(({ auc }) => auc).toFixed(3),
      ];
    }),
  );
}

/** What masks cost a kind of network, and by what margin the seeds differ. */
function finding(results: readonly Result[]): string {
  const accuracy = (kind: Kind, photos: Result['photos']) =>
    results.filter((result) => result.kind === kind && result.photos === photos).map((result) => result.accuracy);
  const [masks, upper] = (['masks', 'upper'] as const).map((kind) =>
    [...accuracy(kind, 'masked-unmasked'), ...accuracy(kind, 'masked-masked')].sort((a, b) => a - b),
  );
  const better = mean(masks) > mean(upper) ? 'Masks in the training set' : 'Looking at the upper half alone';
  const gap = 100 * Math.abs(mean(masks) - mean(upper));
  const lost = (kind: Kind) =>
    100 * (mean(accuracy(kind, 'unmasked-unmasked')) - mean(accuracy(kind, 'masked-unmasked')));
  return (
    `${better} helped more: ${gap.toFixed(1)} points of accuracy on pairs with masks, mean of both kinds of pairs and all ` +
    `seeds. With a mask on one photo of each pair the plain networks lose ${lost('plain').toFixed(1)} points, those ` +
    `trained with masks ${lost('masks').toFixed(1)}, those that see the upper half ${lost('upper').toFixed(1)}, those ` +
    `with both ${lost('masks and upper').toFixed(1)}, and ${PRETRAINED.name} ${lost('pretrained').toFixed(1)}.`
  );
}

function page(
  results: readonly Result[],
  { command, seconds }: { command: string; seconds: number },
  chart: string,
): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [
    '# What helps against masks?',
    '',
    'Networks of one form and one beginning, taught by the pretrained face ResNet: plainly, with drawn masks on some of',
    'the training faces, with the upper part of faces alone, and with both. Each is then judged by the pairs of LFW, View',
    '1: the threshold of `pairsDevTrain` decides those of `pairsDevTest`, 1,000. Faces are cut out by the landmarks of the',
    'photo without a mask, and masks are drawn on every second photo of a pair, or on both: what finds faces is left out.',
    '',
    '```sh',
    command,
    '```',
    '',
    finding(results),
    '',
    `![Accuracy of each kind of network on pairs with and without masks](${chart})`,
    '',
    line(HEADINGS),
    line(HEADINGS.map(() => '---')),
    ...rowsOf(results).map(line),
    '',
    'Accuracy is the mean over the seeds, which stand beside it; the interval is a bootstrap over pairs, of the first seed.',
    '"At unmasked" is the accuracy at the threshold of the pairs without masks: what somebody sees whose system was set up',
    `before. The run took ${(seconds / 60).toFixed(0)} minutes.`,
    '',
  ].join('\n');
}

const CHART = { width: 720, height: 320 };

/** Every network as a dot. */
function draw(results: readonly Result[]): string {
  const { document } = parseHTML('<html><body></body></html>');
  const kinds = [...new Set(results.map(({ kind }) => kind))];
  const element = Plot.plot({
    document,
    ...CHART,
    marginLeft: 52,
    marginBottom: 40,
    style: { fontSize: '12px' },
    y: { label: 'Accuracy, %', grid: true },
    x: { label: null, domain: kinds, ticks: [] },
    fx: { label: null, domain: [...PHOTOS] },
    color: { domain: kinds, scheme: 'tableau10' },
    marks: [
      Plot.dot(results, { fx: 'photos', x: 'kind', y: ({ accuracy }: Result) => 100 * accuracy, fill: 'kind', r: 4 }),
      Plot.axisX({ anchor: 'bottom', label: null, tickFormat: shortName, tickSize: 0, fontSize: 9 }),
    ],
  });
  return svgDocument('Accuracy of each kind of network on pairs with and without masks', CHART, [
    { element, left: 0, top: 0 },
  ]);
}

const shortName = (kind: Kind): string =>
  kind === 'masks and upper' ? 'both' : kind === 'pretrained' ? 'pretr.' : kind;
