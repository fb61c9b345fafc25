import type { Dirent } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { Point } from './align';
import type { Box } from './boxes';

/* What is to be compared, found or named, as benchmarks' own files say it (Node only). */

/** One sentence: which list or folder, and what is wrong with it. */
export class ProtocolError extends Error {
  override name = 'ProtocolError';
}

export interface Pair {
  /** The photo that is known already, and the one that is compared with it: conditions are applied to the second. */
  files: [gallery: string, probe: string];
  same: boolean;
  /** Counted from 0. */
  fold: number;
}

export interface PairProtocol {
  name: string;
  pairs: Pair[];
}

/** LFW's View 2 (`pairs.txt`), or View 1, whose fold 0 is pairsDevTrain.txt and whose fold 1 is pairsDevTest.txt. */
export async function readLfw(folder: string, view: 1 | 2): Promise<PairProtocol> {
  const lists = view === 1 ? ['pairsDevTrain.txt', 'pairsDevTest.txt'] : ['pairs.txt'];
  const read = await Promise.all(lists.map((list) => readPairs(join(folder, list), { root: folder })));
  const pairs = read.flatMap((protocol, fold) => protocol.pairs.map((pair) => (view === 1 ? { ...pair, fold } : pair)));
  return { name: `LFW View ${view}`, pairs };
}

/**
 * Celebrities in Frontal-Profile (Sengupta et al. 2016): ten folds of 350 same and 350 different pairs. The lists of
 * frontal-frontal pairs name 130 pairs twice; they are taken as they are.
 *
 * @param kind FF: frontal-frontal, FP: frontal-profile
 */
export async function readCfp(folder: string, kind: 'FF' | 'FP'): Promise<PairProtocol> {
  const protocol = join(folder, 'Protocol');
  const list = async (name: string) =>
    new Map(
      (await linesOf(join(protocol, name))).map((line): [string, string] => {
        const [number, path] = line.split(/\s+/);
        return [number, resolve(protocol, path ?? '')];
      }),
    );
  const [frontal, other] = await Promise.all([list('Pair_list_F.txt'), list(`Pair_list_${kind[1]}.txt`)]);
  const pairs: Pair[] = [];
  for (const [fold, name] of (await subfolders(join(protocol, 'Split', kind))).entries())
    for (const same of [true, false]) {
      const path = join(protocol, 'Split', kind, name, same ? 'same.txt' : 'diff.txt');
      for (const line of await linesOf(path)) {
        const [first, second] = line.split(',');
        const [a, b] = [frontal.get(first), other.get(second)];
        if (!a || !b) throw new ProtocolError(`${path}: "${line}" names a photo that the lists of photos do not`);
        pairs.push({ files: [a, b], same, fold });
      }
    }
  checkFolds(pairs, join(protocol, 'Split', kind));
  await expectFiles(pairs, protocol);
  return { name: kind === 'FF' ? 'CFP frontal-frontal' : 'CFP frontal-profile', pairs };
}

export interface PairListOptions {
  /** What paths in the list are relative to; by default the list's folder. Its folder `images` is taken if there is one. */
  root?: string;
  /** Into how many folds a list without a heading is dealt. Default 10. */
  folds?: number;
}

/**
 * A list of pairs. Either lines `name n1 n2` (one person) and `name1 n1 name2 n2` (two), separated by tabs or spaces and
 * meaning ROOT/name/name_0001.jpg, under a heading `FOLDS COUNT` (each fold: so many same pairs, then so many different
 * ones) or `COUNT`, or under none; or lines `path1,path2,same` with 1 or 0 (true or false, same or different) at the end.
 *
 * @throws ProtocolError when a line cannot be understood, folds are of unequal size, pairs occur twice or files are missing
 */
export async function readPairs(path: string, options: PairListOptions = {}): Promise<PairProtocol> {
  const lines = await linesOf(path);
  const given = options.root ?? dirname(path);
  const root = (await exists(join(given, 'images'))) ? join(given, 'images') : given;
  const heading = /^\d+(\s+\d+)?$/.test(lines[0]) ? lines.shift() : undefined;
  if (!heading && /^[^,]*,[^,]*,\s*(same|label|issame|is_same)\s*$/i.test(lines[0])) lines.shift();
  if (lines.length === 0) throw new ProtocolError(`${path} names no pairs`);
  const parsed = lines.map((line) => ({ ...parseLine(line, path, root), fold: 0 }));
  const pairs = heading ? foldsOfHeading(parsed, heading, path) : dealt(parsed, options.folds ?? 10);
  checkDuplicates(pairs, path);
  await expectFiles(pairs, path);
  return { name: path, pairs };
}

const ANSWERS = new Map<string, boolean>([
  ...['1', 'true', 'same', 'yes'].map((word): [string, boolean] => [word, true]),
  ...['0', '-1', 'false', 'different', 'no'].map((word): [string, boolean] => [word, false]),
]);

function parseLine(line: string, path: string, root: string): Omit<Pair, 'fold'> {
  const numbered = (name: string, number: string) => join(root, name, `${name}_${number.padStart(4, '0')}.jpg`);
  const isNumber = (text: string | undefined) => text !== undefined && /^\d+$/.test(text);
  if (line.includes(',')) {
    const [first, second, answer, ...rest] = line.split(',').map((word) => word.trim());
    const same = ANSWERS.get((answer ?? '').toLowerCase());
    if (first && second && same !== undefined && rest.length === 0)
      return { files: [resolve(root, first), resolve(root, second)], same };
  } else {
    const [name, first, second, third, ...rest] = line.split(line.includes('\t') ? '\t' : /\s+/);
    if (isNumber(first) && isNumber(second) && third === undefined)
      return { files: [numbered(name, first), numbered(name, second)], same: true };
    if (isNumber(first) && second && isNumber(third) && rest.length === 0)
      return { files: [numbered(name, first), numbered(second, third)], same: false };
  }
  throw new ProtocolError(
    `${path}: "${line}" is no pair; write "name n1 n2", "name1 n1 name2 n2" or "path1,path2,same"`,
  );
}

function foldsOfHeading(pairs: readonly Pair[], heading: string, path: string): Pair[] {
  const numbers = heading.split(/\s+/).map(Number);
  const [folds, count] = numbers.length === 1 ? [1, numbers[0]] : numbers;
  if (pairs.length !== 2 * folds * count)
    throw new ProtocolError(
      `${path} announces ${folds} ${folds === 1 ? 'fold' : 'folds'} of ${count} same and ${count} different pairs, ` +
        `${2 * folds * count} in all, but names ${pairs.length}`,
    );
  const placed = pairs.map((pair, k) => ({ ...pair, fold: Math.floor(k / (2 * count)) }));
  checkFolds(placed, path);
  return placed;
}

/** The same pairs one after the other to each fold, and so the different ones. */
function dealt(pairs: readonly Pair[], folds: number): Pair[] {
  const counts = { same: 0, different: 0 };
  return pairs.map((pair) => ({ ...pair, fold: counts[pair.same ? 'same' : 'different']++ % folds }));
}

function checkFolds(pairs: readonly Pair[], path: string) {
  const sizes = new Map<number, { same: number; different: number }>();
  for (const { fold, same } of pairs) {
    const size = sizes.get(fold) ?? { same: 0, different: 0 };
    size[same ? 'same' : 'different']++;
    sizes.set(fold, size);
  }
  const [first, ...others] = sizes.values();
  if (!first) throw new ProtocolError(`${path} holds no pairs`);
  const k = others.findIndex(({ same, different }) => same !== first.same || different !== first.different);
  if (k < 0) return;
  const { same, different } = others[k];
  throw new ProtocolError(
    `${path} has folds of unequal size: the first has ${first.same} same and ${first.different} different pairs, ` +
      `fold ${k + 2} has ${same} and ${different}`,
  );
}

function checkDuplicates(pairs: readonly Pair[], path: string) {
  const seen = new Set<string>();
  const twice: string[] = [];
  for (const { files } of pairs) {
    const key = JSON.stringify([...files].sort());
    if (seen.has(key)) twice.push(files.join(' and '));
    seen.add(key);
  }
  if (twice.length > 0)
    throw new ProtocolError(
      `${path} names ${twice.length === 1 ? 'a pair' : `${twice.length} pairs`} twice: ${twice.join('; ')}`,
    );
}

async function expectFiles(pairs: readonly Pair[], path: string) {
  const files = [...new Set(pairs.flatMap((pair) => pair.files))];
  await expectAll(files, path);
}

/** @throws ProtocolError that lists all that are not there */
async function expectAll(files: readonly string[], path: string) {
  const missing: string[] = [];
  for (let first = 0; first < files.length; first += 256) {
    const part = files.slice(first, first + 256);
    const found = await Promise.all(part.map(exists));
    missing.push(...part.filter((_, k) => !found[k]));
  }
  if (missing.length > 0)
    throw new ProtocolError(
      `${path} names ${missing.length === 1 ? 'a file that does' : `${missing.length} files that do`} not exist: ${missing.join(', ')}`,
    );
}

/** Some pairs of each fold and kind, evenly spread, such that there are no more than so many photos. */
export function limitPairs(pairs: readonly Pair[], photos: number | undefined): Pair[] {
  if (photos === undefined || new Set(pairs.flatMap(({ files }) => files)).size <= photos) return [...pairs];
  const groups = new Map<string, Pair[]>();
  for (const pair of pairs) {
    const key = `${pair.fold} ${pair.same}`;
    groups.set(key, [...(groups.get(key) ?? []), pair]);
  }
  const each = Math.max(1, Math.floor(photos / 2 / groups.size));
  return [...groups.values()].flatMap((group) => spread(group, each));
}

/** So many of some, evenly spread; all of fewer. */
export const spread = <T>(all: readonly T[], count: number): T[] =>
  all.length <= count ? [...all] : Array.from({ length: count }, (_, k) => all[Math.floor((k * all.length) / count)]);

/** WIDER FACE's levels: a box of another is to be ignored. */
export const LEVELS: readonly string[] = ['easy', 'medium', 'hard'];

export interface LabelledBox {
  box: Box;
  /** The place of its difficulty in LEVELS; beyond them it counts neither way. */
  level: number;
}

/** `boxes.csv` of a folder: file,x,y,width,height,difficulty, the files lying in `images/`. */
export async function readBoxes(folder: string): Promise<Map<string, LabelledBox[]>> {
  const found = new Map<string, LabelledBox[]>();
  for (const { file, cells } of await readTable(folder, 'boxes.csv', 6)) {
    const [x, y, width, height] = cells.slice(0, 4).map(Number);
    const level = LEVELS.indexOf(cells[4]);
    const labelled: LabelledBox = { box: [x, y, width, height], level: level < 0 ? LEVELS.length : level };
    found.set(file, [...(found.get(file) ?? []), labelled]);
  }
  return found;
}

/** `points.csv` of a folder: the file and x, y of image-left eye, image-right eye, nose tip and the corners of the mouth. */
export async function readPoints(folder: string): Promise<Map<string, Point[]>> {
  return new Map(
    (await readTable(folder, 'points.csv', 11)).map(({ file, cells }): [string, Point[]] => {
      const numbers = cells.map(Number);
      return [file, [0, 2, 4, 6, 8].map((at): Point => [numbers[at], numbers[at + 1]])];
    }),
  );
}

async function readTable(folder: string, name: string, columns: number) {
  const path = join(folder, name);
  const [, ...lines] = await linesOf(path);
  if (lines.length === 0) throw new ProtocolError(`${path} names no photos`);
  const rows = lines.map((line) => {
    const [file, ...cells] = line.split(',');
    const numbers = cells.slice(0, columns === 6 ? 4 : columns - 1);
    if (cells.length !== columns - 1 || numbers.some((cell) => cell.trim() === '' || !Number.isFinite(Number(cell))))
      throw new ProtocolError(`${path}: "${line}" is not a file and ${columns - 1} values`);
    return { file: join(folder, 'images', file), cells };
  });
  await expectAll([...new Set(rows.map(({ file }) => file))], path);
  return rows;
}

/** A table `file,label` or `person,label`: labels of photos by path (as given, or its end) or of people by folder name. */
export async function readLabels(path: string): Promise<(file: string) => string | undefined> {
  const labels = new Map<string, string>();
  for (const line of await linesOf(path)) {
    const comma = line.lastIndexOf(',');
    if (comma < 1) throw new ProtocolError(`${path}: "${line}" is not "file,label" or "person,label"`);
    labels.set(line.slice(0, comma).trim().replaceAll('\\', '/'), line.slice(comma + 1).trim());
  }
  return (file) => {
    const parts = file.replaceAll('\\', '/').split('/');
    for (let k = 0; k < parts.length; k++) {
      const label = labels.get(parts.slice(k).join('/')); // the whole path, then without its first folder, and so on
      if (label !== undefined) return label;
    }
    for (let k = parts.length - 2; k >= 0; k--) {
      const label = labels.get(parts[k]);
      if (label !== undefined) return label;
    }
    return undefined;
  };
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

async function linesOf(path: string): Promise<string[]> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new ProtocolError(`${path} ${reasonOf(error)}`, { cause: error });
  }
  const lines = text.split('\n').map((line) => line.trim());
  const filled = lines.filter((line) => line !== '');
  if (filled.length === 0) throw new ProtocolError(`${path} is empty`);
  return filled;
}

async function subfolders(path: string): Promise<string[]> {
  let entries: Dirent[];
  try {
    entries = await readdir(path, { withFileTypes: true });
  } catch (error) {
    throw new ProtocolError(`${path} ${reasonOf(error)}`, { cause: error });
  }
  const names = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  if (names.length === 0) throw new ProtocolError(`${path} holds no folders`);
  return names.sort();
}

function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENOENT' || code === 'ENOTDIR') return 'does not exist';
  if (code === 'EISDIR') return 'is a folder; name the file of a list';
  return `cannot be read: ${error instanceof Error ? error.message : error}`;
}
