// Bundles every test (or those whose path contains one of the arguments) and runs the files with uvu, in as many
// processes as there are cores.
//   npm test                     everything
//   npm test -- kernels wasm     files whose path contains "kernels" or "wasm"
// WebGPU is tested with all of Dawn's checks, which a program does without; LIKENESS_GPU_CHECKS=0 tests without them.
// LIKENESS_NO_SKIP=1 turns every test skipped for want of a GPU, a browser or photos into a failure.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { build } from 'esbuild';
import { common } from './esbuild.mjs';
import { softwareGpuEnvironment } from './software-gpu.mjs';

/** Each process opens a device and compiles its pipelines: beyond this many the work done twice outweighs. */
const MOST_PROCESSES = 4;
/**
 * Processes take files from both ends of this order, so that those at the front share one GPU device and its compiled
 * pipelines, those at the end one bundled command; the small ones in the middle fill up whichever process is done first.
 */
const ORDER = [
  ...['nn/', 'kernels/', 'face/pretrained/', 'face/pipeline', 'tensor/'],
  ...['docs/', 'face/', 'gallery/', 'web/', 'browser', 'cli/'],
];

const wanted = process.argv.slice(2);
const place = (file) => ORDER.findIndex((start) => file.startsWith(`test/${start}`));
const files = readdirSync('test', { recursive: true })
  .map((file) => `test/${file}`)
  .filter((file) => file.endsWith('.test.ts'))
  .filter((file) => wanted.length === 0 || wanted.some((part) => file.includes(part)))
  .sort()
  .sort((one, other) => place(one) - place(other));
if (files.length === 0) {
  console.error(`No test file matches ${wanted.join(', ')}.`);
  process.exit(1);
}
const outdir = `.cache/test-${process.pid}`; // two runs at once do not meet
const running = new Set();
process.on('exit', () => rmSync(outdir, { recursive: true, force: true }));
for (const [signal, code] of Object.entries({ SIGINT: 130, SIGTERM: 143 }))
  process.on(signal, () => {
    for (const worker of running) worker.kill('SIGTERM');
    process.exit(code);
  });

const started = performance.now();
await build({ ...common('node'), entryPoints: files, outbase: 'test', outdir, splitting: true, sourcemap: 'inline' });
/**
 * glibc keeps what is freed, in place of handing it back to the system and having it cleared anew, page by page: a fifth
 * of the time in which SwiftShader compiles. Other systems do not know these names.
 */
const KEPT_MEMORY = {
  MALLOC_TRIM_THRESHOLD_: String(1 << 30),
  MALLOC_MMAP_THRESHOLD_: String(32 << 20),
  MALLOC_TOP_PAD_: String(64 << 20),
};
const environment = {
  LIKENESS_GPU_CHECKS: '1',
  ...KEPT_MEMORY,
  ...process.env,
  ...(await softwareGpuEnvironment()),
  NODE_OPTIONS: '--enable-source-maps',
  FORCE_COLOR: '1',
};

/** What became of each file. */
const finished = [];
const queue = files.map((file) => file.slice('test/'.length, -'.test.ts'.length));

/** Runs files in one process until none is left. A process that ends before its file does is followed by another. */
async function work(number, next) {
  const log = `${outdir}/process-${number}.log`; // a file and no pipe: what is told last is there when the process ends
  const output = openSync(log, 'w');
  let printed = 0;
  let worker;
  for (let name = next(); name !== undefined; name = next()) {
    if (!worker) {
      worker = fork('scripts/test-process.mjs', { env: environment, stdio: ['ignore', output, output, 'ipc'] });
      running.add(worker);
    }
    const begun = performance.now();
    worker.send({ name, url: new URL(`../${outdir}/${name}.test.js`, import.meta.url).href });
    const waiting = new AbortController();
    const answered = once(worker, 'message', waiting);
    const ended = once(worker, 'exit', waiting).then(() => []);
    const [result] = await Promise.race([answered, ended]);
    waiting.abort();
    await Promise.allSettled([answered, ended]);
    const bytes = readFileSync(log).subarray(printed);
    printed += bytes.length;
    const said = bytes.toString();
    process.stdout.write(said);
    if (!result) {
      const end = worker.signalCode ?? `exit code ${worker.exitCode}`;
      console.log(`\nFAILED ${name}: its process ended before its tests did (${end})`);
      running.delete(worker);
      worker = undefined;
    } else if (result.total === 0) console.log(`\nFAILED ${name}: it has no tests`);
    const seconds = (performance.now() - begun) / 1000;
    const skips = said.match(/^SKIPPED .*$/gm) ?? [];
    finished.push({ name, seconds, skips, ...(result ?? { passed: 0, total: 0, left: 0, code: 1 }) });
  }
  worker?.disconnect();
  if (worker) await once(worker, 'exit');
  running.delete(worker);
  closeSync(output);
}

const count = Math.min(availableParallelism(), MOST_PROCESSES, files.length);
const fromBothEnds = Array.from({ length: count }, (_, k) =>
  work(k, k % 2 === 0 ? () => queue.shift() : () => queue.pop()),
);
await Promise.all(fromBothEnds);

const sum = (figure) => finished.reduce((total, file) => total + figure(file), 0);
const passed = sum((file) => file.passed);
const skips = finished.flatMap((file) => file.skips);
const skipped = skips.length + sum(({ left }) => left);
const unfinished = finished.filter(({ total }) => total === 0).length;
const failed = sum((file) => file.total) - passed + unfinished;
const isComplete = finished.length === files.length && finished.every(({ code }) => code === 0);
console.log(['', ...skips].join('\n'));
// The first file on a device pays for opening it, and for pipelines that the others find compiled.
finished.sort((one, other) => other.seconds - one.seconds);
for (const { name, seconds } of finished.slice(0, 20)) console.log(`${seconds.toFixed(1).padStart(7)} s  ${name}`);
const took = ((performance.now() - started) / 1000).toFixed(0);
console.log(`${took} s in ${count === 1 ? 'one process' : `${count} processes`}`);
console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
process.exitCode = !isComplete || failed > 0 || (process.env.LIKENESS_NO_SKIP && skipped > 0) ? 1 : 0;
