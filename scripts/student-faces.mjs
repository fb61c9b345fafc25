// The folders that models/mini-resnet.safetensors learns from, as links: node scripts/student-faces.mjs ../shared/faces OUT
// OUT/cfp: CFP's people without those who are LFW's too. OUT/web: photos of nobody knows whom, a folder each.
import { mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join, parse, resolve } from 'node:path';

const [faces, out] = process.argv.slice(2).map((path) => resolve(path));
if (!out) throw new Error('name the folder of the face images, and the folder to write the links to');

const letters = (name) => name.toLowerCase().replace(/[^a-z]/g, '');

/** How many letters must be put in, taken out or exchanged to make one name of the other (Levenshtein 1965). */
function distance(a, b) {
  let row = Array.from({ length: b.length + 1 }, (_, k) => k);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next.push(Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + Number(a[i - 1] !== b[j - 1])));
    row = next;
  }
  return row[b.length];
}

/** CFP's list has misspelt names: two letters apart are taken for one person, at the cost of a few who are not. */
const MOST_LETTERS_APART = 2;
const lfw = readdirSync(join(faces, 'lfw', 'images')).map(letters);
const isKnown = (name) => lfw.some((other) => distance(letters(name), other) <= MOST_LETTERS_APART);

mkdirSync(join(out, 'cfp'), { recursive: true });
const names = readFileSync(join(faces, 'cfp', 'Data', 'list_name.txt'), 'utf8')
  .trim()
  .split('\n');
for (const [k, name] of names.entries()) {
  const id = String(k + 1).padStart(3, '0');
  if (!isKnown(name)) symlinkSync(join(faces, 'cfp', 'Data', 'Images', id), join(out, 'cfp', id));
}

const photos = join(faces, 'points5', 'train', 'images');
for (const photo of readdirSync(photos)) {
  const folder = join(out, 'web', parse(photo).name);
  mkdirSync(folder, { recursive: true });
  symlinkSync(join(photos, photo), join(folder, photo));
}
