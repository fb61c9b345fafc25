import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { Browser, Page } from 'playwright-core';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { buildExplorer, serveExplorer } from '../../scripts/explorer.mjs';
import { apply, DLIB_TEMPLATE, invert } from '../../src/face/align';
import { encodePng } from '../../src/face/image';
import { drawMask, randomMask } from '../../src/face/mask';
import { FacePipeline } from '../../src/face/pipeline';
import { syntheticPerson, syntheticPhoto } from '../../src/face/synthetic';
import { euclideanDistance } from '../../src/face/verify';
import { openDevice } from '../../src/tensor/device';
import { random, stream } from '../../src/tensor/random';
import recorded from '../../web/compare/lfw-distances.json';
import { groupFaces, nearest } from '../../web/map/neighbours';
import { principalPlaces } from '../../web/map/places';
import { FaceWalk } from '../../web/network/face-walk';
import { launch } from '../helpers/browser';
import { LONGEST_TASK, tasksDuring } from '../helpers/main-thread';
import { plain } from '../helpers/photos';

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

/** A photo that the page draws, and the face that is found on it here; looked for once. */
function drawn(person: number, shot: number) {
  const key = `${person} ${shot}`;
  const known = drawnPhotos.get(key) ?? findDrawn(person, shot);
  drawnPhotos.set(key, known);
  return known;
}

async function findDrawn(person: number, shot: number) {
  const { image } = syntheticPhoto(syntheticPerson(random(person)), stream(person, shot), { width: 480, height: 480 });
  const [face] = (await faces?.align(image)) ?? [];
  return { image, face };
}
const drawnPhotos = new Map<string, ReturnType<typeof findDrawn>>();

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

test('a layer’s number, its terms and the Grad-CAM are those of Node', async () => {
  if (!page) return;
  const shown = await goTo('network');
  await shown.locator('#network .room[data-shown]').waitFor(PATIENCE);
  const { face } = await drawn(8, 1);
  const walk = await FaceWalk.open((await openDevice('wasm', { threads: 1 })).backend);
  const layers = walk.look(face.chip);
  const place = layers.findIndex(({ weights }) => weights === 'conv64_1/conv1');
  const { shape } = layers[place];
  await shown.getByRole('button', { name: 'conv 3×3; Block 5: Convolution 3×3, 17 × 17 × 64' }).first().click();
  await shown.getByRole('spinbutton', { name: 'Channel' }).fill('5');
  const map = shown.locator('#network .network-pixels .network-canvas');
  await map.scrollIntoViewIfNeeded();
  const { width } = (await map.boundingBox()) ?? { width: 0 };
  await map.hover({ position: { x: (width * 6.5) / shape.width, y: (width * 4.5) / shape.height } });
  await shown.locator(`#network .room[data-shown="${place} 5 4 6"]`).waitFor(PATIENCE);

  const maps = await walk.maps(place);
  const value = maps.values[(4 * shape.width + 6) * shape.channels + 5];
  const explanation = await walk.explain(place, { row: 4, column: 6, channel: 5 });
  if (explanation?.kind !== 'products') throw new Error('a convolution is a sum of products');
  const numberOf = (text: string | null) => Number(text?.replaceAll('−', '-').replace('×', ''));
  for (const [name, expected] of [
    ['engine', value],
    ['sum', explanation.computed],
  ] as const) {
    const told = numberOf(await shown.locator(`#network [data-${name}]`).textContent());
    assert.ok(Math.abs(told - expected) <= 1e-5 * explanation.magnitude, `${name}: ${told}, in Node ${expected}`);
  }
  const products = (selector: string) => shown.locator(`#network .network-window td ${selector}`).allTextContents();
  const inputs = (await products('span')).map(numberOf);
  const weights = (await products('small')).map(numberOf);
  for (const [k, x] of explanation.largest.flatMap((one) => one.inputs).entries())
    assert.ok(Math.abs(inputs[k] - (x ?? 0)) <= 0.006 * Math.abs(x ?? 0), `x ${k}: ${inputs[k]}, in Node ${x}`);
  for (const [k, weight] of explanation.largest.flatMap((one) => one.weights).entries())
    assert.ok(Math.abs(weights[k] - weight) <= 0.006 * Math.abs(weight), `K ${k}: ${weights[k]}, in Node ${weight}`);
  assert.is(inputs.length, 27);

  await map.click({ position: { x: (width * 6.5) / shape.width, y: (width * 4.5) / shape.height } });
  await map.hover({ position: { x: 3, y: 3 } });
  await shown.getByRole('spinbutton', { name: 'Channel' }).fill('6');
  await shown.locator(`#network .room[data-shown="${place} 6 4 6"]`).waitFor(PATIENCE); // held where it was clicked

  const { Mean, 'Multiply-adds': count } = await facts(shown, 'network');
  assert.ok(Math.abs(numberOf(Mean) - maps.statistics.mean) < 1e-3 * maps.statistics.deviation, Mean);
  assert.is(count, (17 * 17 * 9 * 64 * 64).toLocaleString('en'));

  await shown.locator('#network [data-grad-cam="conv128_2"]').waitFor(PATIENCE);
  const cam = await walk.gradCam(layers.findLastIndex(({ block }) => block === 'conv128_2'));
  const told = (await shown.locator('#network .network-numbers td').allTextContents()).map(numberOf);
  assert.is(told.length, 64);
  for (const [k, weight] of cam.entries())
    assert.ok(Math.abs(weight - told[k]) <= 2e-3 * Math.max(...cam), `${k}: ${told[k]}, in Node ${weight}`);
  await walk.dispose();
});

test('keys walk through layers, channels and pixels', async () => {
  if (!page) return;
  const shown = await goTo('network');
  const at = async (place: string) => shown.locator(`#network .room[data-shown="${place}"]`).waitFor(PATIENCE);
  await shown.locator('#network .network-strip [aria-pressed="true"]').focus();
  await shown.keyboard.press('Home');
  await shown.locator('#network .room[data-shown^="0 "]').waitFor(PATIENCE);
  await shown.keyboard.press('End');
  await at('115 6 0 0');
  await shown.keyboard.press('ArrowLeft');
  await shown.locator('#network .room[data-shown^="106 6 "]').waitFor(PATIENCE);
  await shown.locator('#network canvas[aria-label^="The 256 maps"]').press('ArrowDown');
  await at('106 22 0 0');
  await shown.keyboard.press('ArrowRight');
  await at('106 23 0 0');
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

  // What the threshold does to the recorded pairs, counted here bin by bin.
  const [{ distances: unmasked }, { distances: masked }] = recorded.pairs;
  for (const [photos, pairs, limit] of [
    ['unmasked-unmasked', unmasked, 0.412],
    ['unmasked-unmasked', unmasked, 0.3],
    ['masked-unmasked', masked, 0.412],
  ] as const) {
    await shown.locator('#compare .compare-charts select').selectOption(photos);
    await threshold.fill(String(limit));
    const bins = Math.round(limit / pairs.width);
    const upTo = (counts: readonly number[]) => counts.slice(0, bins).reduce((sum, count) => sum + count, 0);
    const [right, wrong] = [upTo(pairs.same), upTo(pairs.different)];
    const told = await facts(shown, 'compare');
    assert.is(told['Pairs of one person accepted'], `${(right / 16).toFixed(2)} %, ${right} of 1600`);
    assert.is(told['Pairs of strangers accepted'], `${(wrong / 16).toFixed(2)} %, ${wrong} of 1600`);
    const mark = shown.locator('#compare circle.compare-threshold');
    assert.is(await mark.count(), 1);
  }
});

/** What the map's button draws, and where it lies. */
async function drawnEmbeddings() {
  const size = { width: DLIB_TEMPLATE.side, height: DLIB_TEMPLATE.side, framing: DLIB_TEMPLATE };
  const embeddings: Float32Array[] = [];
  for (let person = 25; person <= 32; person++)
    for (let shot = 1; shot <= 5; shot++)
      embeddings.push(
        await embeddingOf(syntheticPhoto(syntheticPerson(random(person)), stream(person, shot), size).image),
      );
  return embeddings;
}

test('a map of forty faces: neighbours, groups and what the plane shows are those of Node', async () => {
  if (!page) return;
  const shown = await goTo('map');
  await shown.locator('#map-drawn').click();
  await shown.locator('#map .map-face').first().waitFor(PATIENCE);
  await shown.locator('#map .map-progress button').click();
  const status = shown.locator('#map .map-status');
  await shown.locator('#map .room[data-mapped]').waitFor(PATIENCE);
  assert.match((await status.textContent()) ?? '', /^\d+ faces? in 40 photos; stopped after \d+\.$/);

  let embeddings: Float32Array[] = [];
  const tasks = await tasksDuring(shown, async () => {
    await shown.locator('#map-drawn').click();
    embeddings = await drawnEmbeddings();
    await shown.locator('#map .room[data-mapped="pca"]').waitFor(PATIENCE);
  });
  const longest = Math.max(...tasks.map(({ own }) => own));
  assert.ok(longest <= LONGEST_TASK, `the main thread was held up for ${longest} ms`);
  assert.is(await status.textContent(), '40 faces in 40 photos.');
  const threshold = Number(await shown.locator('#map input[type="range"]').inputValue());
  assert.is(threshold, 0.338, 'what lets one pair of strangers in 10,000 through');
  const shares = principalPlaces(embeddings).explained;
  const caption = (await shown.locator('#map figcaption').textContent()) ?? '';
  assert.ok(caption.includes(`shows ${(100 * (shares?.both ?? 0)).toFixed(1)} % of the variance`), caption);

  const faceButtons = shown.locator('#map .map-face');
  await faceButtons.nth(12).click();
  const told = await shown
    .locator('#map-near [data-near]')
    .evaluateAll((rows) => rows.map((row) => [row.getAttribute('data-near'), row.getAttribute('data-distance')]));
  const expected = nearest(embeddings, 12, 6);
  assert.is(told.length, 6);
  for (const [k, { face, distance }] of expected.entries()) {
    assert.is(told[k][0], String(face));
    assert.ok(Math.abs(Number(told[k][1]) - distance) < 2e-4, `${told[k]}, in Node ${distance}`);
  }
  const groupsOf = () => faceButtons.evaluateAll((all) => all.map((face) => face.getAttribute('data-group')));
  const numbers = ({ groups }: { groups: readonly number[] }) =>
    groups.map((group) => (groups.filter((other) => other === group).length > 1 ? String(group + 1) : ''));
  assert.equal(await groupsOf(), numbers(groupFaces(embeddings, threshold)));
  await shown.locator('#map input[type="range"]').fill('0.2');
  const strict = numbers(groupFaces(embeddings, 0.2));
  assert.not.equal(strict, numbers(groupFaces(embeddings, threshold)));
  await shown.locator(`#map .map-face.alone`).first().waitFor(PATIENCE);
  assert.equal(await groupsOf(), strict);

  await shown.locator('#map select').selectOption('umap');
  await shown.locator('#map .room[data-mapped="umap"]').waitFor(PATIENCE);
  const places = await faceButtons.evaluateAll((all) =>
    all.map((face) => (face instanceof HTMLElement ? [face.style.left, face.style.top].map(Number.parseFloat) : [])),
  );
  assert.is(places.length, 40);
  const beside = places.filter((_, face) => Math.floor(nearest(places, face, 1)[0].face / 5) === Math.floor(face / 5));
  assert.ok(beside.length >= 36, `${beside.length} of 40 lie beside a photo of the same person`);
  const before = await shown.locator('#map-near').getAttribute('data-face');
  await faceButtons.nth(12).press(places[12][0] < 50 ? 'ArrowRight' : 'ArrowLeft');
  assert.is.not(
    await shown.locator('#map-near').getAttribute('data-face'),
    before,
    'an arrow key leads to another face',
  );
  await shown.locator('#map .map-list summary').click();
  assert.is(await shown.locator('#map .map-table tbody tr').count(), 40);
});

test('a map of chosen photos: those without a face are named, and what is no photo is left out', async () => {
  if (!page) return;
  const shown = await goTo('map');
  const two = [await drawn(20, 1), await drawn(21, 1)];
  const file = async (name: string, image: Parameters<typeof encodePng>[0]) => ({
    name,
    mimeType: 'image/png',
    buffer: Buffer.from(await encodePng(image)),
  });
  await shown
    .locator('#map-files')
    .setInputFiles([
      await file('one.png', two[0].image),
      await file('nobody.png', plain(96, 96)),
      await file('other.png', two[1].image),
      { name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('a note') },
    ]);
  await shown.locator('#map .room[data-mapped="pca"]').waitFor(PATIENCE);
  assert.is(await shown.locator('#map .map-status').textContent(), '2 faces in 3 photos.');
  assert.is(await shown.locator('#map .problem').textContent(), 'nobody.png: no face was found in it.');
  assert.match((await shown.locator('#map figcaption').textContent()) ?? '', /UMAP needs 4 faces or more/);
  const [one, other] = await Promise.all(two.map(({ face }) => embeddingOf(face.chip)));
  const told = Number(await shown.locator('#map-near [data-near="1"]').getAttribute('data-distance'));
  assert.ok(Math.abs(told - euclideanDistance(one, other)) < 2e-4, `${told}`);
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
