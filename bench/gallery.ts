/**
 * What a large gallery takes: made-up people, four faces each, as far from one another as photos of one person and of
 * strangers are.
 *
 *   npm run bench -- gallery                                    100,000 faces in a folder that is deleted afterwards
 *   npm run bench -- gallery --faces 1000000 --no-hnsw          exact search among a million
 *   npm run bench -- gallery --faces 1000000 --no-database    the same vectors without PostgreSQL: the search alone
 *   npm run bench -- gallery --gallery postgres://me@host/name  the same there, in place of what the gallery holds
 *   npm run bench -- gallery --photos ../shared/faces/lfw/images --count 2000     the rate of `likeness index`
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { FacePipeline } from '../src/face/pipeline';
import { type Queries, realArray } from '../src/gallery/database';
import type { GalleryEmbedder } from '../src/gallery/embedders';
import { EmbeddingMatrix } from '../src/gallery/embedding-matrix';
import { Gallery } from '../src/gallery/gallery';
import { buildNearestIndex, nearestByIndex } from '../src/gallery/nearest-index';
import { listPhotos } from '../src/gallery/photo-files';
import { PhotoQueue } from '../src/gallery/photo-queue';
import { workOnPhotos } from '../src/gallery/photo-work';
import { openWasm } from '../src/kernels/wasm/backend';
import { stream } from '../src/tensor/random';
import { madeUpTable } from './helpers/made-up-vectors';

const { values: options } = parseArgs({
  options: {
    faces: { type: 'string', default: '100000' },
    threads: { type: 'string', default: '2' },
    hnsw: { type: 'boolean', default: true },
    database: { type: 'boolean', default: true },
    gallery: { type: 'string' },
    photos: { type: 'string' },
    count: { type: 'string', default: '2000' },
  },
  allowNegative: true,
});
const threads = Number(options.threads);
const DIMENSION = 128;
const FACES_EACH = 4;
/** Of a face from its person's centre: faces of one person are about 0.36 apart, as on LFW. */
const NOISE = 0.26;
const INSERTED_AT_ONCE = 2000;
const PROBES = 1000;

const table = new Table({ head: ['What', 'Measured'], style: { head: [], border: [] } });
const report = (what: string, measured: string) => {
  console.log(`${what}: ${measured}`);
  table.push([what, measured]);
};
const seconds = (since: number) => (performance.now() - since) / 1000;

const folder = options.gallery ? undefined : await mkdtemp(join(tmpdir(), 'likeness-bench-'));
try {
  const home = options.gallery ?? join(folder ?? '', 'gallery');
  if (options.photos) await measureIndexing(home, options.photos, Number(options.count));
  else if (options.database) await measureGallery(home, Number(options.faces));
  else await measureSearch(madeUpRows(Number(options.faces)), 1, Number(options.faces));
  console.log(table.toString());
} finally {
  if (folder) await rm(folder, { recursive: true });
}

function unitVector(person: number, variant: number): Float32Array {
  const [own, noise] = [stream(1, person), stream(2, person, variant)];
  const centre = Array.from({ length: DIMENSION }, () => own.normal() / Math.sqrt(DIMENSION));
  const values = centre.map((value) => value + (NOISE * noise.normal()) / Math.sqrt(DIMENSION));
  const length = Math.hypot(...values);
  return Float32Array.from(values, (value) => value / length);
}

async function measureGallery(home: string, faces: number) {
  let since = performance.now();
  await using gallery = await Gallery.open(home);
  report('open a new gallery', `${seconds(since).toFixed(1)} s`);
  await gallery.database.run('TRUNCATE likeness.person, likeness.embedder CASCADE');
  const embedder = await gallery.requireEmbedder(
    { name: 'made up', dimension: DIMENSION, isFlipped: true, aligner: 'sixty-eight' },
    undefined,
  );
  since = performance.now();
  await insert(gallery, embedder, faces);
  report(`insert ${faces} faces, ${INSERTED_AT_ONCE} at once`, `${seconds(since).toFixed(0)} s`);
  const { probes, exact } = await measureSearch(gallery.database, embedder.id, faces);
  if (!options.hnsw) return;
  since = performance.now();
  await buildNearestIndex(gallery.database, 'template', embedder);
  report('build the HNSW index', `${seconds(since).toFixed(0)} s`);
  for (const searched of [40, 100, 200, 400]) {
    since = performance.now();
    const found = await nearestByIndex(gallery.database, 'template', embedder, probes, 1, searched);
    const each = (1000 * seconds(since)) / PROBES;
    const same = found.filter(([first], k) => first?.id === exact[k][0].id).length;
    report(`HNSW, ${searched} candidates`, `recall@1 ${(same / PROBES).toFixed(4)}, ${each.toFixed(2)} ms a probe`);
  }
}

function madeUpRows(faces: number): Queries {
  return madeUpTable(
    faces,
    (id) => personOf(id - 1),
    (id) => vectorOf(id - 1),
  );
}

function personOf(row: number): number {
  return 1 + Math.floor(row / FACES_EACH);
}

function vectorOf(row: number): Float32Array {
  return unitVector(personOf(row), row % FACES_EACH);
}

async function measureSearch(queries: Queries, embedderId: number, faces: number) {
  const backend = await openWasm({ threads });
  let since = performance.now();
  const embedder = { id: embedderId, dimension: DIMENSION };
  const matrix = await EmbeddingMatrix.load(backend, queries, 'template', embedder);
  report('read them into the engine', `${seconds(since).toFixed(1)} s`);

  const people = Math.floor(faces / FACES_EACH);
  const probes = Array.from({ length: PROBES }, (_, k) => unitVector(1 + ((k * 7919) % people), FACES_EACH));
  const times: number[] = [];
  for (const probe of probes.slice(0, 30)) {
    since = performance.now();
    await matrix.nearest([probe], 5);
    times.push(1000 * seconds(since));
  }
  times.sort((a, b) => a - b);
  report(`exact, one probe, ${threads} threads`, `median ${times[15].toFixed(1)} ms, least ${times[0].toFixed(1)} ms`);
  since = performance.now();
  const exact = await matrix.nearest(probes, 1);
  report(`exact, ${PROBES} probes at once`, `${seconds(since).toFixed(2)} s`);
  matrix.dispose();
  await backend.close();
  return { probes, exact };
}

/** In the order of people, ids from 1 on. */
async function insert({ database }: Gallery, { id }: GalleryEmbedder, faces: number) {
  for (let from = 0; from < faces; from += INSERTED_AT_ONCE) {
    const rows = Array.from({ length: Math.min(INSERTED_AT_ONCE, faces - from) }, (_, k) => from + k);
    const owners = rows.map(personOf);
    await database.transaction(async (queries) => {
      await queries.query(
        `INSERT INTO likeness.person (id, name) OVERRIDING SYSTEM VALUE
         SELECT DISTINCT id, 'Person ' || id FROM unnest($1::int[]) AS id ON CONFLICT DO NOTHING`,
        [owners],
      );
      await queries.query(
        `INSERT INTO likeness.template (person_id, embedder_id, source, stamp, content, box, quality, embedding)
         SELECT person_id, $1::int, '', '', number::text, '0 0 1 1', 1, embedding::real[]
         FROM unnest($2::int[], $3::int[], $4::text[]) AS given (number, person_id, embedding)`,
        [id, rows, owners, rows.map((row) => realArray(vectorOf(row)))],
      );
    });
  }
}

/** The rate of indexing against that of the pipeline alone, on the same photos, and of embedding chips alone. */
async function measureIndexing(home: string, photoFolder: string, count: number) {
  const photos = (await listPhotos(photoFolder)).slice(0, count);
  await using pipeline = await FacePipeline.open({ device: 'wasm', threads });
  await pipeline.prepare();
  const paths = photos.map(({ path }) => path);
  for await (const _ of pipeline.embedAll(paths.slice(0, 20)));

  let faces = 0;
  let since = performance.now();
  for await (const { faces: found = [] } of pipeline.embedAll(paths)) faces += found.length;
  const alone = seconds(since);
  report(
    `${photos.length} photos, ${faces} faces, by the pipeline alone`,
    `${(photos.length / alone).toFixed(1)} a second`,
  );

  await using gallery = await Gallery.open(home);
  const description = { ...pipeline.model, isFlipped: true, aligner: 'sixty-eight' } as const;
  const embedder = await gallery.requireEmbedder(description, await pipeline.calibration());
  await gallery.database.run('TRUNCATE likeness.photo CASCADE');
  since = performance.now();
  {
    await using queue = await PhotoQueue.open(gallery.database, embedder);
    await queue.add(photos);
    await workOnPhotos(gallery, embedder, queue, async function* (files) {
      for await (const { width = 0, height = 0, faces: found = [], error } of pipeline.embedAll(files)) {
        const kept = found.map(({ box, score, quality, embedding }) => ({
          box,
          score,
          quality: quality.score,
          embedding,
        }));
        yield { width, height, faces: kept, ...(error && { error }) };
      }
    });
  }
  const indexed = seconds(since);
  report('by index, queue and gallery included', `${(photos.length / indexed).toFixed(1)} a second`);
  report('share of the pipeline alone', `${((100 * alone) / indexed).toFixed(0)} %`);

  const [chip] = await pipeline.align(paths[0]);
  if (!chip) return;
  since = performance.now();
  for (let k = 0; k < 100; k++) await pipeline.embedAligned(chip.chip);
  report('embedding of aligned faces alone', `${(100 / seconds(since)).toFixed(1)} a second`);
}
