// Bundles every test (or those whose path contains one of the arguments) and runs them with uvu.
//   npm test                     everything
//   npm test -- kernels wasm     files whose path contains "kernels" or "wasm"
// WebGPU is tested with all of Dawn's checks, which a program does without; LIKENESS_GPU_CHECKS=0 tests without them.
// LIKENESS_NO_SKIP=1 turns every test skipped for want of a GPU, a browser or photos into a failure.
import { spawn } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import { stripVTControlCharacters } from 'node:util';
import { build } from 'esbuild';
import { common } from './esbuild.mjs';
import { softwareGpuEnvironment } from './software-gpu.mjs';

const wanted = process.argv.slice(2);
const files = readdirSync('test', { recursive: true })
  .map((file) => `test/${file}`)
  .filter((file) => file.endsWith('.test.ts'))
  .sort()
  .filter((file) => wanted.length === 0 || wanted.some((part) => file.includes(part)));
if (files.length === 0) {
  console.error(`No test file matches ${wanted.join(', ')}.`);
  process.exit(1);
}
const outdir = `.cache/test-${process.pid}`; // two runs at once do not meet
await build({ ...common('node'), entryPoints: files, outbase: 'test', outdir, splitting: true, sourcemap: 'inline' });

const started = performance.now();
const environment = {
  LIKENESS_GPU_CHECKS: '1',
  ...process.env,
  ...(await softwareGpuEnvironment()),
  NODE_OPTIONS: '--enable-source-maps',
};
const child = spawn(process.execPath, ['node_modules/uvu/bin.js', outdir, '\\.test\\.js$'], {
  env: environment,
  stdio: ['ignore', 'pipe', 'inherit'],
});
let output = '';
/** When each file began, which uvu says by its name alone on a line. */
const begun = [];
child.stdout.on('data', (chunk) => {
  output += chunk;
  process.stdout.write(chunk);
  for (const [, file] of stripVTControlCharacters(`${chunk}`).matchAll(/^(\S+)\.test\.js$/gm))
    begun.push({ file, at: performance.now() });
});
child.on('close', (code) => {
  rmSync(outdir, { recursive: true, force: true });
  const count = (label) =>
    Number(
      output
        .match(new RegExp(`${label}:\\s+(\\d+)`, 'g'))
        ?.at(-1)
        ?.match(/\d+/)?.[0] ?? 0,
    );
  const total = count('Total');
  const passed = count('Passed');
  const skipped = (output.match(/^SKIPPED /gm) ?? []).length;
  if (skipped > 0) console.log(output.match(/^SKIPPED .*$/gm).join('\n'));
  const ended = performance.now();
  const times = begun.map(({ file, at }, k) => ({ file, seconds: ((begun[k + 1]?.at ?? ended) - at) / 1000 }));
  times.sort((one, other) => other.seconds - one.seconds);
  // The first file on a device pays for opening it, and for pipelines that the others find compiled.
  for (const { file, seconds } of times.slice(0, 20)) console.log(`${seconds.toFixed(1).padStart(7)} s  ${file}`);
  console.log(`${((ended - started) / 1000).toFixed(0)} s`);
  console.log(`${passed} passed, ${total - passed} failed, ${skipped} skipped`);
  process.exitCode =
    code !== 0 || passed !== total || total === 0 || (process.env.LIKENESS_NO_SKIP && skipped > 0) ? 1 : 0;
});
