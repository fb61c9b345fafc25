import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { Browser, Page } from 'playwright-core';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { buildExplorer, serveExplorer } from '../../scripts/explorer.mjs';
import { apply, invert } from '../../src/face/align';
import { drawMask, randomMask } from '../../src/face/mask';
import { FacePipeline } from '../../src/face/pipeline';
import { syntheticPerson, syntheticPhoto } from '../../src/face/synthetic';
import { euclideanDistance } from '../../src/face/verify';
import { random, stream } from '../../src/tensor/random';
import { launch } from '../helpers/browser';

const test = suite('the explorer, in a browser');
const OUTPUT = '.cache/explorer';
/** Other programs may have the processor. */
const PATIENCE = { timeout: 120_000 };

let browser: Browser | undefined;
let server: Awaited<ReturnType<typeof serveExplorer>> | undefined;
let page: Page | undefined;
/** The same networks, in Node. */
let faces: FacePipeline | undefined;
const errors: string[] = [];
const requests: { url: string; method: string }[] = [];

test.before(async () => {
  browser = await launch();
  if (!browser) return;
  await buildExplorer(OUTPUT);
  server = await serveExplorer({ outdir: OUTPUT });
  faces = await FacePipeline.open({ device: 'wasm', threads: 1 });
  page = await browser.newPage({ viewport: { width: 1100, height: 900 } });
  page.on('console', (message) => message.type() === 'error' && errors.push(message.text()));
  page.on('pageerror', ({ message }) => errors.push(message));
  page.on('request', (request) => requests.push({ url: request.url(), method: request.method() }));
  await page.goto(`${server.address}?device=wasm`);
});
test.after(async () => {
  await browser?.close();
  server?.close();
  await faces?.[Symbol.asyncDispose]();
});

/** A photo that the page draws, and the face that is found on it here. */
async function drawn(person: number, shot: number) {
  const { image } = syntheticPhoto(syntheticPerson(random(person)), stream(person, shot), { width: 480, height: 480 });
  const [face] = (await faces?.align(image)) ?? [];
  return { image, face };
}

const embeddingOf = async (chip: Parameters<FacePipeline['embedAligned']>[0]) =>
  (await faces?.embedAligned(chip))?.embedding ?? new Float32Array();

async function goTo(panel: string): Promise<Page> {
  if (!page) throw new Error('there is no page');
  await page.evaluate((id) => document.getElementById(id)?.scrollIntoView(), panel);
  return page;
}

const facts = async (shown: Page, panel: string): Promise<Record<string, string>> =>
  shown
    .locator(`#${panel} .facts > div`)
    .evaluateAll((rows) =>
      Object.fromEntries(
        rows.map((row) => [row.querySelector('dt')?.textContent ?? '', row.querySelector('dd')?.textContent ?? '']),
      ),
    );

test('the first face is found at once, where the engine finds it in Node', async () => {
  if (!page) return;
  await page.locator('#photo .room[data-first-face]').waitFor(PATIENCE);
  console.log(`the first face: ${await page.locator('[data-first-face]').getAttribute('data-first-face')} s`);
  const { face } = await drawn(8, 1);
  const [x, y, width, height] = face.box.map(Math.round);
  const told = await facts(page, 'photo');
  assert.is(told['Box, in pixels'], `${width} × ${height} at (${x}, ${y})`);
  assert.is(told['The detector is sure to'], `${(100 * face.score).toFixed(1)} %`);
});

test('a mask moves the face as far as it does in Node', async () => {
  if (!page) return;
  const shown = await goTo('masks');
  await shown.locator('#masks .room[data-mapped]').waitFor(PATIENCE);
  const { face } = await drawn(8, 1);
  const toChip = invert(face.toPhoto);
  const landmarks = face.landmarks.map((point) => apply(toChip, point));
  const style = randomMask(random(1), { kind: 'surgical', wearing: 'full' });
  const masked = drawMask(face.chip, landmarks, style);
  const distance = euclideanDistance(await embeddingOf(face.chip), await embeddingOf(masked));
  const told = await facts(shown, 'masks');
  assert.ok(
    Math.abs(Number(told['Distance of the face to itself, masked']) - distance) < 2e-4,
    `${JSON.stringify(told)}, in Node ${distance}`,
  );
  assert.is(told.Decision, distance <= 0.412 ? 'the same person' : 'another person');
});

test('distances are those of Node, and the threshold decides', async () => {
  if (!page) return;
  const shown = await goTo('compare');
  await shown.locator('#compare .room[data-ready]').waitFor(PATIENCE);
  const chips = [await drawn(20, 1), await drawn(20, 2), await drawn(21, 1)].map(({ face }) => face.chip);
  const embeddings = await Promise.all(chips.map(embeddingOf));
  const cells = shown.locator('#distances [data-distance]');
  const distances = await cells.evaluateAll((all) => all.map((cell) => Number(cell.getAttribute('data-distance'))));
  assert.is(distances.length, 9);
  for (const [at, distance] of distances.entries()) {
    const expected = euclideanDistance(embeddings[Math.floor(at / 3)], embeddings[at % 3]);
    assert.ok(Math.abs(distance - expected) < 2e-4, `${distance}, in Node ${expected}`);
  }
  const same = () => shown.locator('#distances [data-same="true"]').count();
  const threshold = shown.locator('#compare input[type="range"]');
  await threshold.fill('1');
  assert.is(await same(), 9);
  await threshold.fill('0');
  assert.is(await same(), 3, 'each face and itself');
});

test('no serious fault for those who do not see, in light and dark, and at the width of a phone', async () => {
  if (!page) return;
  const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
  await page.evaluate(axe);
  for (const [colorScheme, width] of [
    ['light', 1100],
    ['dark', 390],
  ] as const) {
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize({ width, height: 844 });
    const found = await page.evaluate<{ impact: string; id: string; nodes: string[] }[]>(
      `axe.run().then(({ violations }) => violations.map(({ impact, id, nodes }) => ({ impact, id, nodes: nodes.map(({ html }) => html.slice(0, 120)) })))`,
    );
    const serious = found.filter(({ impact }) => impact === 'serious' || impact === 'critical');
    assert.equal(serious, [], `${colorScheme}, ${width} pixels wide`);
    const overflow = await page.evaluate('document.documentElement.scrollWidth - innerWidth');
    assert.ok(Number(overflow) <= 0, `${overflow} pixels wider than the window of ${width}`);
  }
});

test('nothing is sent anywhere: all that is asked for is on the page’s own server, and no other may be', async () => {
  if (!page || !server) return;
  assert.equal(errors, []);
  for (const { url, method } of requests) {
    assert.is(method, 'GET', url);
    assert.ok(url.startsWith(server.address) || /^(blob|data):/.test(url), url);
  }
  const refused = await page.evaluate(
    `fetch('http://127.0.0.1:9/', { method: 'POST', body: 'a face' }).then(() => 'sent', (error) => error.name)`,
  );
  assert.is(refused, 'TypeError');
  assert.ok(
    errors.some((error) => /Content Security Policy/.test(error)),
    errors.join('\n'),
  );
});

test.run();
