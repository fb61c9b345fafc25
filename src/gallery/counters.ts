import type { Queries } from './database';

/** For those who keep templates in memory. */
export async function countTemplateChange(queries: Queries): Promise<void> {
  await queries.query("UPDATE likeness.counter SET value = value + 1 WHERE name = 'templates'");
}

/** Another number after each change of the templates. */
export const templateChanges = (queries: Queries): Promise<number> => counter(queries, 'templates');

/** How many people have been forgotten. */
export const forgottenSoFar = (queries: Queries): Promise<number> => counter(queries, 'forgotten');

/** The same, in a transaction: whoever forgets somebody waits until it ends. */
export const forgottenSoFarLocked = (queries: Queries): Promise<number> => counter(queries, 'forgotten', 'FOR SHARE');

/** How often something was deleted that is not erased yet. */
export const unerased = (queries: Queries): Promise<number> => counter(queries, 'erasing');

async function counter(queries: Queries, name: string, locked = ''): Promise<number> {
  const [{ value }] = await queries.query<{ value: number }>(
    `SELECT value FROM likeness.counter WHERE name = $1 ${locked}`,
    [name],
  );
  return value;
}
