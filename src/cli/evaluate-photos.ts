import { openDetector } from '../face/detect';
import { evaluateDetector, evaluateLandmarks } from '../face/evaluate-photos';
import { LandmarkFinder, type LandmarkName } from '../face/landmarks';
import { readBoxes, readPoints, spread } from '../face/protocols';
import { type OpenedDevice, openDevice } from '../tensor/device';
import { share } from './evaluate';
import type { EvaluateOptions } from './evaluate-commands';
import { printDevice, printJson, printLine, printTable, startProgress } from './output';
import { cachedTiles } from './tiles';

/** `likeness evaluate detect`: average precision against labelled boxes, by difficulty. */
export async function evaluateDetection(folder: string, options: EvaluateOptions, signal: AbortSignal): Promise<void> {
  const truth = limited(await readBoxes(folder), options.limit);
  const { figures, device } = await onDevice(options, truth.size, async ({ backend }, onProgress) => {
    const detector = await openDetector(backend, options.detector, options);
    const { smallFaces } = options;
    return evaluateDetector(detector, truth, { smallFaces, signal, onProgress }).finally(() => detector.dispose());
  });
  if (options.json)
    return printJson({ ...figures, detector: options.detector, smallFaces: options.smallFaces, device });
  printTable(
    ['Faces', 'Boxes', 'Average precision'],
    Object.entries(figures.averagePrecision).map(([level, value]) => [level, figures.boxes[level], value.toFixed(3)]),
  );
  printLine(`${figures.photos} photos, ${figures.millisecondsEach.toFixed(0)} ms each; intersection over union 0.5.`);
  printDevice(device);
}

/** `likeness evaluate landmarks`: errors against five labelled points. */
export async function evaluatePoints(
  folder: string,
  options: EvaluateOptions & { landmarks: LandmarkName; masked?: true },
  signal: AbortSignal,
): Promise<void> {
  const truth = limited(await readPoints(folder), options.limit);
  const { figures, device } = await onDevice(options, truth.size, async ({ backend }, onProgress) => {
    const detector = await openDetector(backend, options.detector, options);
    const finder = await LandmarkFinder.open(backend, options.landmarks);
    const masksBy = options.masked && (await LandmarkFinder.open(backend, 'full'));
    const how = { signal, onProgress, ...(masksBy && { masksBy }) };
    return evaluateLandmarks(detector, finder, truth, how).finally(async () => {
      for (const part of [detector, finder, masksBy]) await part?.dispose();
    });
  });
  if (options.json)
    return printJson({ ...figures, landmarks: options.landmarks, masked: options.masked ?? false, device });
  const { meanError, medianError, failures, missed, photos, curve, millisecondsEach, withoutOffset } = figures;
  printTable(
    ['', 'As labelled', 'Without the offset'],
    [
      ['Mean error', meanError.toFixed(4), withoutOffset.meanError.toFixed(4)],
      ['Median error', medianError.toFixed(4), withoutOffset.medianError.toFixed(4)],
      ['Faces with an error over 0.1', share(failures), share(withoutOffset.failures)],
      ['Photos without a face', `${missed} of ${photos}`, ''],
      ['Milliseconds a face', millisecondsEach.toFixed(2), ''],
    ],
  );
  const [x, y] = withoutOffset.offset.map((value) => value.toFixed(3));
  printLine(
    `Errors are means of five points, as a share of the distance between the eyes; the offset that all have in common is ${x}, ${y}.`,
  );
  printTable(
    ['Error up to', ...curve.filter((_, k) => k % 5 === 0).map(({ limit }) => limit.toFixed(2))],
    [['Faces', ...curve.filter((_, k) => k % 5 === 0).map((point) => share(point.share, 1))]],
  );
  printDevice(device);
}

const limited = <T>(truth: ReadonlyMap<string, T>, limit = truth.size): Map<string, T> =>
  new Map(spread([...truth], limit));

async function onDevice<T>(
  options: EvaluateOptions,
  total: number,
  work: (opened: OpenedDevice, onProgress: () => void) => Promise<T>,
) {
  const opened = await openDevice(options.device, { ...options, tiles: cachedTiles });
  const progress = await startProgress(total, options.progress);
  try {
    const figures = await work(opened, progress.advance);
    const { name, description } = opened.backend;
    return { figures, device: { name, description, reason: opened.reason } };
  } finally {
    progress.stop();
    await opened.backend.close();
  }
}
