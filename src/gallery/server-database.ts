import { finished } from 'node:stream/promises';
import type { Sql, TransactionSql } from 'postgres';
import type { Database, Queries, Value } from './database';

/** Of one process, unless the address says otherwise: postgres://...?max=2 */
const MOST_CONNECTIONS = 4;
const SECONDS_TO_CONNECT = 10;

/** A PostgreSQL server, which many processes on many machines may use at once. */
export class ServerDatabase implements Database {
  readonly home = 'server';
  readonly place: string;
  readonly #sql: Sql;

  private constructor(place: string, sql: Sql) {
    this.place = place;
    this.#sql = sql;
  }

  /**
   * @param address postgres://user:password@host:port/database
   * @throws Error in one sentence that names the server, and neither user nor password
   */
  static async open(address: string): Promise<ServerDatabase> {
    const url = parseAddress(address);
    const place = `${url.protocol}//${url.host}${url.pathname}`;
    const { default: postgres } = await loadClient();
    const sql = postgres(address, {
      max: Number(url.searchParams.get('max')) || MOST_CONNECTIONS,
      connect_timeout: SECONDS_TO_CONNECT,
      onnotice: () => {},
      connection: { application_name: 'likeness' },
      // What is text already stays as it is: pg-boss hands JSON over as text.
      types: {
        json: {
          to: 114,
          from: [114, 3802],
          serialize: (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value)),
          parse: (text: string): unknown => JSON.parse(text),
        },
      },
    });
    try {
      await sql`SELECT 1`;
    } catch (error) {
      await sql.end({ timeout: 1 });
      throw new Error(`the database ${place} cannot be used: ${reasonOf(error)}`, { cause: error });
    }
    return new ServerDatabase(place, sql);
  }

  query<Row extends object>(statement: string, values: readonly Value[] = []): Promise<Row[]> {
    return rowsOf<Row>(this.#sql, statement, values);
  }

  /** On a connection of its own, since a script may begin and end transactions. */
  async run(script: string): Promise<void> {
    const connection = await this.#sql.reserve();
    try {
      await connection.unsafe(script);
    } catch (error) {
      await connection.unsafe('ROLLBACK'); // the script may have begun a transaction
      throw error;
    } finally {
      connection.release();
    }
  }

  async transaction<T>(work: (queries: Queries) => Promise<T>): Promise<T> {
    let result: { value: T } | undefined;
    await this.#sql.begin(async (transaction) => {
      const value = await work({
        query: (statement, values = []) => rowsOf(transaction, statement, values),
        copy: (query) => copyOf(transaction, query),
      });
      result = { value };
    });
    if (!result) throw new Error('the transaction did not take place');
    return result.value;
  }

  copy(query: string): AsyncIterable<Uint8Array> {
    return copyOf(this.#sql, query);
  }

  async erase(tables: readonly string[]): Promise<void> {
    for (const table of tables) await this.#sql.unsafe(`VACUUM ${table}`);
  }

  async close(): Promise<void> {
    await this.#sql.end({ timeout: 5 });
  }
}

async function rowsOf<Row extends object>(
  queries: Sql | TransactionSql,
  statement: string,
  values: readonly Value[],
): Promise<Row[]> {
  return [...(await queries.unsafe<Row[]>(statement, [...values], { prepare: true }))];
}

async function* copyOf(queries: Sql | TransactionSql, query: string): AsyncGenerator<Uint8Array> {
  const stream = await queries.unsafe(`COPY (${query}) TO STDOUT WITH (FORMAT binary)`).readable();
  // Taken as fast as it comes: the client never goes on once its stream was full. Whoever copies asks for a bounded part.
  const pieces: Uint8Array[] = [];
  stream.on('data', (piece: Uint8Array) => pieces.push(piece));
  await finished(stream);
  yield Buffer.concat(pieces);
}

function parseAddress(address: string): URL {
  try {
    return new URL(address);
  } catch {
    throw new Error('the address of the database cannot be understood; write postgres://user:password@host:port/name');
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if ('code' in error && error.code === 'ECONNREFUSED') return 'nobody answers there';
  return error.message || ('code' in error ? String(error.code) : error.name);
}

async function loadClient() {
  try {
    return await import('postgres');
  } catch (error) {
    throw new Error('a gallery on a server needs the client: npm install postgres', { cause: error });
  }
}
