import { UMAP } from 'umap-js';
import { stream } from '../../src/tensor/random';
import { FEWEST_FOR_UMAP, type Places } from './places';

/** How many neighbours each face has in UMAP's graph, its usual number; of fewer faces all the others. */
const NEIGHBOURS = 15;
/** How near points may come to each other: more than its usual 0.1, as pictures take room. */
const LEAST_DISTANCE = 0.5;
/** Milliseconds that it computes without a pause in which other requests are heard. */
const STRETCH = 40;

/**
 * A map that keeps neighbours together (McInnes, Healy, Melville 2018) and distances only roughly. The same faces, the
 * same map: its randomness is seeded.
 *
 * @param isWanted asked between steps; nothing is returned once it says no
 * @throws Error of fewer faces than FEWEST_FOR_UMAP
 */
export async function umapPlaces(
  embeddings: readonly ArrayLike<number>[],
  { seed = 1, isWanted = () => true }: { seed?: number; isWanted?: () => boolean } = {},
): Promise<Places | undefined> {
  if (embeddings.length < FEWEST_FOR_UMAP) throw new Error(`UMAP needs ${FEWEST_FOR_UMAP} faces or more`);
  const { next } = stream(seed, 0);
  const umap = new UMAP({
    nNeighbors: Math.min(NEIGHBOURS, embeddings.length - 1),
    minDist: LEAST_DISTANCE,
    random: next,
  });
  const steps = umap.initializeFit(embeddings.map((embedding) => Array.from(embedding)));
  let paused = performance.now();
  for (let step = 0; step < steps; step++) {
    umap.step();
    if (performance.now() - paused < STRETCH) continue;
    await new Promise((done) => setTimeout(done));
    if (!isWanted()) return undefined;
    paused = performance.now();
  }
  return {
    places: umap.getEmbedding().map(([x, y]) => [x, y]),
  };
}
