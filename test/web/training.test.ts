import { copyFile, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import type { Browser, Page } from 'playwright-core';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { common } from '../../scripts/esbuild.mjs';
import { syntheticDataset } from '../../src/face/dataset';
import { openWasm } from '../../src/kernels/wasm/backend';
import { arrival } from '../../src/nn/depth-study';
import { type DepthStep, DepthTraining } from '../../src/nn/depth-training';
import { platform } from '../../src/platform/node';
import type { Skips } from '../../web/training/messages';
import { TRAINING } from '../../web/training/session';
import { launch, serve } from '../helpers/browser';
import { LONGEST_TASK, tasksDuring } from '../helpers/main-thread';
import { assertClose } from '../helpers/numbers';

const test = suite('the panel that trains in a browser');

const PAGE = `<!doctype html><html lang="en"><meta charset="utf-8"><title>likeness</title><link rel="icon" href="data:,">
<link rel="stylesheet" href="training.css"><main></main><script type="module" src="page.js"></script></html>`;

let browser: Browser | undefined;
let server: Awaited<ReturnType<typeof serve>> | undefined;
let page: Page | undefined;
/** What the page says as errors, and every address that it asks for. */
const errors: string[] = [];
const requests: string[] = [];

async function bundled(entry: string): Promise<string> {
  const { outputFiles } = await build({
    ...{ ...common('browser'), packages: 'bundle', sourcemap: false },
    entryPoints: [entry],
    write: false,
  });
  return outputFiles[0].text;
}

test.before(async () => {
  browser = await launch();
  if (!browser) return;
  const texts = {
    '/': PAGE,
    '/page.js': await bundled('test/pages/training.ts'),
    '/training-worker.js': await bundled('web/training/training-worker.ts'),
    '/training.css': await readFile('web/training/training.css', 'utf8'),
  };
  server = await serve(texts, {
    '/weights/': platform.weightsDirectory().pathname,
    '/models/': platform.modelsDirectory().pathname,
  });
  page = await browser.newPage();
  page.on('console', (message) => message.type() === 'error' && errors.push(message.text()));
  page.on('pageerror', ({ message }) => errors.push(message));
  page.on('request', (request) => requests.push(request.url()));
  await page.goto(server.address);
});
test.after(async () => {
  await browser?.close();
  server?.close();
});

const status = (shown: Page, sentence: RegExp) =>
  shown.getByRole('status').filter({ hasText: sentence }).waitFor({ timeout: 60_000 });

const textOf = async (selector: string): Promise<string> => (await page?.locator(selector).textContent()) ?? '';

/** What the page offers to save: a line a step. */
async function savedNumbers(shown: Page): Promise<{ skips: string; step: number; loss: number; states: number[] }[]> {
  const summary = shown.getByText('The numbers');
  const button = shown.getByRole('button', { name: 'Save all numbers' });
  if (!(await button.isVisible())) await summary.click();
  const [download] = await Promise.all([shown.waitForEvent('download'), button.click()]);
  const [, ...lines] = (await readFile(await download.path(), 'utf8')).trim().split('\n');
  return lines.map((line) => {
    const [skips, step, loss, , states] = line.split(',');
    return {
      skips,
      step: Number(step),
      loss: Number(loss),
      states: states === '' ? [] : states.split(' ').map(Number),
    };
  });
}

/** The same steps in Node. */
async function stepsInNode(skips: Skips, blocks: number, count: number): Promise<DepthStep[]> {
  const backend = await openWasm({ threads: 1 });
  const { shape: input, drawn, channels, batchSize, momentum } = TRAINING;
  const { examples } = syntheticDataset({ ...input, ...drawn, seed: 1 });
  const training = new DepthTraining(backend, examples, {
    ...{ input, channels, classes: drawn.people, blocks, scaling: 'batch-norm', plain: skips === 'plain' },
    ...{ seed: 1, batchSize, learningRate: 0.05, momentum },
  });
  const steps: DepthStep[] = [];
  while (steps.length < count) steps.push(await training.step({ measured: steps.length === 0 }));
  await backend.close();
  return steps;
}

test('twenty steps, plain and residual, are those of Node, and the page is never held up', async () => {
  if (!page) return;
  const shown = page;
  await shown.getByLabel('Stop after so many steps').fill('20');
  const train = async () => {
    await shown.getByRole('button', { name: 'Start' }).focus();
    await shown.keyboard.press('Enter');
    await status(shown, /Finished at step 20\./);
  };
  const tasks = await tasksDuring(shown, train);
  const numbers = await savedNumbers(shown);
  assert.ok(tasks.length > 20, `${tasks.length} tasks were seen`);
  const longest = Math.max(...tasks.map(({ own }) => own));
  assert.ok(longest <= LONGEST_TASK, `the main thread was held up for ${longest} ms`);
  const wall = Math.max(...tasks.map((task) => task.wall));
  console.log(
    `longest task of the main thread: ${longest.toFixed(0)} ms of its own, ${wall.toFixed(0)} ms by the clock`,
  );

  assert.is(numbers.length, 40);
  for (const skips of ['residual', 'plain'] as const) {
    const own = numbers.filter((line) => line.skips === skips);
    const expected = await stepsInNode(skips, 4, 20);
    assertClose(
      own.map(({ loss }) => loss),
      expected.map(({ loss }) => loss),
      1e-5,
      `losses, ${skips}`,
    );
    assertClose(own[0].states, expected[0].norms?.states ?? [], 1e-5, `gradients of the first step, ${skips}`);
    assert.is(own[19].states.length, 5, 'the last step is measured');
  }
  assert.match(await textOf('.training-status'), 'Computed on wasm');
});

test('what is seen: curves, gradients, filters, faces', async () => {
  if (!page) return;
  for (const title of ['Loss', 'Accuracy on the batches', 'Norm of the gradient at each block'])
    assert.match(
      (await page.getByRole('img', { name: title }).first().getAttribute('aria-label')) ?? '',
      /residual: .*plain: /,
    );
  assert.is(await page.locator('.training-live .training-chart polyline').count(), 8);
  const filters = page.getByRole('img', { name: 'The 16 filters of the first layer' });
  assert.is(await filters.count(), 2);
  const colours = await filters.first().evaluate((canvas) => {
    if (!(canvas instanceof HTMLCanvasElement)) return 0;
    const { data } = canvas.getContext('2d')?.getImageData(0, 0, canvas.width, canvas.height) ?? { data: [] };
    return new Set(data).size;
  });
  assert.ok(colours > 50, `${colours} shades`);
  assert.match(await textOf('.training-images'), '160 images of 10 people');
  for (const control of await page.locator('.training :is(input, select)').all())
    assert.ok(
      await control.evaluate((one) => 'labels' in one && one.labels instanceof NodeList && one.labels.length > 0),
    );
});

test('a pause ends it, another network begins at step 0, and one of its settings only', async () => {
  if (!page) return;
  await page.getByLabel('Stop after so many steps').fill('100000');
  await page.getByLabel('Skips').selectOption('without (plain)');
  await page.getByRole('slider', { name: 'Depth' }).fill('1');
  await page.getByRole('button', { name: 'Start' }).click();
  await page.getByText(/^plain: step \d+/).waitFor();
  await page.getByRole('button', { name: 'Pause' }).click();
  await status(page, /Paused at step \d+/);
  const paused = await textOf('.training-figures');
  assert.match(paused, /^plain: step \d+, loss \d/);
  await page.getByRole('button', { name: 'Reset' }).click();
  await status(page, /Reset to step 0/);
  assert.is(await textOf('.training-figures'), '');
});

test('growing depth: the table says what Node says', async () => {
  if (!page) return;
  await page.getByRole('button', { name: 'Train at 2, 4, 8 and 16 blocks' }).click();
  const rows = page.locator('.training-depths tbody tr');
  await rows.nth(1).waitFor({ timeout: 60_000 });
  await page.getByRole('button', { name: 'Stop' }).click();
  await status(page, /Stopped\./);
  for (const [k, skips] of (['plain', 'residual'] as const).entries()) {
    const [{ norms }] = await stepsInNode(skips, 2, 1);
    const [blocks, kind, arrives] = await rows.nth(k).locator('td').allTextContents();
    assert.equal([blocks, kind], ['2', skips]);
    assert.is(arrives, norms && arrival(norms).toPrecision(2));
  }
});

test("the visitor's own folder: faces are found in the worker, and nothing leaves the page", async () => {
  if (!page) return;
  const folder = await mkdtemp(join(tmpdir(), 'likeness-people-'));
  const samples = new URL('../demo/', platform.weightsDirectory());
  for (const [person, photo] of [
    ['Ada', 'sample2.jpg'],
    ['Ben', 'sample5.jpg'],
  ]) {
    await mkdir(join(folder, person));
    await copyFile(new URL(photo, samples), join(folder, person, photo));
  }
  await page.getByLabel('A folder with a folder for each person').setInputFiles(folder);
  await status(page, /2 photos; they are looked at when you start/);
  await page.getByLabel('Stop after so many steps').fill('2');
  await page.getByRole('button', { name: 'Start' }).click();
  await status(page, /Finished at step 2\./);
  assert.match(await textOf('.training-images'), '2 images of 2 people.');
  await rm(folder, { recursive: true }); // the browser reads files when they are looked at
});

test('no error was told, and every request went to the page itself', () => {
  if (!server) return;
  assert.equal(errors, []);
  const { address } = server;
  assert.equal(
    requests.filter((url) => !url.startsWith(address) && !/^(data|blob):/.test(url)),
    [],
  );
});

test.run();
