import { stream } from '../tensor/random';
import { ARCFACE_TEMPLATE, centroid, type Point } from './align';
import { type Box, intersectionOverUnion, mostProminent, type ScoredBox } from './boxes';
import type { DetectOptions, FaceDetector } from './detect';
import { type RawImage, readImage } from './image';
import type { LandmarkFinder } from './landmarks';
import { drawMask, randomMask } from './mask';
import { averagePrecision, cumulative, mean, quantile } from './metrics';
import { type LabelledBox, LEVELS } from './protocols';

/* Detectors against labelled boxes, and landmarks against labelled points. */

/** A detection and a labelled box are of one face where their intersection is at least half of their union. */
const SAME_FACE = 0.5;
/** Average precision is of all that a detector finds, however unsure it is. */
const LEAST_SCORE = 0.05;

interface EvaluateOptions {
  signal?: AbortSignal;
  onProgress?: () => void;
}

export interface DetectionFigures {
  photos: number;
  /** By difficulty, as WIDER FACE has it: easy counts easy boxes only, medium easy and medium, hard all three. */
  averagePrecision: Record<string, number>;
  /** How many boxes there are of each. */
  boxes: Record<string, number>;
  millisecondsEach: number;
}

/** @param truth the labelled boxes by file */
export async function evaluateDetector(
  detector: FaceDetector,
  truth: ReadonlyMap<string, readonly LabelledBox[]>,
  options: EvaluateOptions & Pick<DetectOptions, 'smallFaces'>,
): Promise<DetectionFigures> {
  const found = new Map<string, ScoredBox[]>();
  let milliseconds = 0;
  for (const file of truth.keys()) {
    options.signal?.throwIfAborted();
    const photo = await readImage(file);
    const started = performance.now();
    const { smallFaces = false } = options;
    found.set(file, await detector.detect(photo, { smallFaces, minimumScore: LEAST_SCORE }));
    milliseconds += performance.now() - started;
    options.onProgress?.();
  }
  const of = <T>(value: (level: number) => T) => Object.fromEntries(LEVELS.map((name, level) => [name, value(level)]));
  return {
    photos: truth.size,
    averagePrecision: of((level) => detectionPrecision(truth, found, level)),
    boxes: of((level) => [...truth.values()].flat().filter((box) => box.level <= level).length),
    millisecondsEach: milliseconds / truth.size,
  };
}

/**
 * Average precision at an intersection over union of 0.5. Each labelled box is found once at most; what is found of a
 * harder one than `level` counts neither way.
 */
export function detectionPrecision(
  truth: ReadonlyMap<string, readonly LabelledBox[]>,
  found: ReadonlyMap<string, readonly ScoredBox[]>,
  level: number,
): number {
  const marks: { score: number; right: boolean }[] = [];
  let total = 0;
  for (const [file, boxes] of truth) {
    total += boxes.filter((box) => box.level <= level).length;
    const taken = new Set<Box>();
    for (const { box, score } of found.get(file) ?? []) {
      const overlapping = boxes
        .map((candidate) => ({ ...candidate, overlap: intersectionOverUnion(box, candidate.box) }))
        .filter(({ overlap }) => overlap >= SAME_FACE)
        .sort((a, b) => b.overlap - a.overlap);
      const match = overlapping.find((candidate) => !taken.has(candidate.box)) ?? overlapping[0];
      if (match && match.level > level) continue;
      marks.push({ score, right: match !== undefined && !taken.has(match.box) });
      if (match) taken.add(match.box);
    }
  }
  return averagePrecision(marks, total);
}

export interface LandmarkFigures {
  photos: number;
  /** Photos in which no face was found: landmarks are then looked for in the whole picture. */
  missed: number;
  /** Of five points, as a share of the distance between the eyes. */
  meanError: number;
  medianError: number;
  /** The share of faces with an error over 0.1. */
  failures: number;
  curve: { limit: number; share: number }[];
  /**
   * Whoever labelled may have put all points of all faces a little beside where others put them. The median offset of what
   * is found, in x and y, as shares of the distance between the eyes; and the errors without it.
   */
  withoutOffset: { offset: Point; meanError: number; medianError: number; failures: number };
  millisecondsEach: number;
}

const FAILURE = 0.1;
const LIMITS = Array.from({ length: 31 }, (_, k) => k / 100);

/**
 * @param truth five points by file: image-left eye, image-right eye, tip of the nose, corners of the mouth
 * @param options.masksBy finds the 68 points by which each face has a mask drawn on, over nose and mouth, before it is
 *   looked for
 */
export async function evaluateLandmarks(
  detector: FaceDetector,
  finder: LandmarkFinder,
  truth: ReadonlyMap<string, readonly Point[]>,
  { signal, onProgress, masksBy }: EvaluateOptions & { masksBy?: LandmarkFinder },
): Promise<LandmarkFigures> {
  const faces: FoundPoints[] = [];
  let missed = 0;
  let milliseconds = 0;
  for (const [file, points] of truth) {
    signal?.throwIfAborted();
    const asItIs = await readImage(file);
    const photo = masksBy ? await masked(asItIs, detector, masksBy, faces.length) : asItIs;
    const [face] = mostProminent(photo, await detector.detect(photo));
    if (!face) missed++;
    const box: Box = face?.box ?? [0, 0, photo.width, photo.height];
    const started = performance.now();
    const [landmarks] = await finder.find(photo, [box]);
    milliseconds += performance.now() - started;
    faces.push({ labelled: points, found: landmarks.length === points.length ? landmarks : fivePoints(landmarks) });
    onProgress?.();
  }
  const errors = faces.map(({ found, labelled }) => landmarkError(found, labelled));
  return {
    photos: errors.length,
    missed,
    ...errorFigures(errors),
    curve: cumulative(errors, LIMITS),
    withoutOffset: withoutOffset(faces),
    millisecondsEach: milliseconds / errors.length,
  };
}

async function masked(photo: RawImage, detector: FaceDetector, outlines: LandmarkFinder, seed: number) {
  const [face] = mostProminent(photo, await detector.detect(photo));
  if (!face) return photo;
  const [outline] = await outlines.find(photo, [face.box]);
  return drawMask(photo, outline, randomMask(stream(seed), { wearing: 'full' }));
}

/** Points of a face as they were found and as somebody labelled them. */
export interface FoundPoints {
  found: readonly Point[];
  labelled: readonly Point[];
}

const errorFigures = (errors: readonly number[]) => ({
  meanError: mean(errors),
  medianError: quantile(errors, 0.5),
  failures: 1 - cumulative(errors, [FAILURE])[0].share,
});

/** The errors when what all points have in common is taken off: see LandmarkFigures. */
export function withoutOffset(faces: readonly FoundPoints[]): LandmarkFigures['withoutOffset'] {
  const along = (axis: 0 | 1) =>
    quantile(
      faces.flatMap(({ found, labelled }) =>
        labelled.map((point, k) => (found[k][axis] - point[axis]) / eyeDistance(labelled)),
      ),
      0.5,
    );
  const offset: Point = [along(0), along(1)];
  const errors = faces.map(({ found, labelled }) => {
    const eyes = eyeDistance(labelled);
    const moved = found.map(([x, y]): Point => [x - offset[0] * eyes, y - offset[1] * eyes]);
    return landmarkError(moved, labelled);
  });
  return { offset, ...errorFigures(errors) };
}

const distance = (a: Point, b: Point): number => Math.hypot(a[0] - b[0], a[1] - b[1]);
const eyeDistance = ([left, right]: readonly Point[]): number => distance(left, right);

/** Middles of the eyes, tip of the nose and corners of the mouth, from 68 points. */
export const fivePoints = (landmarks: readonly Point[]): Point[] =>
  ARCFACE_TEMPLATE.landmarks.map((group) => centroid(group.map((k) => landmarks[k])));

/** Mean distance of points from the labelled ones, as a share of the distance of the labelled eyes, the first two. */
export function landmarkError(found: readonly Point[], labelled: readonly Point[]): number {
  return mean(labelled.map((point, k) => distance(point, found[k]))) / eyeDistance(labelled);
}
