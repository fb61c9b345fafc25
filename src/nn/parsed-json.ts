/**
 * What a file's metadata hold as JSON.
 * @throws Error with `sentence` when it is absent, no JSON, or not what it should be
 */
export function parsedJson<T>(json: string | undefined, is: (value: unknown) => value is T, sentence: string): T {
  let parsed: unknown;
  try {
    parsed = JSON.parse(json ?? '');
  } catch {}
  if (!is(parsed)) throw new Error(sentence);
  return parsed;
}
