import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import type PgBoss from 'pg-boss';
import { forgottenSoFar } from './counters';
import type { Database, Queries, Value } from './database';
import type { GalleryEmbedder } from './embedders';

/** A photo that is to be looked at: for the index, or for what a person looks like. */
export interface PhotoTask {
  path: string;
  /** Size and time of the file when it was listed. */
  stamp: string;
  /** Whose only or most prominent face it is. Without a person all faces go to the index. */
  personId?: number;
}

export interface PhotoJob extends PhotoTask {
  id: string;
  /** How many people had been forgotten when it was taken. */
  forgotten: number;
}

/** pg-boss keeps its tables in a schema of its own. */
export const QUEUE_SCHEMA = 'likeness_queue';
const RECOVERY_LOCK = 4_714_002;
/** A worker shows that it is there so often, and is given up for dead after so long. */
const SECONDS_BETWEEN_SIGNS = 10;
const SECONDS_TO_GIVE_UP = 60;
/** A photo that was in hand so often when its worker died is not tried again. */
const MOST_RETRIES = 20;
const JOBS_AT_ONCE = 500;
const MOST_ATTEMPTS = 5;
const MILLISECONDS_BETWEEN_ATTEMPTS = 50;

/**
 * The photos that wait, as jobs of pg-boss: several processes, on several machines where the gallery is on a server, take
 * from it, and each photo is taken by one. A job is deleted in the same transaction that stores what came of it, so that
 * it counts exactly once, whoever dies when. Jobs hold paths, and never pictures or embeddings.
 */
export class PhotoQueue {
  readonly #database: Database;
  readonly #boss: PgBoss;
  readonly #queue: string;
  readonly #worker: number;
  readonly #timer: NodeJS.Timeout;

  private constructor(database: Database, boss: PgBoss, queue: string, worker: number) {
    this.#database = database;
    this.#boss = boss;
    this.#queue = queue;
    this.#worker = worker;
    this.#timer = setInterval(() => void this.#showSign().catch(() => {}), 1000 * SECONDS_BETWEEN_SIGNS);
    this.#timer.unref();
  }

  static async open(database: Database, embedder: GalleryEmbedder): Promise<PhotoQueue> {
    const queue = `photos-${embedder.id}`;
    const boss = await startBoss(database, queue);
    const [{ id }] = await database.query<{ id: number }>(
      'INSERT INTO likeness.worker (host, process) VALUES ($1, $2) RETURNING id',
      [hostname(), process.pid],
    );
    const opened = new PhotoQueue(database, boss, queue, id);
    await opened.recover();
    return opened;
  }

  /** Adds photos; those that wait already are not added again. */
  async add(tasks: readonly PhotoTask[]): Promise<void> {
    for (let from = 0; from < tasks.length; from += JOBS_AT_ONCE) {
      const jobs = tasks.slice(from, from + JOBS_AT_ONCE).map((task) => ({
        id: idOf(this.#queue, task),
        name: this.#queue,
        // As text: that is what the erasing of a person looks for.
        data: { ...task, ...(task.personId !== undefined && { personId: String(task.personId) }) },
      }));
      await this.#database.query(
        `DELETE FROM ${QUEUE_SCHEMA}.job WHERE name = $1 AND id = ANY($2::uuid[]) AND state > 'active'`,
        [this.#queue, jobs.map(({ id }) => id)],
      );
      await this.#boss.insert(jobs);
    }
  }

  /** Takes up to so many photos that wait. */
  async take(count: number): Promise<PhotoJob[]> {
    return this.#database.transaction(async (queries) => {
      const forgotten = await forgottenSoFar(queries);
      const jobs = await this.#boss.fetch<{ path: string; stamp: string; personId?: string }>(this.#queue, {
        batchSize: count,
        db: adapter(queries),
      });
      if (jobs.length > 0)
        await queries.query(
          `INSERT INTO likeness.claim (job_id, worker_id) SELECT unnest($1::uuid[]), $2
           ON CONFLICT (job_id) DO UPDATE SET worker_id = excluded.worker_id`,
          [jobs.map(({ id }) => id), this.#worker],
        );
      return jobs.map(({ id, data: { path, stamp, personId } }) => ({
        id,
        path,
        stamp,
        forgotten,
        ...(personId !== undefined && { personId: Number(personId) }),
      }));
    });
  }

  /**
   * To be called in the transaction that stores what came of a photo.
   * @returns whether it was still to be done: if not, the transaction must be undone
   */
  async complete(queries: Queries, jobId: string): Promise<boolean> {
    const deleted = await queries.query(
      `WITH claims AS (DELETE FROM likeness.claim WHERE job_id = $2)
       DELETE FROM ${QUEUE_SCHEMA}.job WHERE name = $1 AND id = $2 AND state = 'active' RETURNING 1`,
      [this.#queue, jobId],
    );
    return deleted.length > 0;
  }

  /** Puts back what was taken and is not done. */
  async release(jobIds: readonly string[]): Promise<void> {
    if (jobIds.length === 0) return;
    await this.#database.transaction(async (queries) => {
      await queries.query('DELETE FROM likeness.claim WHERE job_id = ANY($1::uuid[])', [jobIds]);
      for (const id of jobIds) await this.#boss.fail(this.#queue, id, {}, { db: adapter(queries) });
    });
  }

  /** Puts back what workers had in hand that are no more. */
  async recover(): Promise<void> {
    await this.#database.transaction(async (queries) => {
      await queries.query('SELECT pg_advisory_xact_lock($1)', [RECOVERY_LOCK]);
      const here = await queries.query<{ id: number; process: number }>(
        'SELECT id, process FROM likeness.worker WHERE host = $1 AND id <> $2',
        [hostname(), this.#worker],
      );
      const dead = here.filter(({ process }) => !isAlive(process)).map(({ id }) => id);
      await queries.query(
        `DELETE FROM likeness.worker WHERE id = ANY($1::int[])
           OR (id <> $2 AND seen_at < now() - interval '${SECONDS_TO_GIVE_UP} seconds')`,
        [dead, this.#worker],
      );
      const orphans = await queries.query<{ id: string }>(
        `SELECT id FROM ${QUEUE_SCHEMA}.job WHERE name = $1 AND state = 'active'
           AND NOT EXISTS (SELECT 1 FROM likeness.claim WHERE job_id = job.id)`,
        [this.#queue],
      );
      for (const { id } of orphans) await this.#boss.fail(this.#queue, id, {}, { db: adapter(queries) });
    });
  }

  /** How many photos wait or are in somebody's hand. */
  async remaining(): Promise<number> {
    const [{ count }] = await this.#database.query<{ count: number }>(
      `SELECT count(*)::int AS count FROM ${QUEUE_SCHEMA}.job WHERE name = $1 AND state <= 'active'`,
      [this.#queue],
    );
    return count;
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#database.query('DELETE FROM likeness.worker WHERE id = $1', [this.#worker]);
    await this.#boss.stop({ graceful: false, wait: false, close: false });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Where others gave this worker up for dead, it is there again; what it had in hand is another's. */
  async #showSign(): Promise<void> {
    await this.#database.query(
      `INSERT INTO likeness.worker (id, host, process) OVERRIDING SYSTEM VALUE VALUES ($1, $2, $3)
       ON CONFLICT (id) DO UPDATE SET seen_at = now()`,
      [this.#worker, hostname(), process.pid],
    );
  }
}

/** The same photo for the same purpose is the same job, so that it cannot wait twice. */
function idOf(queue: string, { path, stamp, personId }: PhotoTask): string {
  const hash = createHash('sha256')
    .update(JSON.stringify([queue, path, stamp, personId ?? null]))
    .digest('hex');
  return hash.slice(0, 32).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** pg-boss speaks SQL through whatever is given to it: here inside our transactions, in both homes. */
const adapter = (queries: Queries & { run?(script: string): Promise<void> }) => ({
  async executeSql(text: string, values: (Value | undefined)[] = []) {
    const isScript = values.length === 0 && text.trim().slice(0, -1).includes(';');
    if (!isScript || !queries.run)
      return {
        rows: await queries.query(
          text,
          values.map((value) => value ?? null),
        ),
      };
    await queries.run(text);
    return { rows: [] };
  },
});

function isAlive(process_: number): boolean {
  try {
    process.kill(process_, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/** Of some who make the queue's tables at the same moment all but one may fail; then they are there, and it goes on. */
async function startBoss(database: Database, queue: string): Promise<PgBoss> {
  const Boss = await loadBoss();
  for (let attempt = 1; ; attempt++) {
    const boss = new Boss({ db: adapter(database), schema: QUEUE_SCHEMA, supervise: false, schedule: false });
    boss.on('error', () => {}); // whatever fails is thrown by the call that fails as well
    try {
      await boss.start();
      await boss.createQueue(queue, { name: queue, retryLimit: MOST_RETRIES, expireInSeconds: 20 * 3600 });
      return boss;
    } catch (error) {
      if (attempt === MOST_ATTEMPTS) throw error;
      await setTimeout(MILLISECONDS_BETWEEN_ATTEMPTS * attempt);
    }
  }
}

async function loadBoss() {
  try {
    return (await import('pg-boss')).default;
  } catch (error) {
    throw new Error('work on many photos needs a job queue: npm install pg-boss', { cause: error });
  }
}
