export interface MeasureOptions {
  /** Turns of each contender; the median is over the runs of all of them. */
  rounds?: number;
  /** Turns before those that count. */
  warmUps?: number;
  /** A contender that has taken this long sits out the remaining rounds, once it has had `minimum`. */
  seconds?: number;
  /** Default 3. */
  minimum?: number;
}

/** Runs a contender once or a few times and gives the milliseconds of each run. */
export type Turn = () => Promise<readonly number[]>;

/**
 * Median milliseconds of each contender. They take turns, so that whatever else the machine does hits all of them
 * alike.
 */
export async function medianTimes(
  contenders: readonly Turn[],
  { rounds = 15, warmUps = 1, seconds = 10, minimum = 3 }: MeasureOptions = {},
): Promise<number[]> {
  const turns = contenders.map((): number[][] => []);
  for (let round = -warmUps; round < rounds; round++)
    for (const [k, turn] of contenders.entries()) {
      if (turns[k].length >= minimum && sum(turns[k].flat()) > seconds * 1000) continue;
      const times = await turn();
      if (round >= 0) turns[k].push([...times]);
    }
  return turns.map((times) => median(times.flat()));
}

export interface RepeatOptions {
  /** How long to measure; at least three turns are made, or one where a turn takes longer than that. */
  seconds: number;
  /** Looked at between turns. */
  signal?: AbortSignal;
}

/** Turns shorter than this are made of several runs. */
const SHORTEST_TURN = 2;

/**
 * Milliseconds of one run, of each of many turns. Runs until a third of the time has passed do not count: engines
 * compile what is used much, and caches fill.
 *
 * @param run carries something out so many times, and waits for it
 */
export async function repeatedTimes(
  run: (times: number) => Promise<void>,
  { seconds, signal }: RepeatOptions,
): Promise<number[]> {
  const turn = async (times: number): Promise<number> => {
    await new Promise((done) => setTimeout(done)); // Ctrl-C is heard here
    signal?.throwIfAborted();
    const started = performance.now();
    await run(times);
    return (performance.now() - started) / times;
  };
  const began = performance.now();
  let last = await turn(1);
  while (performance.now() - began < (seconds * 1000) / 3) last = await turn(1);

  const runs = Math.max(1, Math.ceil(SHORTEST_TURN / last));
  const minimum = last > seconds * 1000 ? 1 : 3;
  const times: number[] = [];
  const measured = performance.now();
  while (times.length < minimum || performance.now() - measured < seconds * 1000) times.push(await turn(runs));
  return times;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
