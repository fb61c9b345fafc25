import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TileTable } from '../kernels/webgpu/tile-table';
import { cacheFolder, writeFileAtomically } from './files';
import { tell } from './output';

/** Of another version, a file counts as absent. */
const VERSION = 1;

/** Where the tiles that `likeness bench --tune` measured on a graphics card are kept. */
export const tilesPath = (adapter: string): string =>
  join(cacheFolder('tiles'), `${adapter.toLowerCase().replace(/[^a-z0-9]+/g, '-')}.json`);

/** What was measured on this card, if anything. A file that cannot be understood is left aside, with a sentence. */
export async function cachedTiles(adapter: string): Promise<TileTable | undefined> {
  const path = tilesPath(adapter);
  const text = await readFile(path, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const table = parseTiles(text, adapter);
  if (!table) tell(`${path} is not what likeness bench --tune writes and is left aside; run that to write it anew`);
  return table;
}

/** Adds what was measured to what the file holds. @returns its path */
export async function writeTiles(adapter: string, tiles: TileTable, dropped: Iterable<string>): Promise<string> {
  const path = tilesPath(adapter);
  const text = await readFile(path, 'utf8').catch(() => '');
  const all = new Map(parseTiles(text, adapter));
  for (const shape of dropped) all.delete(shape);
  for (const [shape, tile] of tiles) all.set(shape, tile);
  const document = { version: VERSION, adapter, tiles: Object.fromEntries(all) };
  await mkdir(cacheFolder('tiles'), { recursive: true });
  await writeFileAtomically(path, new TextEncoder().encode(`${JSON.stringify(document, null, 2)}\n`));
  return path;
}

function parseTiles(text: string, adapter: string): TileTable | undefined {
  const document = jsonOf(text);
  if (!isObject(document) || document.version !== VERSION || document.adapter !== adapter) return undefined;
  if (!isObject(document.tiles)) return undefined;
  const tiles = new Map<string, string>();
  for (const [shape, tile] of Object.entries(document.tiles)) {
    if (typeof tile !== 'string') return undefined;
    tiles.set(shape, tile);
  }
  return tiles;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
