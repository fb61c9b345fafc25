import colours from 'picocolors';
import { readImage } from '../face/image';
import { FacePipeline, type Verification } from '../face/pipeline';
import { NO_THRESHOLD, thresholdFor } from '../face/verify';
import { AnnotatedPhotos } from './annotated-photos';
import { detectOptions, type EmbedOptions, pipelineOptions } from './options';
import { EXIT, printDevice, printJson, printTable, printWritten, tell, UserError } from './output';

export interface VerifyOptions extends EmbedOptions {
  threshold?: number;
  falseMatchRate?: number;
}

async function chosenThreshold(pipeline: FacePipeline, { threshold, falseMatchRate }: VerifyOptions) {
  if (falseMatchRate === undefined) return threshold;
  const calibration = await pipeline.calibration();
  if (!calibration) throw new UserError(NO_THRESHOLD);
  return thresholdFor(falseMatchRate, calibration);
}

/** `likeness verify`: whether two photos show one person. The exit code is 0 if they do, 1 if they do not. */
export async function verify(files: [string, string], options: VerifyOptions, signal: AbortSignal): Promise<void> {
  const annotated = await AnnotatedPhotos.openIf(options.out, files);
  await using pipeline = await FacePipeline.open(pipelineOptions(options));
  const threshold = await chosenThreshold(pipeline, options);
  // The pipeline reads the second photo while it looks at the first.
  const result = await pipeline.verify(files[0], files[1], {
    ...detectOptions(options, signal),
    ...(threshold === undefined ? {} : { threshold }),
  });
  for (const [index, count] of result.counts.entries())
    if (count > 1) tell(`${files[index]} shows ${count} faces; the most prominent is taken`);
  for (const [index, sentence] of notAlive(files, result)) tell(`${files[index]} ${sentence}`);
  process.exitCode = result.same ? EXIT.fine : EXIT.different;
  const answer = result.same ? 'same' : 'different';
  const label = result.probability === undefined ? answer : `${answer}, ${percent(result.probability)}`;
  if (annotated)
    for (const [index, file] of files.entries())
      await annotated.write(await readImage(file), file, [result.faces[index]], () => label);
  if (options.json) printJson({ ...result, faces: result.faces.map(({ chip: _, toPhoto: __, ...face }) => face) });
  else {
    printVerification(files, result);
    printWritten(annotated?.written);
    printDevice(pipeline.device);
  }
}

/** The photos whose faces do not look alive, and what is to be said of them. */
function notAlive(files: [string, string], { liveness, faces }: Verification): [index: number, sentence: string][] {
  if (!liveness) return [];
  const { isLive, threshold } = liveness;
  return [...files.keys()].flatMap((index) => {
    if (isLive[index]) return [];
    const score = (faces[index].liveness ?? 0).toFixed(3);
    return [[index, `does not look like a living face: ${score}, and ${threshold} is asked for; nothing is confirmed`]];
  });
}

/** A dash for what is not known. */
export const percent = (probability: number | undefined) =>
  probability === undefined ? '-' : `${(100 * probability).toFixed(1)} %`;

/** Yes in green, no in red. */
export const yesOrNo = (same: boolean) => (same ? colours.green('yes') : colours.red('no'));

function printVerification(files: [string, string], result: Verification) {
  const { same, distance, threshold, probability, falseMatchRate, liveness, faces } = result;
  const isDoubted = !same && distance <= threshold;
  printTable(
    [
      'Photos',
      'Same person',
      'Distance',
      'Threshold',
      'False matches there',
      'Probability',
      ...(liveness ? ['Alive'] : []),
    ],
    [
      [
        files.join('\n'),
        isDoubted ? colours.red('not confirmed') : yesOrNo(same),
        distance.toFixed(3),
        threshold.toFixed(3),
        falseMatchRate === undefined ? '-' : `${(100 * falseMatchRate).toFixed(2)} %`,
        percent(probability),
        ...(liveness ? [faces.map((face) => face.liveness?.toFixed(3) ?? '-').join('\n')] : []),
      ],
    ],
  );
}
