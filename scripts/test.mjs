// Bundles every test (or those whose path contains one of the arguments) and runs them with uvu.
//   npm test                     everything
//   npm test -- kernels wasm     files whose path contains "kernels" or "wasm"
// WebGPU is tested with all of Dawn's checks, which a program does without; LIKENESS_GPU_CHECKS=0 tests without them.
// LIKENESS_NO_SKIP=1 turns every test skipped for want of a GPU, a browser or photos into a failure.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, rmSync } from 'node:fs';
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
const started = performance.now();
const environment = {
  ...process.env,
  ...(await softwareGpuEnvironment()),
  LIKENESS_GPU_CHECKS: process.env.LIKENESS_GPU_CHECKS ?? '1',
  NODE_OPTIONS: '--enable-source-maps',
};

/** Bundles some tests into a folder of their own and runs them there; gives what they print and how they end. */
async function run(entryPoints, name, isLive) {
  const outdir = `.cache/test-${process.pid}-${name}`; // two runs at once do not meet
  await build({ ...common('node'), entryPoints, outbase: 'test', outdir, splitting: true, sourcemap: 'inline' });
  const child = spawn(process.execPath, ['node_modules/uvu/bin.js', outdir, '\\.test\\.js$'], {
    env: environment,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
    if (isLive) process.stdout.write(chunk);
  });
  const [code] = await once(child, 'close');
  rmSync(outdir, { recursive: true, force: true });
  if (!isLive) process.stdout.write(output);
  const count = (label) =>
    Number(
      output
        .match(new RegExp(`${label}:\\s+(\\d+)`, 'g'))
        ?.at(-1)
        ?.match(/\d+/)?.[0] ?? 0,
    );
  return { code, total: count('Total'), passed: count('Passed'), skipped: output.match(/^SKIPPED .*$/gm) ?? [] };
}

// Most tests keep one core busy, so two processes share them; the second one's output comes when it has ended.
const shares = [0, 1].map((share) => files.filter((_, k) => k % 2 === share)).filter((some) => some.length > 0);
const ends = await Promise.all(shares.map((some, share) => run(some, share, share === 0)));
const sum = (of) => ends.reduce((all, end) => all + of(end), 0);
const [total, passed] = [sum((end) => end.total), sum((end) => end.passed)];
const skipped = ends.flatMap((end) => end.skipped);
if (skipped.length > 0) console.log(skipped.join('\n'));
console.log(`${((performance.now() - started) / 1000).toFixed(0)} s`);
console.log(`${passed} passed, ${total - passed} failed, ${skipped.length} skipped`);
const isGood =
  ends.every((end) => end.code === 0 && end.total > 0) &&
  passed === total &&
  !(process.env.LIKENESS_NO_SKIP && skipped.length > 0);
process.exitCode = isGood ? 0 : 1;
