import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { GradientsReport } from '../../src/cli/study';
import { syntheticDataset } from '../../src/face/dataset';
import { openWasm } from '../../src/kernels/wasm/backend';
import { DepthTraining } from '../../src/nn/depth-training';
import { likeness, likenessProcess } from '../helpers/command';

const test = suite('likeness study gradients');
const QUICK = ['study', 'gradients', '--device', 'wasm', '--threads', '1', '--depths', '2,1', '--seeds', '2'];
const TINY = [...QUICK, '--steps', '2', '--batch', '4'];

let folder = '';
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'likeness-study-'));
});
test.after(() => rm(folder, { recursive: true }));

test('its numbers are those of the engine, and its chart is a picture', async () => {
  const out = join(folder, 'gradients.svg');
  const { code, stdout, stderr } = await likeness([...TINY, '--scalings', 'small,batch-norm', '--json', '--out', out]);
  assert.is(code, 0, stderr);
  const report: GradientsReport = JSON.parse(stdout);
  assert.equal([report.steps, report.batch, report.device, report.input], [2, 4, 'wasm', [24, 24, 3]]);
  assert.is(report.runs.length, 2 * 2 * 2 * 2);
  const last = report.runs[report.runs.length - 1];
  assert.equal([last.scaling, last.blocks, last.plain, last.seed], ['batch-norm', 2, false, 2]);

  const backend = await openWasm({ threads: 1 });
  const input = { height: 24, width: 24, channels: 3 } as const;
  const { examples } = syntheticDataset({ ...input, people: report.people, imagesEach: 16, seed: 1 });
  assert.is(examples.length, report.images);
  const training = new DepthTraining(backend, examples, {
    ...{ input, channels: 16, classes: report.people, scaling: 'batch-norm', blocks: 2, plain: false, seed: 2 },
    ...{ batchSize: 4, learningRate: 0.05, momentum: 0.9 },
  });
  const rounded = (values: readonly number[] = []) => values.map((value) => Number(value.toPrecision(9)));
  for (const [k, norms] of [last.start, last.end].entries()) {
    const step = await training.step({ measured: true });
    assert.is(last.losses[k], rounded([step.loss])[0]);
    assert.equal(norms?.states, rounded(step.norms?.states));
    assert.equal(norms?.filters, rounded(step.norms?.filters));
  }
  await backend.close();

  const svg = await readFile(out, 'utf8');
  assert.match(svg, /^<svg xmlns="http:\/\/www.w3.org\/2000\/svg" viewBox="0 0 1140 540"/);
  for (const title of ['Small weights: gradient at each block', 'Batch norm: training loss']) assert.match(svg, title);
  assert.not.match(svg, /NaN|undefined/);
  assert.equal(await readdir(folder), ['gradients.svg']);
});

test('a table for people, and a page', async () => {
  const out = join(folder, 'gradients.html');
  const { code, stdout, stderr } = await likeness([...TINY, '--scalings', 'he', '--out', out]);
  assert.is(code, 0, stderr);
  assert.is(stderr.split('\n').length - 1, 8, 'a line for each network');
  assert.match(stderr, /^likeness: he, 1 block, plain, seed 1: loss \d\.\d{3}\n/);
  assert.match(stdout, /│ he +│ +1 │ plain +│ [\d.e-]+ \([\d.e-]+ to [\d.e-]+\)/);
  assert.match(stdout, 'Medians of 2 seeds');
  assert.match(stdout, `Written: ${out}`);
  const page = await readFile(out, 'utf8');
  assert.match(page, '<h1>Gradients of plain and residual networks at growing depth</h1>');
  assert.match(page, /He(&apos;|')s weights: training loss/);
});

test('what cannot be done is refused before any work', async () => {
  const refusals: [RegExp, string[]][] = [
    [/whole number from 1 to 200/, ['--depths', '2,x']],
    [/glorot is none of small, he, batch-norm/, ['--scalings', 'glorot']],
    [/ends in .html or .svg/, ['--out', join(folder, 'chart.png')]],
  ];
  await Promise.all(
    refusals.map(async ([sentence, args]) => {
      const { code, stdout, stderr } = await likeness(['study', 'gradients', ...args]);
      assert.is(code, 2, args.join(' '));
      assert.match(stderr, sentence);
      assert.is(stdout, '');
    }),
  );
});

test('Ctrl-C stops it, and no chart is written', async () => {
  const out = join(folder, 'stopped.svg');
  const args = [...TINY, '--seeds', '1000', '--scalings', 'small', '--out', out];
  const { code, stdout, stderr } = await likenessProcess(args, async ({ told, interrupt }) => {
    await told();
    interrupt();
  });
  assert.is(code, 130, stderr);
  assert.is(stdout, '');
  assert.match(stderr, /\nlikeness: stopped\n$/);
  assert.not.ok((await readdir(folder)).includes('stopped.svg'));
});

test.run();
