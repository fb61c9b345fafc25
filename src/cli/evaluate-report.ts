import { dirname, extname } from 'node:path';
import { distancesOf, type Mistaken, onlyFolds, rocOf, worstMistakes } from '../face/evaluate';
import { encodePng, readImage } from '../face/image';
import { mean } from '../face/metrics';
import type { FacePipeline } from '../face/pipeline';
import { imageOf, resize } from '../face/pixels';
import { CONDITION_HEADINGS, conditionRow, figureRows, GROUP_HEADINGS, groupRow, type PairRun } from './evaluate';
import { drawConditions, drawHistogram, drawRejection, drawRoc } from './evaluate-charts';
import { MASK_HEADINGS, maskRow } from './evaluate-masks';
import { isFolder, writeFileAtomically } from './files';
import { UserError } from './output';
import { openPage, type Page } from './page';
import { typed } from './typed';

const MOST_MISTAKES = 20;
const PICTURE = 112;

/** Before the work, and not at its end. @throws UserError when no page can be written there */
export async function expectReportPlace(path: string | undefined): Promise<void> {
  if (path === undefined) return;
  if (!['.html', '.htm'].includes(extname(path).toLowerCase()))
    throw new UserError(`--report writes a page; name a file that ends in .html, not ${path}`);
  if (!(await isFolder(dirname(path)))) throw new UserError(`${path} cannot be written: there is no such folder`);
  if (await isFolder(path)) throw new UserError(`${path} cannot be written: there is a folder of that name`);
}

interface Facts extends Pick<FacePipeline, 'device' | 'model'> {
  seconds: number;
  seed: number;
}

/** A page with the figures, the curves, and the worst mistakes as pictures; it needs no other file. */
export async function writePairReport(path: string, runs: readonly PairRun[], facts: Facts): Promise<void> {
  const { device, model, seconds, seed } = facts;
  const page = openPage(`Evaluation on ${runs.map(({ protocol }) => protocol.name).join(' and ')}`);
  const { document, add, section } = page;
  document.body.append(add('h1', document.title));
  for (const run of runs) document.body.append(...(await sectionsOf(page, run)));
  document.body.append(
    section('What it is', {
      model: `${model.name}, ${model.dimension} numbers a face`,
      'computed on': `${device.name} (${device.description})`,
      'seconds of this run': seconds.toFixed(1),
      seed,
      date: new Date().toISOString(),
    }),
    add('h2', 'The command'),
    add('p', add('code', typed().join(' '))),
  );
  await writeFileAtomically(path, new TextEncoder().encode(page.html()));
}

async function sectionsOf({ document, add, table }: Page, run: PairRun): Promise<Element[]> {
  const { protocol, scored, decisions, figures, conditions, masks, groups, rejection } = run;
  const chosen = onlyFolds(scored, decisions.scored);
  const charts = add(
    'div',
    drawRoc(document, rocOf(scored, decisions)),
    drawHistogram(document, distancesOf(chosen), mean(figures.thresholds)),
    ...(rejection.length === 0 ? [] : [drawRejection(document, rejection)]),
  );
  charts.className = 'charts';
  const mistakes = worstMistakes(scored, decisions);
  const rows = [];
  for (const mistake of mistakes.slice(0, MOST_MISTAKES)) rows.push(await mistakeRow(add, mistake));
  const small = add('div', ...drawConditions(document, conditions));
  small.className = 'charts';
  return [
    add('h2', protocol.name),
    add('p', `${figures.pairs} pairs of ${run.photos} photos.`),
    table(['', '', '95 %, by bootstrap over pairs'], figureRows(run)),
    charts,
    ...(conditions.length === 0
      ? []
      : [add('h2', 'Under conditions'), small, table(CONDITION_HEADINGS, conditions.map(conditionRow))]),
    ...(masks.length === 0 ? [] : [add('h2', 'With masks'), table(MASK_HEADINGS, masks.map(maskRow))]),
    ...(groups.length === 0
      ? []
      : [add('h2', 'By group, the worst first'), table(GROUP_HEADINGS, groups.map(groupRow))]),
    add('h2', `The worst of ${mistakes.length} mistakes`),
    mistakes.length === 0
      ? add('p', 'None: every pair was decided rightly.')
      : table(['', '', 'They are', 'Distance', 'Threshold', 'Photos'], rows),
  ];
}

async function mistakeRow(add: Page['add'], { pair, distance, threshold }: Mistaken): Promise<(string | Element)[]> {
  const pictures = await Promise.all(
    pair.files.map(async (file) => {
      const image = add('img');
      image.setAttribute('src', await pictureOf(file));
      image.setAttribute('alt', file);
      return image;
    }),
  );
  return [
    ...pictures,
    pair.same ? 'one person' : 'two people',
    distance === undefined ? 'no face' : distance.toFixed(3),
    threshold.toFixed(3),
    pair.files.map((file) => file.split(/[\\/]/).slice(-2).join('/')).join(', '),
  ];
}

/** A small picture as a data URL. */
async function pictureOf(file: string): Promise<string> {
  const pixels = resize(await readImage(file), { width: PICTURE, height: PICTURE, channels: 3 });
  const bytes = await encodePng(
    imageOf(
      Float64Array.from(pixels, (value) => 255 * value),
      PICTURE,
      PICTURE,
    ),
  );
  return `data:image/png;base64,${Buffer.from(bytes).toString('base64')}`;
}
