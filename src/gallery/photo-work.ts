import { setTimeout } from 'node:timers/promises';
import { mostProminent } from '../face/boxes';
import type { Queries } from './database';
import { type GalleryEmbedder, GalleryError } from './embedders';
import { addTemplates, type FoundFace, type Gallery, type PhotoFile } from './gallery';
import { readPhotoFile } from './photo-files';
import { isWithheld, type LookedAt, storePhoto } from './photo-index';
import type { PhotoJob, PhotoQueue, PhotoTask } from './photo-queue';

/** Finds and embeds the faces of photos, in their order, and reads ahead while it looks: FacePipeline.embedAll(). */
export type LookAtPhotos = (photos: AsyncIterable<File>) => AsyncIterable<LookedAt>;

/** What became of a photo. */
export interface PhotoOutcome {
  path: string;
  personId?: number;
  /**
   * 'done' also where no face was found. 'refused': there is no face that could stand for the person. 'withheld': it
   * shows, or may show, somebody who was forgotten. 'gone': the person was forgotten meanwhile.
   */
  outcome: 'done' | 'refused' | 'failed' | 'withheld' | 'gone';
  /** Faces that were stored. */
  faces: number;
  /** One sentence, of what failed or was refused. */
  reason?: string;
}

const JOBS_AT_ONCE = 16;
/** Results that may wait to be stored while the next photos are looked at. */
const MOST_UNSTORED = 4;
/** Between looks at a queue in which all that is left is in the hands of others. */
const MILLISECONDS_TO_WAIT = 500;

/** Of photos that are listed, those that are not done yet; of a person's, those of which nothing is known. */
export async function tasksToDo<Task extends PhotoTask>(
  queries: Queries,
  embedder: GalleryEmbedder,
  tasks: readonly Task[],
): Promise<Task[]> {
  const known = new Set<string>();
  const keyOf = (path: string, stamp: string, personId: number | null) => JSON.stringify([path, stamp, personId]);
  for (let from = 0; from < tasks.length; from += 1000) {
    const rows = await queries.query<{ path: string; stamp: string; person_id: number | null }>(
      `SELECT path, stamp, NULL::int AS person_id FROM likeness.photo WHERE embedder_id = $1 AND path = ANY($2::text[])
       UNION ALL
       SELECT source, stamp, person_id FROM likeness.template WHERE embedder_id = $1 AND source = ANY($2::text[])
       UNION ALL
       SELECT source, stamp, person_id FROM likeness.refusal WHERE embedder_id = $1 AND source = ANY($2::text[])`,
      [embedder.id, tasks.slice(from, from + 1000).map(({ path }) => path)],
    );
    for (const { path, stamp, person_id } of rows) known.add(keyOf(path, stamp, person_id));
  }
  return tasks.filter(({ path, stamp, personId }) => !known.has(keyOf(path, stamp, personId ?? null)));
}

export interface WorkOptions {
  signal?: AbortSignal;
  /** Faces of less quality are no templates: 0 to 1. */
  minimumQuality?: number;
  onPhoto?: (outcome: PhotoOutcome) => void;
}

/**
 * Takes photos from the queue until none is left: also those that others have added, and those that others took and
 * did not live to finish. Stopped by its signal, it puts back what it has in hand.
 */
export async function workOnPhotos(
  gallery: Gallery,
  embedder: GalleryEmbedder,
  queue: PhotoQueue,
  look: LookAtPhotos,
  options: WorkOptions = {},
): Promise<void> {
  const { signal } = options;
  const worker = new PhotoWorker(gallery, embedder, queue, options);
  try {
    for (;;) {
      await worker.run(look);
      signal?.throwIfAborted();
      if ((await queue.remaining()) === 0) return;
      await setTimeout(MILLISECONDS_TO_WAIT, undefined, signal && { signal });
      await queue.recover();
    }
  } finally {
    await worker.putBack();
  }
}

class PhotoWorker {
  readonly #gallery: Gallery;
  readonly #embedder: GalleryEmbedder;
  readonly #queue: PhotoQueue;
  readonly #options: WorkOptions;
  readonly #inHand = new Map<string, PhotoJob>();

  constructor(gallery: Gallery, embedder: GalleryEmbedder, queue: PhotoQueue, options: WorkOptions) {
    this.#gallery = gallery;
    this.#embedder = embedder;
    this.#queue = queue;
    this.#options = options;
  }

  /** Until the queue has nothing to take. */
  async run(look: LookAtPhotos): Promise<void> {
    const shown: { job: PhotoJob; photo: PhotoFile }[] = [];
    const storing = new Set<Promise<void>>();
    let failure: unknown;
    for await (const seen of look(this.#photos(shown))) {
      const next = shown.shift();
      if (!next) throw new Error('there are more results than photos');
      const stored = this.#finish(next.job, next.photo, seen)
        .catch((error) => {
          failure ??= error;
        })
        .finally(() => storing.delete(stored));
      storing.add(stored);
      if (storing.size >= MOST_UNSTORED) await Promise.race(storing);
      if (failure !== undefined) break;
    }
    await Promise.all(storing);
    if (failure !== undefined) throw failure;
  }

  /** What was taken and is not done goes back to the queue. */
  async putBack(): Promise<void> {
    const jobs = [...this.#inHand.keys()];
    this.#inHand.clear();
    await this.#queue.release(jobs);
  }

  async *#photos(shown: { job: PhotoJob; photo: PhotoFile }[]): AsyncGenerator<File> {
    for (;;) {
      if (this.#options.signal?.aborted) return;
      const jobs = await this.#queue.take(JOBS_AT_ONCE);
      if (jobs.length === 0) return;
      for (const job of jobs) this.#inHand.set(job.id, job);
      // Another may have done a photo after this process listed it, and before it added the job.
      const todo = new Set(await tasksToDo(this.#gallery.database, this.#embedder, jobs));
      for (const job of jobs) {
        if (this.#options.signal?.aborted) return;
        if (!todo.has(job)) {
          await this.#complete(job);
          continue;
        }
        try {
          const { file, ...photo } = await readPhotoFile(job.path);
          // Nothing is withheld where nobody was ever forgotten.
          const isAsked = job.personId === undefined && job.forgotten > 0;
          if (isAsked && (await isWithheld(this.#gallery.database, photo.content)))
            await this.#leaveOut(job, 'withheld', `${job.path} shows somebody who was forgotten`);
          else {
            shown.push({ job, photo });
            yield file;
          }
        } catch (error) {
          await this.#leaveOut(job, 'failed', error instanceof Error ? error.message : String(error));
        }
      }
    }
  }

  /** Done without a trace: the next run looks at it again. */
  async #leaveOut(job: PhotoJob, outcome: 'withheld' | 'failed', reason: string): Promise<void> {
    if (await this.#complete(job)) this.#tell(job, { outcome, faces: 0, reason });
  }

  async #complete(job: PhotoJob): Promise<boolean> {
    const isOurs = await this.#gallery.database.transaction((queries) => this.#queue.complete(queries, job.id));
    this.#inHand.delete(job.id);
    return isOurs;
  }

  async #finish(job: PhotoJob, photo: PhotoFile, seen: LookedAt): Promise<void> {
    const result = await this.#gallery.database
      .transaction(async (queries) => {
        const stored = await (job.personId === undefined
          ? this.#storeInIndex(queries, job, photo, seen)
          : this.#storeTemplate(queries, job.personId, photo, seen));
        // Last, so that nobody is kept from taking other jobs while a person's row is waited for.
        if (!(await this.#queue.complete(queries, job.id))) throw new Overtaken();
        return stored;
      })
      .catch(async (error) => {
        if (error instanceof Overtaken) return undefined;
        // Where the database is gone this fails as well, and the first failure says more.
        const current = await this.#gallery.embedder().catch(() => undefined);
        if (!current || current.id === this.#embedder.id) throw error;
        throw new GalleryError(
          `the embeddings of the gallery ${this.#gallery.place} were made anew with the model "${current.name}" ` +
            'meanwhile; give the same command again, with that model',
        );
      });
    this.#inHand.delete(job.id);
    if (result) this.#tell(job, result);
  }

  async #storeInIndex(queries: Queries, job: PhotoJob, photo: PhotoFile, seen: LookedAt): Promise<Result> {
    if (!(await storePhoto(queries, this.#embedder, photo, seen, job.forgotten)))
      return { outcome: 'withheld', faces: 0, reason: `${photo.path} was in hand while somebody was forgotten` };
    if (seen.error) return { outcome: 'failed', faces: 0, reason: seen.error.message };
    return { outcome: 'done', faces: seen.faces?.length ?? 0 };
  }

  async #storeTemplate(queries: Queries, personId: number, photo: PhotoFile, seen: LookedAt): Promise<Result> {
    const { minimumQuality = 0 } = this.#options;
    const { faces = [], width = 0, height = 0, error } = seen;
    const [face] = mostProminent({ width, height }, faces);
    const reason = error?.message ?? (face ? lowQuality(photo, face, minimumQuality) : noFaceOn(photo));
    if (face && reason === undefined) {
      await queries.query(
        `DELETE FROM likeness.template
         WHERE person_id = $1 AND embedder_id = $2 AND source = $3 AND content <> $4`,
        [personId, this.#embedder.id, photo.path, photo.content],
      );
      const added = await addTemplates(queries, this.#embedder, [{ ...photo, ...face, personId }]);
      if (added > 0) return { outcome: 'done', faces: added };
    }
    if (!(await isThere(queries, personId))) return { outcome: 'gone', faces: 0 };
    return this.#refuse(queries, personId, photo, reason ?? `${photo.path} is a copy of a photo that is known`);
  }

  async #refuse(queries: Queries, personId: number, photo: PhotoFile, reason: string): Promise<Result> {
    await queries.query(
      `INSERT INTO likeness.refusal (person_id, embedder_id, source, stamp, reason) VALUES ($1, $2, $3, $4, $5)
       ON CONFLICT (person_id, embedder_id, source) DO UPDATE SET stamp = excluded.stamp, reason = excluded.reason`,
      [personId, this.#embedder.id, photo.path, photo.stamp, reason],
    );
    return { outcome: 'refused', faces: 0, reason };
  }

  #tell({ path, personId }: PhotoJob, result: Result) {
    this.#options.onPhoto?.({ path, ...(personId !== undefined && { personId }), ...result });
  }
}

const noFaceOn = ({ path }: PhotoFile) => `${path} shows no face that can be found`;

const lowQuality = ({ path }: PhotoFile, { quality }: FoundFace, least: number): string | undefined =>
  quality < least ? `the face of ${path} has the quality ${quality.toFixed(2)}, less than ${least}` : undefined;

type Result = Pick<PhotoOutcome, 'outcome' | 'faces' | 'reason'>;

/** Another worker has done the photo meanwhile: what came of it here is undone. */
class Overtaken extends Error {}

/** Keeps the person's row until the transaction ends. */
export const isThere = async (queries: Queries, personId: number): Promise<boolean> =>
  (await queries.query('SELECT 1 FROM likeness.person WHERE id = $1 FOR KEY SHARE', [personId])).length > 0;
