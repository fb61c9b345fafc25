import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { build } from 'esbuild';
import { common } from '../../scripts/esbuild.mjs';

/** One for each run: two may be under way in one checkout. */
const OUTPUT = resolve('.cache/command', `${process.pid}`);

let built: Promise<unknown> | undefined;
process.once('exit', () => rmSync(OUTPUT, { recursive: true, force: true }));

/** The command as it is shipped, bundled once for a whole run. */
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

/** Runs `likeness` with some arguments to its end; `during` may interfere with the process, say once it has told something. */
export async function likeness(
  args: readonly string[],
  during: (process: { interrupt(): void; kill(): void; told(): Promise<unknown> }) => Promise<void> = async () => {},
): Promise<Finished> {
  await buildOnce();
  const child = spawn(process.execPath, [`${OUTPUT}/cli.js`, ...args], {
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
