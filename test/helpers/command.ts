import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { common } from '../../scripts/esbuild.mjs';

/** One for each process of each run: two may be under way in one checkout. */
const OUTPUT = resolve('.cache/command', `${process.pid}`);
const CLI = `${OUTPUT}/cli.js`;

let built: Promise<unknown> | undefined;
process.once('exit', () => rmSync(OUTPUT, { recursive: true, force: true }));

/** The command as it is shipped, bundled once for all files of a process. */
function buildOnce(): Promise<unknown> {
  built ??= build({
    ...common('node'),
    entryPoints: { cli: 'src/cli/main.ts' },
    outdir: OUTPUT,
    splitting: true,
    chunkNames: 'chunks/[name]-[hash]',
  });
  return built;
}

export interface Finished {
  code: number | null;
  stdout: string;
  stderr: string;
}

type Interfere = (process: { interrupt(): void; kill(): void; told(): Promise<unknown> }) => Promise<void>;

/** Runs `likeness` in a process of its own; `during` may interfere with it, say once it has told something. */
export async function likenessProcess(args: readonly string[], during: Interfere = async () => {}): Promise<Finished> {
  await buildOnce();
  const child = spawn(process.execPath, [CLI, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NODE_OPTIONS: '', NO_COLOR: '1' },
  });
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output.stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output.stderr += text;
  });
  const closed = new Promise<number | null>((done) => child.on('close', done));
  await during({
    interrupt: () => child.kill('SIGINT'),
    kill: () => child.kill('SIGKILL'),
    told: () => once(child.stderr, 'data'),
  });
  return { code: await closed, ...output };
}

let runs = 0;
let last: Promise<unknown> = Promise.resolve();

/**
 * Runs `likeness` to its end in this process, whose engine is warm: a process of its own spends most of a short command
 * on loading and on compiling what the command before has compiled. One runs at a time, for it has the process to itself:
 * arguments, output, exit code. What it must be for itself (to be stopped, say) is tested by `likenessProcess`.
 */
export function likeness(args: readonly string[]): Promise<Finished> {
  const run = last.then(() => runHere(args));
  last = run.catch(() => undefined);
  return run;
}

async function runHere(args: readonly string[]): Promise<Finished> {
  await buildOnce();
  const { argv, exitCode, stdout, stderr } = process;
  const { NO_COLOR } = process.env;
  const interrupts = process.listeners('SIGINT');
  const failures = stdout.listeners('error');
  const told = [stdout, stderr].map((stream) => capture(stream));
  process.argv = [process.execPath, CLI, ...args];
  process.exitCode = undefined;
  process.env.NO_COLOR = '1';
  try {
    // The first module of the bundle is the command; under another address it is run anew, the modules below are not.
    await import(`${pathToFileURL(CLI)}?run=${runs++}`);
    const [out, error] = told.map(({ text }) => text());
    return { code: Number(process.exitCode ?? 0), stdout: out, stderr: error };
  } finally {
    for (const { end } of told) end();
    process.argv = argv;
    process.exitCode = exitCode;
    if (NO_COLOR === undefined) delete process.env.NO_COLOR;
    else process.env.NO_COLOR = NO_COLOR;
    for (const listener of process.listeners('SIGINT'))
      if (!interrupts.includes(listener)) process.off('SIGINT', listener);
    for (const listener of stdout.listeners('error'))
      if (!failures.includes(listener)) Reflect.apply(stdout.off, stdout, ['error', listener]);
  }
}

/** Keeps what is written to a stream, which does not see it, until `end`. */
function capture(stream: NodeJS.WriteStream) {
  const { write } = stream;
  let text = '';
  stream.write = (chunk: string | Uint8Array, ...more: unknown[]) => {
    text += typeof chunk === 'string' ? chunk : new TextDecoder().decode(chunk);
    for (const callback of more) if (typeof callback === 'function') queueMicrotask(() => callback());
    return true;
  };
  return {
    text: () => text,
    end: () => {
      stream.write = write;
    },
  };
}
