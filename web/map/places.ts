import { explained, principalComponents, project } from './principal-components';

export type Place = readonly [x: number, y: number];

/** Where faces lie in a plane, and what share of the variance it shows where that can be said. */
export interface Places {
  places: Place[];
  /** Of both directions together and of each, 0 to 1; nothing of faces that are all the same. */
  explained?: { both: number; first: number; second: number };
}

/** UMAP makes nothing of fewer. */
export const FEWEST_FOR_UMAP = 4;

/** A linear map: distances on it are at most those between the embeddings, and it is the plane that loses least. */
export function principalPlaces(embeddings: readonly ArrayLike<number>[]): Places {
  const components = principalComponents(embeddings, 2);
  const first = explained(components, 1);
  const both = explained(components, 2);
  return {
    places: embeddings.map((embedding) => {
      const [x, y] = project(embedding, components);
      return [x, y];
    }),
    ...(Number.isFinite(both) && { explained: { both, first, second: both - first } }),
  };
}
