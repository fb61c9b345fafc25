import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { build } from 'esbuild';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { common } from '../../scripts/esbuild.mjs';
import { ServerDatabase } from '../../src/gallery/server-database';
import { random } from '../../src/tensor/random';
import { dropGallery, emptyGalleryFolder, temporaryFolder } from '../helpers/galleries';
import { writePhoto } from './faces';

/*
 * kill -9 at any moment of enrolling, indexing and migrating loses nothing that was said to be done, and breaks nothing.
 * LIKENESS_KILLS=50 kills more often; LIKENESS_TEST_POSTGRES does the same to the clients of that server.
 */

const test = suite('kill -9');
const KILLS = Number(process.env.LIKENESS_KILLS ?? 2);
const PHOTOS = 40 + 8 * KILLS;
const OUTPUT = resolve('.cache/kill', `${process.pid}`);
process.once('exit', () => rmSync(OUTPUT, { recursive: true, force: true }));

interface State {
  photos: { path: string; faces: number }[];
  templates: string[];
  wrong: number;
}
interface Line {
  state?: State;
  ready?: boolean;
  path?: string;
  outcome?: string;
  finished?: boolean;
}

test.before(async () => {
  const entryPoints = { child: 'test/gallery/kill-child.ts' };
  await build({ ...common('node'), entryPoints, outdir: OUTPUT, splitting: true });
});

/** Runs the child until it ends, or is killed so long after it said that so many photos are done (0: that it is ready). */
async function run(args: readonly string[], kill?: { photos: number; milliseconds: number }): Promise<Line[]> {
  const child = spawn(process.execPath, [`${OUTPUT}/child.js`, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines: Line[] = [];
  const closed = new Promise<void>((done) => child.on('close', () => done()));
  for await (const text of createInterface({ input: child.stdout })) {
    // The last line of a killed child may be cut.
    const line: Line = text.endsWith('}') ? JSON.parse(text) : {};
    lines.push(line);
    if (!kill || !(line.ready || line.path !== undefined)) continue;
    if (lines.filter(({ path }) => path !== undefined).length === kill.photos)
      void setTimeout(kill.milliseconds).then(() => child.kill('SIGKILL'));
  }
  await closed;
  return lines;
}

const homes = [
  ...(process.env.LIKENESS_TEST_POSTGRES ? [{ title: 'on a server', home: emptyServer }] : []),
  { title: 'in a folder', home: emptyGalleryFolder },
];

async function emptyServer(): Promise<string> {
  const address = process.env.LIKENESS_TEST_POSTGRES ?? '';
  const database = await ServerDatabase.open(address);
  await dropGallery(database);
  await database.close();
  return address;
}

for (const { title, home } of homes)
  test(`${KILLS} kills while it enrols, indexes and migrates, ${title}`, async () => {
    const { below } = random(KILLS);
    const folder = await temporaryFolder();
    const expected = new Map<string, number>();
    for (let k = 0; k < PHOTOS; k++) {
      const faces = Array.from({ length: k % 3 }, (_, person): [number, number] => [person, k]);
      expected.set(await writePhoto(folder, `${k}.jpg`, ...faces), faces.length);
    }
    const hers = await Promise.all(
      Array.from({ length: PHOTOS }, (_, k) => writePhoto(folder, `people/${k}.jpg`, [1, k])),
    );
    const place = await home();
    let acknowledged = new Set<string>();
    let acknowledgedInAll = 0;
    const check = ({ state }: Line) => {
      assert.ok(state, 'it opens');
      const stored = new Map(state.photos.map(({ path, faces }) => [path, faces]));
      for (const [path, faces] of stored) assert.is(faces, expected.get(path), path);
      const templates = new Set(state.templates);
      assert.is(templates.size, state.templates.length, 'no face twice');
      for (const path of acknowledged) assert.ok(stored.has(path) || templates.has(path), `${path} is lost`);
      assert.is(state.wrong, 0);
    };
    for (let kill = 0; kill < KILLS; kill++) {
      const mode = kill % 2 === 1 ? 'migrate' : 'work';
      const lines = await run([place, folder, mode], {
        photos: mode === 'work' ? below(6) : 0,
        milliseconds: below(mode === 'work' ? 40 : 400),
      });
      check(lines[0]);
      for (const { path, outcome } of lines)
        if (path !== undefined) {
          assert.is(outcome, 'done');
          assert.not.ok(acknowledged.has(path), `${path} was done twice`);
          acknowledged.add(path);
        }
      acknowledgedInAll += lines.filter(({ path }) => path !== undefined).length;
      // Migrating begins by deleting everything.
      if (mode === 'migrate') acknowledged = new Set();
    }
    const lines = await run([place, folder, 'work']);
    check(lines[0]);
    assert.ok(lines.at(-1)?.finished);
    const [end] = await run([place, folder, 'look']);
    assert.equal(
      new Map(end.state?.photos.map(({ path, faces }): [string, number] => [path, faces]).sort()),
      new Map([...expected].sort()),
    );
    assert.equal(end.state?.templates.sort(), hers.sort());
    if (process.env.LIKENESS_KILLS) console.log(`${KILLS} kills ${title}, ${acknowledgedInAll} photos acknowledged`);
  });

test.run();
