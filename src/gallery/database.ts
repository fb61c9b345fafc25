/** What a statement's $1, $2 and so on may stand for. Vectors go as `realArray()`. */
export type Value = string | number | boolean | null | readonly Value[] | { readonly [key: string]: Value | undefined };

export interface Queries {
  /**
   * The rows of one statement.
   *
   * @param Row what the statement selects: the caller says it, the database does not check it
   */
  query<Row extends object = object>(statement: string, values?: readonly Value[]): Promise<Row[]>;
  /** The bytes of PostgreSQL's binary COPY of a query without values, in pieces of any size. */
  copy(query: string): AsyncIterable<Uint8Array>;
}

/** PostgreSQL with pgvector, in a folder (PGlite) or on a server. Both are given the same statements. */
export interface Database extends Queries {
  readonly home: 'folder' | 'server';
  /** For sentences: the folder, or the server's address without user and password. */
  readonly place: string;
  /** Several statements, divided by semicolons, without values. */
  run(script: string): Promise<void>;
  /** All of it or nothing. What is done inside goes through the queries that `work` is handed. */
  transaction<T>(work: (queries: Queries) => Promise<T>): Promise<T>;
  /** Takes back what was deleted: from the disk of a folder, for use again on a server. */
  erase(tables: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

/** A vector as PostgreSQL writes an array of `real`, each number to the last bit. */
export const realArray = (vector: Iterable<number>): string => `{${Array.from(vector).join()}}`;

/** An array of `real` that was selected as text. */
export function parseRealArray(text: string): Float32Array {
  const inner = text.slice(1, -1);
  return Float32Array.from(inner === '' ? [] : inner.split(','), Number);
}
