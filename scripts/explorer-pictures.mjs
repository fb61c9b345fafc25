// Drives every panel of the explorer as a reader would, and writes the pictures of docs/explorer/:
//   node scripts/explorer-pictures.mjs            all of them
//   node scripts/explorer-pictures.mjs network    those of one panel
// They show drawn people only.
import { mkdirSync } from 'node:fs';
import { chromium } from 'playwright-core';
import { chromium as ownChromium } from './chromium.mjs';
import { buildExplorer, serveExplorer } from './explorer.mjs';

const OUTPUT = '.cache/explorer-pictures';
const PATIENCE = { timeout: 300_000 };
const WIDE = { width: 1100, height: 900 };
const PHONE = { width: 390, height: 844 };

/** What is done before a panel's picture is taken. */
const DRIVEN = {
  photo: (page) => page.locator('#photo .room[data-first-face]').waitFor(PATIENCE),
  masks: (page) => page.locator('#masks .room[data-mapped]').waitFor(PATIENCE),
  network: async (page) => {
    await page.locator('#network .room[data-shown]').waitFor(PATIENCE);
    await page.getByRole('button', { name: 'conv 3×3; Block 5: Convolution 3×3, 17 × 17 × 64' }).first().click();
    const pixels = page.locator('#network .network-pixels .network-canvas');
    await pixels.scrollIntoViewIfNeeded();
    const { width, height } = await pixels.boundingBox();
    await pixels.click({ position: { x: 0.38 * width, y: 0.3 * height } });
    await page.locator('#network [data-grad-cam]').first().waitFor(PATIENCE);
    await page.locator('#network [data-covered]').first().waitFor(PATIENCE);
  },
  compare: (page) => page.locator('#compare .room[data-ready]').waitFor(PATIENCE),
  map: async (page) => {
    await page.locator('#map-drawn').click();
    await page.locator('#map .room[data-mapped="pca"]').waitFor(PATIENCE);
    await page.locator('#map select').selectOption('umap');
    await page.locator('#map .room[data-mapped="umap"]').waitFor(PATIENCE);
    await page.locator('#map .map-face').nth(12).click();
    await page.waitForTimeout(1000); // pictures glide to their places
  },
  training: async (page) => {
    await page.getByLabel('Stop after so many steps').fill('60');
    await page.getByRole('button', { name: 'Start' }).click();
    await page
      .getByRole('status')
      .filter({ hasText: /Finished at step 60\./ })
      .waitFor(PATIENCE);
  },
};

const wanted = process.argv.slice(2);
for (const name of wanted)
  if (!(name in DRIVEN)) {
    console.error(`there is no panel ${name}; take some of ${Object.keys(DRIVEN).join(', ')}`);
    process.exit(2);
  }
mkdirSync('docs/explorer', { recursive: true });
await buildExplorer(OUTPUT);
const server = await serveExplorer({ outdir: OUTPUT });
const browser = await chromium.launch({ ...(await ownChromium()), headless: true });
try {
  for (const [look, viewport, colorScheme] of [
    ['light', WIDE, 'light'],
    ['dark-phone', PHONE, 'dark'],
  ]) {
    const page = await browser.newPage({ viewport, colorScheme, deviceScaleFactor: 1 });
    page.on('pageerror', (error) => {
      throw error;
    });
    await page.goto(`${server.address}?device=wasm`);
    await DRIVEN.photo(page);
    // The bar at the top would lie over panels that are higher than the window.
    await page.evaluate(() => document.querySelector('header').style.setProperty('position', 'static'));
    for (const [name, drive] of Object.entries(DRIVEN)) {
      if (wanted.length > 0 && !wanted.includes(name)) continue;
      await page.evaluate((id) => document.getElementById(id).scrollIntoView(), name);
      await drive(page);
      const path = `docs/explorer/${name}-${look}.jpg`;
      await page.locator(`#${name}`).screenshot({ path, type: 'jpeg', quality: 80, ...PATIENCE });
      console.log(path);
    }
    await page.close();
  }
} finally {
  await browser.close();
  server.close();
}
