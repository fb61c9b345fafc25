// Measures the pretrained network on the 3,200 pairs of LFW's View 1, without masks and with, and keeps how many pairs
// have which distance, for the explorer's curves: web/compare/lfw-distances.json.
//   npm run build && node scripts/lfw-distances.mjs ../shared/faces/lfw
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';

const FILE = 'web/compare/lfw-distances.json';
const [folder] = process.argv.slice(2);
if (!folder) throw new Error("name LFW's folder");
const command = ['evaluate', 'lfw', folder, '--view', '1', '--masks', 'both', '--own-threshold', '--json'];
const options = { encoding: 'utf8', maxBuffer: 2 ** 28, stdio: ['ignore', 'pipe', 'inherit'] };
const { protocol, masks } = JSON.parse(
  execFileSync(process.execPath, ['dist/cli.js', ...command, '--threads', '1'], options),
);
const pairs = masks.map(({ photos, distances }) => ({ photos, distances }));
writeFileSync(FILE, JSON.stringify({ command: 'node scripts/lfw-distances.mjs FOLDER', protocol, pairs }));
execFileSync('npx', ['biome', 'format', '--write', FILE]);
