import type { Dataset } from '../face/dataset';
import { ClosedSet } from '../face/identify';
import type { Backend } from '../kernels/backend';

/** Images of one person that were given the name of another. */
export interface Mistake {
  person: string;
  takenFor: string;
  files: string[];
  /** How many test images of the person there are. */
  of: number;
  /** What the wrong name was given at most. */
  probability: number;
}

const BATCH = 64;

/**
 * Which people of a data set a model takes for others, the most frequent first, then the surest. The model is the bytes
 * of its file, so that what is told is what `likeness identify` will answer.
 */
export async function findMistakes(backend: Backend, model: Uint8Array, { names, examples }: Dataset) {
  const people = ClosedSet.open(backend, model);
  const mistakes = new Map<string, Mistake>();
  try {
    for (let first = 0; first < examples.length; first += BATCH) {
      const batch = examples.slice(first, first + BATCH);
      const answers = await people.identify(
        batch.map(({ pixels }) => pixels),
        1,
      );
      for (const [index, { label, file }] of batch.entries()) {
        const { name: takenFor, probability } = answers[index];
        const person = names[label];
        if (takenFor === person) continue;
        const key = JSON.stringify([person, takenFor]);
        const of = examples.filter((example) => example.label === label).length;
        const known = mistakes.get(key) ?? { person, takenFor, files: [], of, probability };
        known.files.push(file);
        known.probability = Math.max(known.probability, probability);
        mistakes.set(key, known);
      }
    }
  } finally {
    people.dispose();
  }
  return [...mistakes.values()].sort((a, b) => b.files.length - a.files.length || b.probability - a.probability);
}
