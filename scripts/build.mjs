// Builds dist/: the library for Node and for browsers, the command, the demo, and the type declarations.
import { execFileSync } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { build } from 'esbuild';
import { common } from './esbuild.mjs';

rmSync('dist', { recursive: true, force: true });

const library = { index: 'src/index.ts', tensor: 'src/tensor/index.ts', nn: 'src/nn/index.ts' };
const node = { ...library, cli: 'src/cli/main.ts', demo: 'src/cli/demo.ts' };
const present = (entries) => Object.fromEntries(Object.entries(entries).filter(([, file]) => existsSync(file)));

await build({
  ...common('node'),
  entryPoints: present(node),
  outdir: 'dist',
  splitting: true,
  chunkNames: 'chunks/[name]-[hash]',
});
await build({
  ...common('browser'),
  entryPoints: present(library),
  outdir: 'dist/browser',
  splitting: true,
  minify: true,
});
if (!process.argv.includes('--no-types'))
  execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'], {
    stdio: 'inherit',
  });
