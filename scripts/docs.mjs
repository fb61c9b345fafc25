// Builds the chapters in docs/ as a site without a line of JavaScript but the switch between light and dark.
//   npm run docs:build           to docs/dist
//   npm run docs                 and shows it, and builds it again whenever a chapter or a source file changes
import { watch } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build, context } from 'esbuild';
import { common } from './esbuild.mjs';

const FOLDER = 'docs/dist';
const outfile = '.cache/docs/build.js';
await build({ ...common('node'), entryPoints: ['docs/site/build.ts'], outfile });
const { buildSite } = await import(pathToFileURL(resolve(outfile)).href);

async function make() {
  const started = performance.now();
  try {
    const { pages } = await buildSite(FOLDER);
    console.log(`${pages} pages in ${FOLDER}, ${((performance.now() - started) / 1000).toFixed(1)} s`);
    return true;
  } catch (error) {
    console.error(error.message);
    return false;
  }
}

const isMade = await make();
if (process.argv.includes('--serve')) {
  const { hosts, port } = await (await context({})).serve({ servedir: FOLDER, host: '127.0.0.1' });
  console.log(`http://${hosts[0]}:${port}/`);
  let waiting;
  const again = (_, file) => {
    if (file?.startsWith('dist')) return;
    clearTimeout(waiting);
    waiting = setTimeout(make, 100); // editors write a file in several steps
  };
  for (const folder of ['docs', 'src', 'shaders']) watch(folder, { recursive: true }, again);
} else if (!isMade) process.exitCode = 1;
