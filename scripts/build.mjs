// Builds dist/: the library for Node and for browsers, the command, the demo, and the type declarations.
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { build } from 'esbuild';
import { common } from './esbuild.mjs';

rmSync('dist', { recursive: true, force: true });

const library = {
  index: 'src/index.ts',
  tensor: 'src/tensor/index.ts',
  nn: 'src/nn/index.ts',
  onnx: 'src/nn/onnx/index.ts',
};
const node = { ...library, node: 'src/node.ts', cli: 'src/cli/main.ts', demo: 'src/cli/demo.ts' };

await build({
  ...common('node'),
  entryPoints: node,
  outdir: 'dist',
  splitting: true,
  chunkNames: 'chunks/[name]-[hash]',
});
await build({
  ...common('browser'),
  entryPoints: library,
  outdir: 'dist/browser',
  splitting: true,
  minify: true,
});
if (!process.argv.includes('--no-types'))
  execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'], {
    stdio: 'inherit',
  });
