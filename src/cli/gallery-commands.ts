import { type Command, Option } from 'commander';
import type { ClusterOptions } from './cluster';
import type { EnrollOptions } from './enroll';
import type { FindCommandOptions } from './find';
import { falseMatchRateOption, GALLERY_HOME, type GalleryPhotoOptions, galleryOption } from './gallery-options';
import type { IndexOptions } from './index-photos';
import { commonOptions, modelOption, noFlipOption, number, photoOptions, thresholdOption } from './options';
import type { RecognizeOptions } from './recognize';
import type { WatchOptions } from './watch';

const HOMES = `
A gallery is a folder (by default ${GALLERY_HOME}), which one process at a time has open, or a PostgreSQL server with
pgvector, --gallery postgres://user@host/name, which any number of processes and machines may use at once. Rather than on
the command line, where others can read it, its address may stand in the variable LIKENESS_GALLERY. It holds names, paths
and embeddings, which are biometric data, as they are; never pictures. A folder is readable for its owner only.`;

const GALLERY_EXAMPLES = `
Examples:
  likeness gallery list
  likeness gallery forget "Ada Lovelace"              erases her and every face of the index that looks like her
  likeness gallery merge "A. Lovelace" "Ada Lovelace"
  likeness gallery export people.jsonl                everybody's embeddings; keep it as safe as the gallery
  likeness gallery import people.jsonl --gallery postgres://me@host/people
  likeness gallery re-embed --model new.safetensors   once the model changes
${HOMES}`;

/** Under the help of `likeness identify`. */
export const IDENTIFY_EXAMPLES = `
Examples:
  likeness identify photo.jpg                                who of the default gallery is it, or nobody?
  likeness identify *.jpg --gallery people.gallery --json
  likeness identify *.jpg --false-match-rate 0.0001          fewer names, and fewer wrong ones
  likeness identify photo.jpg --model model.safetensors      who of those that the model was trained on?

The false-match rate is that of a whole search: the more faces a gallery has, the nearer a face must come. Beforehand a
face is taken to be as likely nobody's as somebody's, and each person as likely as another; the probability is what the
distances make of that. A model alone never says "nobody".
${HOMES}`;

const lookingOptions = () => [galleryOption(), ...photoOptions(), noFlipOption(), modelOption()];

const exactOption = () => new Option('--exact', 'compare with all, also where there is an index');

/** Everything about galleries, except `identify`. */
export function addGalleryCommands(program: Command, signal: AbortSignal): void {
  const addTo =
    (parent: Command) =>
    (usage: string, description: string, options: Option[]): Command => {
      const added = parent.command(usage).description(description);
      for (const option of options) added.addOption(option);
      return added;
    };
  const add = addTo(program);

  add('enroll [path...]', 'add people to a gallery: a folder of folders, a person each, or photos of one person', [
    ...lookingOptions(),
    new Option('--name <name>', 'all of it shows this person'),
    new Option('--group <number>', 'the faces of a group that likeness cluster found, in place of photos')
      .argParser(number(1, 2 ** 31 - 1, true))
      .implies({ progress: false }),
    new Option('--minimum-quality <number>', 'leave out faces of less quality: size, sharpness, pose and light')
      .argParser(number(0, 1))
      .default(0),
  ])
    .addHelpText(
      'after',
      `
Examples:
  likeness enroll people                      people/Ada/1.jpg, people/Ben/1.jpg and so on
  likeness enroll ada1.jpg ada2.jpg --name "Ada Lovelace"
  likeness enroll --group 3 --name Ben        after likeness cluster

Of each photo the most prominent face is taken. What is done is not done again: whoever is interrupted runs it once more.
${HOMES}`,
    )
    .action(async (paths: string[], options: EnrollOptions) => {
      await (await import('./enroll')).enroll(paths, options, signal);
    });

  add('index [folder...]', 'put all faces of a collection of photos into a gallery, for find and cluster', [
    ...lookingOptions(),
  ])
    .addHelpText(
      'after',
      `
Examples:
  likeness index ~/Pictures
  likeness index /photos --gallery postgres://me@host/people    on several machines at once, if all see /photos
  likeness index --gallery postgres://me@host/people            helps whoever is at it

Photos that are done are not done again, unless they changed. Stopped or killed, it goes on with the same command.
${HOMES}`,
    )
    .action(async (folders: string[], options: IndexOptions) => {
      await (await import('./index-photos')).indexPhotos(folders, options, signal);
    });

  add('find <photo...>', 'the photos of the index that show the person on a photo', [
    ...lookingOptions(),
    new Option('--strangers <number>', 'so many photos of others may come up in a search, on average')
      .argParser(number(1e-9, 1e6))
      .default(1)
      .conflicts('threshold'),
    thresholdOption(),
    exactOption(),
    new Option('--count <number>', 'at most so many photos').argParser(number(1, 1000, true)).default(100),
  ])
    .addHelpText('after', `\nExamples:\n  likeness index ~/Pictures && likeness find ada.jpg\n${HOMES}`)
    .action(async (files: string[], options: FindCommandOptions) => {
      await (await import('./find')).find(files, options, signal);
    });

  add('cluster <folder>', 'group the unknown faces of a folder of photos: who is on which?', [
    ...lookingOptions(),
    new Option(
      '--threshold <distance>',
      'largest distance of neighbours (default: one false pair in ten thousand)',
    ).argParser(number(0, 2)),
    new Option('--seed <number>', 'decides the order in which faces ask their neighbours')
      .argParser(number(0, 2 ** 32 - 1, true))
      .default(1),
  ])
    .addHelpText(
      'after',
      `\nExamples:\n  likeness cluster ~/Pictures\n  likeness enroll --group 1 --name Ada      gives a group a name\n${HOMES}`,
    )
    .action(async (folder: string, options: ClusterOptions) => {
      await (await import('./cluster')).cluster(folder, options, signal);
    });

  add('watch <folder>', 'name the people on new photos as they come into a folder', [
    ...lookingOptions(),
    falseMatchRateOption(),
    thresholdOption(),
    exactOption(),
    new Option('--index', 'put the photos into the index as well, also those that came while nobody watched'),
  ])
    .addHelpText(
      'after',
      `
Examples:
  likeness watch ~/Pictures
  likeness watch /srv/door --index --json >> seen.jsonl      a line of JSON for each photo

It ends with Ctrl-C.
${HOMES}`,
    )
    .action(async (folder: string, options: WatchOptions) => {
      await (await import('./watch')).watch(folder, options, signal);
    });

  add('recognize <known-folder> <unknown>', 'as the command face_recognition: prints "file,name" for each face', [
    ...photoOptions(),
    noFlipOption(),
    new Option(
      '--tolerance <distance>',
      'largest distance that counts as the same person (default: as verify)',
    ).argParser(number(0, 2)),
    new Option('--show-distance', 'print "file,name,distance"'),
  ])
    .addHelpText(
      'after',
      `
Examples:
  likeness recognize known unknown            known/Ada.jpg shows Ada; unknown is a folder or a photo

Every known person within the tolerance gets a line; else the name is unknown_person, or no_persons_found for a photo
without a face. Distances are of embeddings of length 1, from 0 to 2, and about 0.7 times those of face_recognition.
Nothing is kept.`,
    )
    .action(async (known: string, unknown: string, options: RecognizeOptions) => {
      await (await import('./recognize')).recognize(known, unknown, options, signal);
    });

  const gallery = program
    .command('gallery')
    .description('list, forget, merge, rename, export and import the people of a gallery')
    .addHelpText('after', GALLERY_EXAMPLES);
  const addToGallery = addTo(gallery);
  const administration = () => import('./gallery');
  type Options = GalleryPhotoOptions;

  addToGallery('list', 'the people, how many faces of each, and what the gallery holds', [
    galleryOption(),
    ...commonOptions(),
  ]).action(async (options: Options) => (await administration()).list(options));
  addToGallery('forget <name>', 'erase a person and every face of the index that looks like this person', [
    galleryOption(),
    ...commonOptions(),
    new Option('--threshold <distance>', 'largest distance of such faces (default: as find)').argParser(number(0, 2)),
  ]).action(async (name: string, options: Options & { threshold?: number }) =>
    (await administration()).forget(name, options),
  );
  addToGallery('merge <name> <into>', 'make one person of two', [galleryOption(), ...commonOptions()]).action(
    async (name: string, into: string, options: Options) => (await administration()).merge(name, into, options),
  );
  addToGallery('rename <name> <to>', 'give a person another name', [galleryOption(), ...commonOptions()]).action(
    async (name: string, to: string, options: Options) => (await administration()).renamePerson(name, to, options),
  );
  addToGallery('export <file>', 'write everybody as JSON Lines; - for stdout', [
    galleryOption(),
    ...commonOptions(),
  ]).action(async (file: string, options: Options) => (await administration()).exportTo(file, options));
  addToGallery('import <file>', 'add everybody of an export; - for stdin', [
    galleryOption(),
    ...commonOptions(),
  ]).action(async (file: string, options: Options) => (await administration()).importFrom(file, options));
  addToGallery('re-embed', 'make all embeddings anew from the photos, once the model has changed', [
    ...lookingOptions(),
    new Option('--leave-out-lost', 'go on without the photos that are gone or do not show the face any more'),
  ]).action(async (options: Options & { leaveOutLost?: boolean }) =>
    (await administration()).reEmbedAll(options, signal),
  );
  addToGallery('build-index', 'make searches in a large gallery fast (HNSW); it takes a while', [
    galleryOption(),
    ...commonOptions(),
  ]).action(async (options: Options) => (await administration()).buildIndex(options));
}
