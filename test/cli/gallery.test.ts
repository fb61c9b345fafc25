import { cp, mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { encodePng } from '../../src/face/image';
import { type Finished, likeness } from '../helpers/command';
import { emptyGalleryFolder } from '../helpers/galleries';
import { cropAround, halved, plain, SAMPLE_FACES, samplePhoto } from '../helpers/photos';

const test = suite('galleries on the command line');
const WASM = ['--device', 'wasm', '--threads', '1', '--json'];

let folder = '';
let gallery = '';
const path = (name: string) => join(folder, name);

/** The face of a sample photo, counted from the left, as a photo of its own. */
async function faceOf(photo: string, face: number) {
  return halved(cropAround(await samplePhoto(photo), SAMPLE_FACES[photo][face]));
}

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'likeness-people-'));
  gallery = await emptyGalleryFolder();
  const [amy, ben, eve] = await Promise.all([
    faceOf('sample3.jpg', 0),
    faceOf('sample3.jpg', 1),
    faceOf('sample4.jpg', 1),
  ]);
  await mkdir(path('people/Amy'), { recursive: true });
  await mkdir(path('people/Ben'), { recursive: true });
  await mkdir(path('album'));
  await mkdir(path('known'));
  const write = async (name: string, photo: typeof amy) => writeFile(path(name), await encodePng(photo));
  await Promise.all([
    write('people/Amy/1.png', amy),
    write('people/Ben/1.png', ben),
    write('album/amy.png', halved(amy)),
    write('album/eve.png', eve),
    write('nobody.png', plain(120, 90)),
  ]);
  await cp(path('people/Amy/1.png'), path('known/Amy.png'));
  await cp(path('people/Ben/1.png'), path('known/Ben.png'));
});
test.after(() => rm(folder, { recursive: true }));

const run = (...args: string[]): Promise<Finished> => likeness([...args, '--gallery', gallery, ...WASM]);
function documentOf<Document>({ code, stdout, stderr }: Finished): Document {
  assert.is(code, 0, stderr);
  return JSON.parse(stdout);
}

interface Answer {
  file: string;
  faces: { name: string | null; top: { name: string; distance: number; probability: number }[] }[];
}

test('enroll, identify, index, find, forget: from photos to names and back to nothing', async () => {
  const enrolled = documentOf<{ people: object[] }>(await run('enroll', path('people')));
  assert.equal(
    enrolled.people.map((person) => ({ ...person, quality: 0 })),
    ['Amy', 'Ben'].map((name) => ({ name, added: 1, faces: 1, quality: 0 })),
  );
  assert.is((await stat(gallery)).mode & 0o777, 0o700);

  const answers = documentOf<Answer[]>(await run('identify', path('album/amy.png'), path('album/eve.png')));
  assert.equal(
    answers.map(({ faces }) => faces.map(({ name }) => name)),
    [['Amy'], [null]],
  );
  const [first] = answers[0].faces[0].top;
  assert.ok(first.distance < 0.3 && first.probability > 0.9, JSON.stringify(first));

  const indexed = documentOf<{ done: number; faces: number }>(await run('index', path('album'), path('people')));
  assert.equal([indexed.done, indexed.faces], [4, 4]);
  const [found] = documentOf<{ photos: { path: string }[] }[]>(await run('find', path('known/Amy.png')));
  assert.equal(found.photos.map((photo) => photo.path).sort(), [path('album/amy.png'), path('people/Amy/1.png')]);

  const forgotten = documentOf<object>(await run('gallery', 'forget', 'Amy', '--threshold', '0.4'));
  assert.equal({ ...forgotten }, { name: 'Amy', templates: 1, faces: 2, threshold: 0.4 });
  const left = documentOf<{ people: { name: string }[]; index: object }>(await run('gallery', 'list'));
  assert.equal(
    left.people.map(({ name }) => name),
    ['Ben'],
  );
  assert.equal(left.index, { photos: 2, faces: 2 });
});

test('recognize prints the lines of face_recognition', async () => {
  const { code, stdout, stderr } = await likeness([
    'recognize',
    path('known'),
    path('album'),
    ...WASM.filter((option) => option !== '--json'),
  ]);
  assert.is(code, 0, stderr);
  assert.equal(stdout.split('\n'), [`${path('album/amy.png')},Amy`, `${path('album/eve.png')},unknown_person`, '']);
  const nobody = await likeness(['recognize', path('known'), path('nobody.png'), ...WASM]);
  assert.equal(documentOf(nobody), [{ file: path('nobody.png'), name: 'no_persons_found' }]);
});

test('what cannot be done is one sentence, and the exit code 2', async () => {
  const cases: [string[], RegExp][] = [
    [['enroll', path('nobody.png')], /nobody\.png is no folder; whose photo is it\? --name/],
    [['enroll', path('album')], /there is no folder in .*album\/Ada\/1\.jpg/],
    [['index', path('gone')], /gone does not exist/],
    [['identify', path('nobody.png'), '--aligned'], /--aligned goes with --model/],
    [['identify', path('nobody.png'), '--gallery', 'postgres://me:secret@127.0.0.1:1/x'], /127\.0\.0\.1:1\/x cannot/],
  ];
  for (const [args, sentence] of cases) {
    const { code, stderr } = await likeness([...args, ...(args.includes('--gallery') ? [] : ['--gallery', gallery])]);
    assert.is(code, 2, stderr);
    assert.match(stderr, sentence);
    assert.match(stderr, /^likeness: [^\n]+\n$/);
    assert.not.match(stderr, /secret/);
  }
});

test.run();
