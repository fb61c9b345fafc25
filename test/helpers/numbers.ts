import * as assert from 'uvu/assert';

/** Each number within `tolerance` of what is expected, as a share of the largest magnitude there is (at least 1). */
export function assertClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
  message = 'numbers',
): void {
  assert.is(actual.length, expected.length, `${message}: how many`);
  const magnitude = Array.from(expected).reduce((largest, value) => Math.max(largest, Math.abs(value)), 1);
  for (let i = 0; i < expected.length; i++)
    assert.ok(
      Math.abs(actual[i] - expected[i]) <= tolerance * magnitude,
      `${message}: number ${i} is ${actual[i]}, expected ${expected[i]}`,
    );
}

/** What a promise is rejected with. */
export async function rejection(promise: Promise<unknown>): Promise<Error> {
  const outcome = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (outcome instanceof Error) return outcome;
  throw new Error(outcome === undefined ? 'nothing was thrown' : 'something that is no Error was thrown');
}

/** What a function throws. */
export function thrown(act: () => unknown): Error {
  try {
    act();
  } catch (error) {
    if (error instanceof Error) return error;
    throw new Error('something that is no Error was thrown');
  }
  throw new Error('nothing was thrown');
}
