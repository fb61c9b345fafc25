import { listPeople } from '../face/dataset-folder';
import { type Embeddings, type Enrolled, identificationFigures } from '../face/evaluate';
import { FacePipeline } from '../face/pipeline';
import { spread } from '../face/protocols';
import { between, embedder, share } from './evaluate';
import type { IdentifyFolderOptions } from './evaluate-commands';
import { maskedBy } from './evaluate-masks';
import { pipelineOptions } from './options';
import { printDevice, printJson, printLine, printTable, UserError } from './output';

const MOST_CONFUSIONS = 10;

/** `likeness evaluate identify`: a folder of photos for each person, the first of which are known. */
export async function evaluatePeople(
  folder: string,
  options: IdentifyFolderOptions,
  signal: AbortSignal,
): Promise<void> {
  const { enrolled, seed } = options;
  const everyone = await listPeople(folder);
  if (everyone.length < 2) throw new UserError(`${folder} holds one person only; at least two are needed`);
  const photos = everyone.reduce((sum, { files }) => sum + files.length, 0);
  const most = Math.max(2, Math.round((everyone.length * (options.limit ?? photos)) / photos));
  const people = spread(everyone, most); // whole people: with fewer photos of each, nobody would be left to look up
  if (people.every(({ files }) => files.length <= enrolled))
    throw new UserError(`nobody in ${folder} has more than ${enrolled} photos; enroll fewer (--enrolled)`);
  const started = performance.now();
  await using pipeline = await FacePipeline.open(pipelineOptions(options));
  const files = people.flatMap((person) => person.files);
  const { masks } = options;
  const probes = people.flatMap((person) => person.files.slice(enrolled));
  const withMasks = masks === 'both' ? files : masks === 'probe' ? probes : [];
  const embed = await embedder(pipeline, files.length + withMasks.length, options, signal);
  const embedAll = async () => ({
    known: await embed.files(files),
    masked: masks && (await embed.files(withMasks, maskedBy(seed))),
  });
  const { known, masked } = await embedAll().finally(embed.stop);
  const figures = identificationFigures(people, known, { enrolled, seed });
  const rows = masked ? maskedRows(people, known, masked, probes, options) : [];
  const { device, model } = pipeline;
  const missed = files.length - known.size;
  const seconds = (performance.now() - started) / 1000;
  if (options.json)
    return printJson({
      ...figures,
      photos: files.length,
      missed,
      ...(masked && { masks: rows }),
      device,
      model,
      seconds,
    });
  const { rank1, rank5, intervals, openSet, confusion } = figures;
  printLine(
    `${figures.people} people, ${enrolled} ${enrolled === 1 ? 'photo' : 'photos'} of each known; ${figures.probes} probes`,
  );
  printTable(
    ['', '', '95 % by bootstrap'],
    [
      ['Rank 1', share(rank1), between(intervals.rank1)],
      ['Among the first 5', share(rank5), between(intervals.rank5)],
      ...Object.entries(openSet.dirAtFar).map(([far, dir]) => [`DIR at FAR ${far}`, share(dir), '']),
      ['Photos without a face', `${missed} of ${files.length}`, ''],
    ],
  );
  printLine(
    `DIR is of an open set: ${openSet.people} people known, ${openSet.known} probes of theirs, ${openSet.strangers} of strangers.`,
  );
  if (rows.length > 0)
    printTable(
      [
        'Photos',
        'Rank 1',
        '95 %',
        'Among the first 5',
        ...Object.keys(openSet.dirAtFar).map((far) => `DIR at FAR ${far}`),
        'Probes without a face',
      ],
      rows.map((row) => [
        row.photos,
        share(row.rank1),
        between(row.intervals.rank1),
        share(row.rank5),
        ...Object.values(row.openSet.dirAtFar).map((dir) => share(dir)),
        `${row.missed} of ${row.probes}`,
      ]),
    );
  if (confusion.length > 0)
    printTable(
      ['Person', 'was taken for', 'Times'],
      confusion.slice(0, MOST_CONFUSIONS).map(({ actual, answer, count }) => [actual, answer, count]),
    );
  printDevice(device);
}

/** The figures of unmasked photos, of masked probes, and where they were asked for of masked enrolled photos as well. */
function maskedRows(
  people: readonly Enrolled[],
  known: Embeddings,
  masked: Embeddings,
  probes: readonly string[],
  { enrolled, seed, masks }: IdentifyFolderOptions,
) {
  const row = (photos: string, gallery: Embeddings, lookedUp: Embeddings) => ({
    photos,
    ...identificationFigures(people, gallery, { enrolled, seed, lookedUp }),
    missed: probes.filter((file) => !lookedUp.has(file)).length,
  });
  return [
    row('unmasked-unmasked', known, known),
    row('masked-unmasked', known, masked),
    ...(masks === 'both' ? [row('masked-masked', masked, masked)] : []),
  ];
}
