import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { compareTasks } from '../../src/bench/compare';
import { sizesInWords } from '../../src/bench/profile';
import type { Task } from '../../src/bench/tasks';
import type { CompareReport } from '../../src/cli/bench-compare';
import type { ProfileReport } from '../../src/cli/bench-profile';
import type { TuneReport } from '../../src/cli/bench-tune';
import { cachedTiles, tilesPath, writeTiles } from '../../src/cli/tiles';
import { openReference } from '../../src/kernels/reference/backend';
import { likeness } from '../helpers/command';
import { openTestGpu } from '../helpers/gpu';

const test = suite('likeness bench on a GPU');
const folder = mkdtempSync(join(tmpdir(), 'likeness-bench-'));
const { XDG_CACHE_HOME } = process.env;
const GPU = ['--device', 'webgpu', '--seconds', '0.001'];

test.before(() => {
  process.env.XDG_CACHE_HOME = folder;
});
test.after(() => {
  if (XDG_CACHE_HOME === undefined) delete process.env.XDG_CACHE_HOME;
  else process.env.XDG_CACHE_HOME = XDG_CACHE_HOME;
  rmSync(folder, { recursive: true });
});

/** The adapter of the tests, or nothing where there is none. */
async function adapterName(): Promise<string | undefined> {
  const backend = await openTestGpu();
  await backend?.close();
  return backend?.description;
}

/** What is written on stderr meanwhile. */
async function told(act: () => Promise<unknown>): Promise<string> {
  const { write } = process.stderr;
  let text = '';
  process.stderr.write = (chunk: string | Uint8Array) => {
    text += chunk;
    return true;
  };
  try {
    await act();
  } finally {
    process.stderr.write = write;
  }
  return text;
}

test('measured tiles are kept for each card; of a damaged file a sentence is said', async () => {
  assert.is(await cachedTiles('Card 1'), undefined);
  const path = await writeTiles('Card 1', new Map([['shape a', 'tile 1']]), []);
  assert.is(path, tilesPath('Card 1'));
  await writeTiles('Card 1', new Map([['shape b', 'tile 2']]), ['shape b']);
  assert.equal(await cachedTiles('Card 1'), new Map(Object.entries({ 'shape a': 'tile 1', 'shape b': 'tile 2' })));
  await writeTiles('Card 1', new Map(), ['shape a']);
  assert.equal(await cachedTiles('Card 1'), new Map([['shape b', 'tile 2']]));
  assert.is(await cachedTiles('Card 2'), undefined);

  const good = readFileSync(path, 'utf8');
  const damages = [
    '',
    good.slice(0, -9),
    '[]',
    '{"version":1}',
    good.replace('Card 1', 'Card 2'),
    good.replace('"tile 2"', '2'),
  ];
  for (const damaged of damages) {
    writeFileSync(path, damaged);
    const sentence = await told(async () => assert.is(await cachedTiles('Card 1'), undefined));
    assert.match(sentence, /^likeness: .*card-1\.json is not what likeness bench --tune writes.*\n$/);
  }
  await writeTiles('Card 1', new Map([['shape c', 'tile 3']]), []);
  assert.equal(await cachedTiles('Card 1'), new Map([['shape c', 'tile 3']]));
});

test('--profile: every call with its counts, shares and ceilings; a damaged file of tiles does no harm', async () => {
  const adapter = await adapterName();
  if (adapter === undefined) return;
  await mkdir(dirname(tilesPath(adapter)), { recursive: true });
  await writeFile(tilesPath(adapter), 'damaged');
  const { code, stdout, stderr } = await likeness([
    'bench',
    '--profile',
    '--task',
    'conv',
    '--batch',
    '1',
    ...GPU,
    '--json',
  ]);
  assert.is(code, 0, stderr);
  assert.match(stderr, /is not what likeness bench --tune writes and is left aside/);
  assert.match(stderr, /likeness: ceilings: .* GFLOP\/s .* GB\/s/);
  const { device, isTimed, ceilings, tasks }: ProfileReport = JSON.parse(stdout);
  assert.is(device, adapter);
  assert.ok(ceilings.gflops > 0 && ceilings.gigabytesPerSecond > 0);
  const [first] = tasks;
  assert.is(tasks.length, 9);
  assert.equal([first.calls, first.dispatches, first.submits], [1, 1, 1]);
  assert.is(first.multiplyAdds, 35 * 35 * 9 * 32 * 32);
  assert.is(first.bytes, 4 * (2 * 35 * 35 * 32 + 9 * 32 * 32 + 32));
  assert.is(first.shapes[0].sizes, '1x35x35x32, 3x3/1, to 32');
  for (const { milliseconds, expectedMilliseconds, kernels, fractionOfGemm } of tasks) {
    assert.is(milliseconds !== null, isTimed);
    assert.ok(expectedMilliseconds > 0);
    assert.is(kernels[0].kernel, 'conv2d');
    if (milliseconds === null || fractionOfGemm === null) continue;
    const gflops = (2 * kernels[0].multiplyAdds) / milliseconds / 1e6;
    assert.ok(Math.abs(gflops / ceilings.gflops / fractionOfGemm - 1) < 1e-6);
  }
});

test('--tune: the choices are printed and kept, and larger shapes left out on a GPU in software', async () => {
  const adapter = await adapterName();
  if (adapter === undefined) return;
  const { code, stdout, stderr } = await likeness(['bench', '--tune', '--task', 'gemm', ...GPU, '--json']);
  assert.is(code, 0, stderr);
  const { device, file, shapes }: TuneReport = JSON.parse(stdout);
  assert.equal([device, file], [adapter, tilesPath(adapter)]);
  const small = shapes.find(({ shape }) => shape === 'matmul 32x256, 256x128');
  assert.ok(small && small.tiles.length > 1 && small.ruleMilliseconds > 0);
  const times = small.tiles.map(({ milliseconds }) => milliseconds);
  assert.equal(
    times,
    [...times].sort((a, b) => a - b),
  );
  const kept = await cachedTiles(adapter);
  for (const { shape, chosen } of shapes) assert.is(kept?.get(shape), chosen);
});

test('--compare: CPU, plain loops and what GPU there is, as JSON, page and picture', async () => {
  const [page, picture] = [join(folder, 'compare.html'), join(folder, 'compare.svg')];
  const args = ['bench', '--compare', '--task', 'conv', '--batch', '1', '--seconds', '0.001'];
  const asJson = await likeness([...args, '--json', '--out', page]);
  assert.is(asJson.code, 0, asJson.stderr);
  const { devices, withoutGpu, tasks }: CompareReport = JSON.parse(asJson.stdout);
  assert.equal(
    devices.map(({ device }) => device).filter((device) => device !== 'webgpu'),
    ['wasm', 'reference'],
  );
  assert.is(withoutGpu === undefined, devices.length === 3);
  assert.is(tasks.length, 9);
  for (const { multiplyAdds, times, ratios } of tasks) {
    const [wasm, plain] = ['wasm', 'reference'].map((name) => times.find(({ device }) => device === name));
    if (!wasm?.milliseconds || !plain?.milliseconds) throw new Error('a small layer was left out');
    assert.ok(Math.abs(ratios['wasm to reference'] / (plain.milliseconds / wasm.milliseconds) - 1) < 1e-6);
    assert.ok(Math.abs((2 * multiplyAdds) / wasm.milliseconds / 1e6 / (wasm.gflops ?? 0) - 1) < 1e-6);
  }
  const html = readFileSync(page, 'utf8');
  assert.match(html, /<svg/);
  assert.match(html, /35x35x32, 3x3\/1, to 32/);

  const asTable = await likeness([...args, '--no-progress', '--out', picture]);
  assert.is(asTable.stderr, '');
  assert.match(asTable.stdout, /wasm to reference/);
  assert.match(asTable.stdout, /Written: .*compare\.svg/);
  const svg = readFileSync(picture, 'utf8');
  assert.match(svg, /^<svg xmlns/);
  // As many dots as times were measured.
  assert.is(svg.match(/<circle/g)?.length, 9 * devices.length);
});

test('a device too slow for a task sits it out, and it is said why', async () => {
  const fast = openReference();
  const slow = openReference();
  const task = (multiplyAdds: number): Task => ({
    task: 'gemm',
    title: `${multiplyAdds}`,
    batch: 1,
    open: async (backend) => ({
      multiplyAdds,
      run: () => new Promise((done) => setTimeout(done, backend === slow ? 20 : 1)),
      dispose: () => {},
    }),
  });
  const notes: string[] = [];
  const [small, large] = await compareTasks([fast, slow], [task(1000), task(1_000_000)], {
    seconds: 0.01,
    note: ({ title }, { skipped }) => notes.push(`${title} ${skipped !== undefined}`),
  });
  assert.ok(small.times.every(({ milliseconds }) => milliseconds !== null));
  assert.ok(large.times[0].milliseconds !== null);
  assert.is(large.times[1].milliseconds, null);
  assert.match(large.times[1].skipped ?? '', /^a run would take about \d+ s$/);
  assert.equal(notes, ['1000 false', '1000 false', '1000000 false', '1000000 true']);
});

test('what cannot be asked for is refused before anything is measured', async () => {
  const cases: [string[], RegExp][] = [
    [['--profile', '--device', 'wasm'], /leave out --device wasm/],
    [['--tune', '--device', 'reference'], /leave out --device reference/],
    [['--compare', '--device', 'wasm'], /measures every device/],
    [['--compare', '--out', 'compare.pdf'], /ends in \.html or \.svg/],
    [['--compare', '--out', 'nowhere/compare.svg'], /there is no such folder/],
    [['--profile', '--compare'], /cannot be used with/],
    [['--tune', '--compare'], /cannot be used with/],
    [['--out', 'compare.svg'], /--out goes with --compare/],
  ];
  const refusals = cases.map(async ([args, why]) => {
    const { code, stdout, stderr } = await likeness(['bench', ...args]);
    assert.is(code, 2, stderr);
    assert.is(stdout, '');
    assert.match(stderr, why);
  });
  await Promise.all(refusals);
  const { stdout } = await likeness(['bench', '--help']);
  for (const example of ['--compare --out compare.html', '--profile --task train-step', '--tune'])
    assert.ok(stdout.includes(`likeness bench ${example}`), example);
});

test('sizes in words', () => {
  const [left, right, output] = [6, 8, 12].map((length) => ({ length }));
  const attributes = { rows: 3, inner: 2, columns: 4, transposeLeft: true, transposeRight: false };
  const activation = { slope: 1, ceiling: Number.POSITIVE_INFINITY };
  assert.is(
    sizesInWords({
      ...{ kernel: 'matmul', inputs: { left, right }, outputs: { output } },
      attributes: { ...attributes, activation },
    }),
    '3x2 transposed by 2x4',
  );
  assert.is(
    sizesInWords({
      ...{ kernel: 'repeat', inputs: { input: left }, outputs: { output } },
      attributes: { length: 12, inputLength: 6 },
    }),
    'length 12',
  );
});

test.run();
