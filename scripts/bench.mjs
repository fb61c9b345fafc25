// Bundles a benchmark and runs it.
//   npm run bench                     lists them
//   npm run bench -- face-resnet      runs bench/face-resnet.ts; what follows is passed on
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { build } from 'esbuild';
import { common } from './esbuild.mjs';

const [name, ...rest] = process.argv.slice(2);
const entry = `bench/${name}.ts`;
if (!name || !existsSync(entry)) {
  const names = readdirSync('bench').filter((file) => file.endsWith('.ts'));
  console.error(`Usage: npm run bench -- NAME\n${names.map((file) => `  ${file.replace(/\.ts$/, '')}`).join('\n')}`);
  process.exit(2);
}
const outdir = `.cache/bench/${name}`;
rmSync(outdir, { recursive: true, force: true });
await build({ ...common('node'), entryPoints: [entry], outdir, splitting: true });
const { status } = spawnSync(process.execPath, ['--enable-source-maps', `${outdir}/${name}.js`, ...rest], {
  stdio: 'inherit',
});
process.exitCode = status ?? 1;
