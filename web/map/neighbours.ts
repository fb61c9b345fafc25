import { euclideanDistance } from '../../src/face/verify';
import { chineseWhispers, type Edge, weightOf } from '../../src/gallery/chinese-whispers';

/** Another face, by its place in the list, and how far away it is. */
export interface Near {
  face: number;
  distance: number;
}

/** The nearest so many of the others, the nearest first. */
export function nearest(embeddings: readonly ArrayLike<number>[], face: number, count: number): Near[] {
  const others = embeddings.flatMap((embedding, other) =>
    other === face ? [] : [{ face: other, distance: euclideanDistance(embeddings[face], embedding) }],
  );
  return others.sort((one, other) => one.distance - other.distance).slice(0, count);
}

export interface Grouping {
  /** The group of each face: 0, 1, ... from the largest to the smallest. */
  groups: number[];
  /** Of each face the nearest other one; nothing of a face that is alone. */
  nearest: (Near | undefined)[];
}

/** Decides the order in which faces whisper, as in `likeness cluster`. */
const SEED = 1;

/** Groups by Chinese whispers among faces at most the threshold apart, as `likeness cluster` makes them. */
export function groupFaces(embeddings: readonly ArrayLike<number>[], threshold: number): Grouping {
  const edges: Edge[] = [];
  const nearest: (Near | undefined)[] = embeddings.map(() => undefined);
  const offer = (face: number, other: Near) => {
    if (other.distance < (nearest[face]?.distance ?? Number.POSITIVE_INFINITY)) nearest[face] = other;
  };
  for (let a = 0; a < embeddings.length; a++)
    for (let b = 0; b < a; b++) {
      const distance = euclideanDistance(embeddings[a], embeddings[b]);
      offer(a, { face: b, distance });
      offer(b, { face: a, distance });
      if (distance <= threshold) edges.push({ a, b, weight: weightOf(distance, threshold) });
    }
  return { groups: chineseWhispers(embeddings.length, edges, SEED), nearest };
}
