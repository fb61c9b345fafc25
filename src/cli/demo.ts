import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { Command } from 'commander';
import { CALIBRATION } from '../face/embed';
import { compareEmbeddings } from '../face/verify';
import type { Device } from '../tensor/device';
import { AnnotatedPhotos } from './annotated-photos';
import { deviceOption } from './options';
import { printDevice, printLine, printTable, tellError } from './output';
import { forEachPhoto, isFailure } from './photos';
import { percent, yesOrNo } from './verify';

const OUT = 'demo-output';

/** `npm run demo`: the sample photos of the package that the weights come from, each compared with each. */
async function demo(device: Device): Promise<void> {
  const samples = join(dirname(createRequire(import.meta.url).resolve('@vladmandic/face-api/package.json')), 'demo');
  const files = [1, 2, 3, 4, 5, 6].map((number) => join(samples, `sample${number}.jpg`));
  const annotated = await AnnotatedPhotos.open(OUT, files);
  printLine(`Looking for faces in ${files.length} photos ...`);
  const options = { device, detector: 'tiny', smallFaces: false, json: false } as const;
  const { results, device: used } = await forEachPhoto(
    files,
    { ...options, progress: true, debug: false },
    new AbortController().signal,
    async (pipeline, photo, file) => {
      const [compared] = await pipeline.embed(photo, { onlyMostProminent: true });
      const faces = await pipeline.detect(photo);
      await annotated.write(photo, file, faces, ({ box, score }) =>
        box.join() === compared.box.join() ? 'compared' : score.toFixed(2),
      );
      return { file, embedding: compared.embedding };
    },
  );
  const people = results.flatMap((result) => (isFailure(result) ? [] : [result]));
  printTable(
    ['Photos', 'Distance', 'Same person', 'Probability'],
    people.flatMap((one, index) => people.slice(index + 1).map((other) => comparisonRow(one, other))),
  );
  printLine('Of several faces in a photo the most prominent is compared: large and near the middle.');
  printLine(`The photos with their faces marked are in ${OUT}/.`);
  printDevice(used);
  printLine('Now with photos of your own: npx likeness verify a.jpg b.jpg');
}

interface Person {
  file: string;
  embedding: Float32Array;
}

function comparisonRow(one: Person, other: Person): string[] {
  const { same, distance, probability } = compareEmbeddings(one.embedding, other.embedding, CALIBRATION.flip);
  const names = `${basename(one.file)} and ${basename(other.file)}`;
  return [names, distance.toFixed(3), yesOrNo(same), percent(probability)];
}

try {
  const { device } = new Command('demo').addOption(deviceOption()).parse().opts<{ device: Device }>();
  await demo(device);
} catch (error) {
  tellError(error, process.argv.includes('--debug'));
}
