import { createHash } from 'node:crypto';
import { platform } from '#platform';
import { calibrate } from '../face/calibrate';
import { CONDITIONS } from '../face/conditions';
import { detectorKey } from '../face/dataset-cache';
import { distanceHistogram } from '../face/distance-histogram';
import { type ConditionAt, type EmbedFilesOptions, embedFiles, type KnownFace } from '../face/embedding-cache';
import {
  accuracyOf,
  chooseThresholds,
  type Decisions,
  distancesOf,
  FAR,
  forCurves,
  type GroupFigures,
  groupFigures,
  onlyFolds,
  type PairFigures,
  pairFigures,
  type RejectionPoint,
  rejectionCurve,
  type ScoredPairs,
  scorePairs,
  type ThresholdRule,
} from '../face/evaluate';
import { type Interval, tarAtFar } from '../face/metrics';
import { readModel } from '../face/model';
import { recalibrated } from '../face/model-embedder';
import { calibratedCompanion, companionPath, readCompanion } from '../face/onnx-embedder';
import { type EmbeddingModel, FacePipeline } from '../face/pipeline';
import { limitPairs, type PairProtocol, readCfp, readLabels, readLfw, readPairs } from '../face/protocols';
import { type Calibration, NO_THRESHOLD } from '../face/verify';
import type { EvaluateOptions, PairOptions } from './evaluate-commands';
import { MASK_HEADINGS, type MaskFigures, maskedBy, maskedFiles, maskFigures, maskRow } from './evaluate-masks';
import { expectReportPlace, writePairReport } from './evaluate-report';
import { cacheFolder, writeFileAtomically } from './files';
import { pipelineOptions } from './options';
import { printDevice, printJson, printLine, printTable, startProgress, tell, UserError } from './output';

/** What is told of one list of pairs. */
export interface PairRun {
  protocol: PairProtocol;
  scored: ScoredPairs;
  decisions: Decisions;
  figures: PairFigures;
  photos: number;
  /** Photos without a face. */
  missed: number;
  conditions: ConditionFigures[];
  masks: MaskFigures[];
  groups: GroupFigures[];
  /** Nothing of aligned pictures, which are not judged. */
  rejection: RejectionPoint[];
}

export interface ConditionFigures {
  condition: string;
  unit: string;
  /** Nothing of the photos as they are. */
  strength: number | undefined;
  /** At the thresholds of the photos as they are. */
  accuracy: number;
  /** At a FAR of 0.01 of these very pairs. */
  tar: number;
  /** Probes without a face. */
  missed: number;
}

/** `likeness evaluate lfw`: View 2 by the book, or View 1, and with --calibrate the model's threshold. */
export async function evaluateLfw(folder: string, options: PairOptions, signal: AbortSignal): Promise<void> {
  const { view = 2, calibrate: wanted } = options;
  if (wanted && view !== 1)
    throw new UserError('a model is calibrated on View 1, never on View 2, which is for figures; add --view 1');
  const protocol = await readLfw(folder, view);
  const { runs, pipeline } = await evaluatePairs(
    [protocol],
    options,
    signal,
    view === 1 ? 'first-fold' : 'other-folds',
  );
  const calibration = wanted ? await storeCalibration(runs[0], options, pipeline.model) : undefined;
  if (options.json) return printJson({ ...documentOf(runs[0]), ...pipeline, ...(calibration && { calibration }) });
  printRuns(runs, options);
  if (calibration) printCalibration(calibration, options);
  printDevice(pipeline.device);
}

/** `likeness evaluate cfp`: frontal-frontal and frontal-profile. */
export async function evaluateCfp(folder: string, options: PairOptions, signal: AbortSignal): Promise<void> {
  const protocols = [await readCfp(folder, 'FF'), await readCfp(folder, 'FP')];
  const { runs, pipeline } = await evaluatePairs(protocols, options, signal, 'other-folds');
  if (options.json)
    return printJson({ frontalFrontal: documentOf(runs[0]), frontalProfile: documentOf(runs[1]), ...pipeline });
  printRuns(runs, options);
  printDevice(pipeline.device);
}

/** `likeness evaluate pairs`: any list. */
export async function evaluateList(file: string, options: PairOptions, signal: AbortSignal): Promise<void> {
  const protocol = await readPairs(file, options.root === undefined ? {} : { root: options.root });
  const { runs, pipeline } = await evaluatePairs([protocol], options, signal, 'other-folds');
  if (options.json) return printJson({ ...documentOf(runs[0]), ...pipeline });
  printRuns(runs, options);
  printDevice(pipeline.device);
}

async function evaluatePairs(
  protocols: readonly PairProtocol[],
  options: PairOptions,
  signal: AbortSignal,
  usual: ThresholdRule,
): Promise<{ runs: PairRun[]; pipeline: Pick<FacePipeline, 'device' | 'model'> & { seconds: number } }> {
  await expectReportPlace(options.report);
  const labelOf = options.labels === undefined ? undefined : await readLabels(options.labels);
  const started = performance.now();
  await using pipeline = await FacePipeline.open(pipelineOptions(options));
  const rule = await thresholdRule(pipeline, options, usual);
  const runs: PairRun[] = [];
  for (const protocol of protocols)
    runs.push(await evaluateProtocol(pipeline, protocol, { options, rule, labelOf, signal }));
  const { device, model } = pipeline;
  const seconds = (performance.now() - started) / 1000;
  if (options.report !== undefined)
    await writePairReport(options.report, runs, { device, model, seconds, seed: options.seed });
  return { runs, pipeline: { device, model, seconds } };
}

async function thresholdRule(
  pipeline: FacePipeline,
  options: PairOptions,
  usual: ThresholdRule,
): Promise<ThresholdRule> {
  if (options.threshold !== undefined) return { threshold: options.threshold };
  if (!options.ownThreshold) return usual;
  const calibration = await pipeline.calibration();
  if (!calibration) throw new UserError(NO_THRESHOLD);
  return { threshold: calibration.threshold };
}

interface Ways {
  options: PairOptions;
  rule: ThresholdRule;
  labelOf: ((file: string) => string | undefined) | undefined;
  signal: AbortSignal;
}

async function evaluateProtocol(pipeline: FacePipeline, protocol: PairProtocol, ways: Ways): Promise<PairRun> {
  const { options, rule, labelOf, signal } = ways;
  const { seed } = options;
  const pairs = limitPairs(protocol.pairs, options.limit);
  const files = [...new Set(pairs.flatMap((pair) => pair.files))].sort();
  const probes = [...new Set(pairs.map(({ files: [, probe] }) => probe))].sort();
  const conditions = (options.conditions ?? []).flatMap((name) =>
    CONDITIONS[name].strengths.map((strength): ConditionAt => ({ name, strength, seed })),
  );
  const withMasks = options.masks ? maskedFiles(pairs, options.masks) : [];
  const total = files.length + conditions.length * probes.length + withMasks.length;
  const embed = await embedder(pipeline, total, options, signal);
  try {
    const known = await embed.files(files);
    const scored = scorePairs(pairs, known);
    const decisions = chooseThresholds(scored, rule);
    const figures = pairFigures(scored, decisions, { seed });
    const rows: ConditionFigures[] = [];
    const add = (condition: ConditionAt | undefined, changed: Map<string, KnownFace>) => {
      const own = scorePairs(pairs, known, changed);
      const { squared, same } = onlyFolds(own, decisions.scored);
      rows.push({
        condition: condition?.name ?? 'none',
        unit: condition ? CONDITIONS[condition.name].unit : '',
        strength: condition?.strength,
        accuracy: accuracyOf(own, decisions),
        tar: tarAtFar(forCurves(squared), same, FAR[0]),
        missed: probes.filter((probe) => !changed.has(probe)).length,
      });
    };
    if (conditions.length > 0) add(undefined, known);
    for (const condition of conditions) add(condition, await embed.files(probes, condition));
    const { masks } = options;
    return {
      protocol: { ...protocol, pairs },
      scored,
      decisions,
      figures,
      photos: files.length,
      missed: files.length - known.size,
      conditions: rows,
      masks: masks
        ? maskFigures(pairs, known, await embed.files(withMasks, maskedBy(seed)), {
            masks,
            rule,
            unmasked: decisions,
            seed,
          })
        : [],
      groups: labelOf ? groupFigures(scored, decisions, labelOf, { seed }) : [],
      rejection: options.aligned ? [] : rejectionCurve(scored, decisions, known),
    };
  } finally {
    embed.stop();
  }
}

/** How faces are looked for, and whether what comes of them is kept. */
export type Looks = Pick<
  EvaluateOptions,
  'detector' | 'cascade' | 'aligner' | 'flip' | 'aligned' | 'minimumScore' | 'smallFaces' | 'progress' | 'cache'
>;

/** Embeds files by way of the cache, and shows how far it is. */
export async function embedder(pipeline: FacePipeline, total: number, options: Looks, signal: AbortSignal) {
  const { detector, cascade, aligner, flip, aligned = false, minimumScore, smallFaces } = options;
  const progress = await startProgress(total, options.progress);
  let done = 0;
  const shared: EmbedFilesOptions = {
    settings: JSON.stringify({
      detector: await detectorKey(detector),
      cascade,
      aligner,
      flip,
      points: await landmarkNetworkHash(),
    }),
    aligned,
    ...(minimumScore !== undefined && { minimumScore }),
    smallFaces,
    signal,
    ...(options.cache && { cacheFolder: cacheFolder('embeddings') }),
    onProgress: () => {
      done++;
      progress.advance();
    },
  };
  return {
    async files(files: readonly string[], condition?: ConditionAt): Promise<Map<string, KnownFace>> {
      try {
        return await embedFiles(pipeline, files, { ...shared, ...(condition && { condition }) });
      } catch (error) {
        if (signal.aborted && options.cache)
          tell(`${done} of ${total} photos are done and kept; the same command goes on from there`);
        throw error;
      }
    },
    stop: () => progress.stop(),
  };
}

/** Faces are aligned and judged by the points of our own network: another one gives other embeddings. */
async function landmarkNetworkHash(): Promise<string> {
  const bytes = await platform.readBytes(new URL('landmarks.safetensors', platform.modelsDirectory()));
  return createHash('sha256').update(bytes).digest('hex');
}

async function storeCalibration(
  { protocol, scored }: PairRun,
  { model, embedder: onnx, flip }: PairOptions,
  { preprocessing }: EmbeddingModel,
): Promise<Calibration> {
  const mode = flip ? 'flip' : 'plain';
  const calibration = calibrate(distancesOf(scored), `${protocol.pairs.length} pairs of ${protocol.name}`);
  if (!calibration)
    throw new UserError(
      'the model cannot be calibrated: its distances do not tell pairs of one person from the others',
    );
  if (model !== undefined)
    await writeFileAtomically(model, recalibrated((await readModel(model)).bytes, mode, calibration, model));
  if (onnx !== undefined && preprocessing) {
    const companion = calibratedCompanion(await readCompanion(onnx), preprocessing, mode, calibration);
    await writeFileAtomically(companionPath(onnx), new TextEncoder().encode(companion));
  }
  return calibration;
}

function printCalibration(calibration: Calibration, { model, embedder: onnx, flip }: PairOptions) {
  const { threshold, falseMatchRate = Number.NaN, stricter = [], slope, origin } = calibration;
  printTable(
    ['Threshold', 'False matches'],
    [{ threshold, falseMatchRate }, ...stricter].map((point) => [
      point.threshold.toFixed(4),
      share(point.falseMatchRate),
    ]),
  );
  printLine(`Probability: 1 / (1 + exp(${slope.toFixed(2)} * (distance - ${threshold.toFixed(4)}))); from ${origin}.`);
  const mode = flip ? 'flip' : 'plain';
  const file = onnx === undefined ? model : companionPath(onnx);
  printLine(
    file === undefined
      ? `The pretrained network's calibration is CALIBRATION.${mode} in src/face/embed.ts.`
      : `Written: ${file} (${mode})`,
  );
}

/** The one document of a run; `folds` are the accuracies, `distances` are of all pairs, scored or not. */
function documentOf({ protocol, scored, figures, photos, missed, conditions, masks, groups, rejection }: PairRun) {
  const { accuracy, standardError, tarAtFar: tar, auc, eer, folds, ...others } = figures;
  return {
    protocol: protocol.name,
    accuracy,
    standardError,
    tarAtFar: tar,
    auc,
    eer,
    missed,
    folds,
    ...others,
    photos,
    distances: distanceHistogram(scored),
    ...(conditions.length > 0 && { conditions }),
    ...(masks.length > 0 && { masks }),
    ...(groups.length > 0 && { groups }),
    ...(rejection.length > 0 && { rejection }),
  };
}

export const share = (value: number | undefined, digits = 2): string =>
  value === undefined || Number.isNaN(value) ? '-' : `${(100 * value).toFixed(digits)} %`;

export const between = ([low, high]: Interval): string => `${(100 * low).toFixed(2)} to ${(100 * high).toFixed(2)}`;

/** Rows of a table of figures: name, value, interval. */
export function figureRows({ figures, photos, missed }: PairRun): string[][] {
  const { accuracy, standardError, intervals, tarAtFar: tar, auc, eer } = figures;
  const error = Number.isNaN(standardError) ? '' : ` ± ${(100 * standardError).toFixed(2)}`;
  return [
    ['Accuracy', `${share(accuracy)}${error}`, between(intervals.accuracy)],
    ...Object.entries(tar).map(([rate, value]) => [
      `TAR at FAR ${rate}`,
      share(value),
      between(intervals.tarAtFar[rate]),
    ]),
    ['AUC', share(auc), between(intervals.auc)],
    ['EER', share(eer), between(intervals.eer)],
    ['Photos without a face', `${missed} of ${photos}`, ''],
  ];
}

export const CONDITION_HEADINGS = ['Condition', 'Strength', 'Accuracy', 'TAR at FAR 0.01', 'Probes without a face'];
export const conditionRow = ({ condition, strength, unit, accuracy, tar, missed }: ConditionFigures): string[] => [
  condition,
  strength === undefined ? '' : `${strength} ${unit}`,
  share(accuracy),
  share(tar),
  String(missed),
];

export const GROUP_HEADINGS = ['Group', 'Pairs', 'Accuracy', '95 %', 'False matches', 'False non-matches'];
export const groupRow = (group: GroupFigures): string[] => [
  group.group,
  String(group.pairs),
  share(group.accuracy),
  between(group.interval),
  share(group.falseMatchRate),
  share(group.falseNonMatchRate),
];

function printRuns(runs: readonly PairRun[], { report }: PairOptions) {
  for (const run of runs) {
    const { protocol, figures, conditions, masks, groups, scored, rejection } = run;
    printLine(`${protocol.name}: ${figures.pairs} pairs of ${run.photos} photos`);
    printTable(['', '', '95 % by bootstrap'], figureRows(run));
    printLine(`Folds: ${figures.folds.map((value) => (100 * value).toFixed(2)).join(' ')}`);
    const different = scored.same.filter((same) => !same).length;
    if (different < 10 / FAR[1])
      printLine(`${different} pairs of two people cannot resolve a FAR below ${(1 / different).toPrecision(1)}.`);
    if (conditions.length > 0) printTable(CONDITION_HEADINGS, conditions.map(conditionRow));
    if (masks.length > 0) printTable(MASK_HEADINGS, masks.map(maskRow));
    if (groups.length > 0) printTable(GROUP_HEADINGS, groups.map(groupRow));
    if (rejection.length > 0)
      printTable(
        ['Rejected, the least quality', ...rejection.map(({ rejected }) => share(rejected, 0))],
        [['Errors of the others', ...rejection.map(({ error }) => share(error))]],
      );
  }
  if (report !== undefined) printLine(`Written: ${report}`);
}
