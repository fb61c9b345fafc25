import Table from 'cli-table3';
import colours from 'picocolors';

/** Something the person at the keyboard can put right: it is told in one sentence, and the exit code is 2. */
export class UserError extends Error {
  override name = 'UserError';
}

export const EXIT = { fine: 0, different: 1, error: 2, interrupted: 130 } as const;

/** What takes a progress bar off its line of the terminal; it is drawn anew on the next. */
const CLEAR_LINE = '\r\x1b[2K';
let isBarShown = false;

/** A sentence on stderr: stdout holds results only. */
export function tell(sentence: string) {
  process.stderr.write(`${isBarShown ? CLEAR_LINE : ''}likeness: ${sentence}\n`);
}

/** Tells what went wrong, in one line; with `debug` also where. The exit code becomes 2. */
export function tellError(error: unknown, debug: boolean): string {
  const sentence = sentenceOf(error);
  tell(sentence);
  for (let cause = error; debug && cause instanceof Error; cause = cause.cause)
    process.stderr.write(`${cause === error ? '' : 'Caused by: '}${cause.stack}\n`);
  process.exitCode = EXIT.error;
  return sentence;
}

const sentenceOf = (error: unknown) =>
  (error instanceof Error ? error.message : String(error)).replace(/\s*\n\s*/g, ' ');

/** The one JSON document of a run. Numbers have nine significant digits, which is all that a float32 holds. */
export function printJson(document: unknown) {
  const shortened = (_: string, value: unknown) => {
    if (value instanceof Float32Array) return Array.from(value, shorten);
    return typeof value === 'number' ? shorten(value) : value;
  };
  process.stdout.write(`${JSON.stringify(document, shortened)}\n`);
}

const shorten = (value: number) => Number(value.toPrecision(9));

/** A table with a heading for each column; numbers are aligned to the right. */
export function printTable(headings: string[], rows: (string | number)[][]) {
  const table = new Table({
    head: headings.map((heading) => colours.bold(heading)),
    // picocolors colours, and not the table, so that NO_COLOR is heeded.
    style: { head: [], border: [], compact: true },
  });
  const cell = (content: string | number) =>
    typeof content === 'number' ? { content, hAlign: 'right' as const } : content;
  table.push(...rows.map((row) => row.map(cell)));
  process.stdout.write(`${table.toString()}\n`);
}

/** A line under the tables. */
export function printLine(text: string) {
  process.stdout.write(`${text}\n`);
}

/** Three digits, and no more behind the point than they need. */
export const digits = (value: number): string =>
  value >= 100 ? Math.round(value).toLocaleString('en') : String(Number(value.toPrecision(3)));

export interface Progress {
  advance(): void;
  stop(): void;
}

/** A bar on stderr that is gone when the work is done. There is none for a single photo or without a terminal. */
export async function startProgress(total: number, wanted: boolean, what = 'photos'): Promise<Progress> {
  const isTerminal = process.stderr.isTTY && process.stdout.isTTY;
  if (!wanted || !isTerminal || total < 2) return { advance: () => undefined, stop: () => undefined };
  const { SingleBar, Presets } = await import('cli-progress');
  const bar = new SingleBar(
    { format: `{bar} {value} of {total} ${what}, {eta_formatted} left`, clearOnComplete: true, hideCursor: true },
    Presets.shades_classic,
  );
  bar.start(total, 0);
  isBarShown = true;
  const stop = () => {
    bar.stop();
    isBarShown = false;
  };
  return { advance: () => bar.increment(), stop };
}

/** Which pictures were written, under a table. */
export function printWritten(paths: readonly string[] = []) {
  if (paths.length > 0) printLine(`Written: ${paths.join(', ')}`);
}

/** Where it was computed and why there, under a table. */
export function printDevice({ name, description, reason }: { name: string; description: string; reason: string }) {
  printLine(colours.dim(`On ${name} (${description}): ${reason}.`));
}
