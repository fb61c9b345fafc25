import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { readImage } from '../face/image';
import { FacePipeline } from '../face/pipeline';
import { AnnotatedPhotos } from './annotated-photos';
import { printDevice, printLine, printTable, tellError } from './output';
import { percent, yesOrNo } from './verify';

const OUT = 'demo-output';

/** `npm run demo`: the sample photos of the package that the weights come from, each compared with each. */
async function demo(): Promise<void> {
  const samples = join(dirname(createRequire(import.meta.url).resolve('@vladmandic/face-api/package.json')), 'demo');
  const files = [1, 2, 3, 4, 5, 6].map((number) => join(samples, `sample${number}.jpg`));
  const annotated = await AnnotatedPhotos.open(OUT, files);
  await using pipeline = await FacePipeline.open();
  printLine(`Looking for faces in ${files.length} photos ...`);
  const photos = await Promise.all(files.map((file) => readImage(file)));
  for (const [index, photo] of photos.entries())
    await annotated.write(photo, files[index], await pipeline.embed(photo));

  const rows: (string | number)[][] = [];
  for (const [index, photo] of photos.entries())
    for (let other = index + 1; other < photos.length; other++) {
      const { same, distance, probability } = await pipeline.verify(photo, photos[other]);
      const names = `${basename(files[index])} and ${basename(files[other])}`;
      rows.push([names, distance.toFixed(3), yesOrNo(same), percent(probability)]);
    }
  printTable(['Photos', 'Distance', 'Same person', 'Probability'], rows);
  printLine('Of several faces in a photo the most prominent is compared: large and near the middle.');
  printLine(`The photos with their faces marked are in ${OUT}/.`);
  printDevice(pipeline.device);
}

demo().catch((error: unknown) => tellError(error, process.argv.includes('--debug')));
