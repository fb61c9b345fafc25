// Runs a script of this folder on a current Node, which npm brings: the project itself runs on Node 20.
//   npm run node24 -- test [FILTER...]
//   npm run node24 -- bench face-resnet
//   npm run node24 -- cli bench --task gemm       (after npm run build)
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, resolve } from 'node:path';

const bin = resolve('scripts/node24/node_modules/node/bin');
if (!existsSync(bin)) spawnSync('npm', ['--prefix', 'scripts/node24', 'ci'], { stdio: 'inherit' });
const [script, ...words] = process.argv.slice(2);
const file = script === 'cli' ? 'dist/cli.js' : `scripts/${script}.mjs`;
if (!script || !existsSync(file)) {
  console.error('usage: npm run node24 -- test|bench|cli [WORD...]');
  process.exit(1);
}
const env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH}` };
const { status } = spawnSync(resolve(bin, 'node'), [file, ...words], { stdio: 'inherit', env });
process.exitCode = status ?? 1;
