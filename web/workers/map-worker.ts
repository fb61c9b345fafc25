import { expose } from 'comlink';
import { PRETRAINED } from '../../src/face/embed';
import { FALSE_NEIGHBOURS } from '../../src/gallery/chinese-whispers';
import { operatingPoints, thresholdForComparison } from '../../src/gallery/false-matches';
import { type Grouping, groupFaces } from '../map/neighbours';
import { type Places, principalPlaces } from '../map/places';
import { umapPlaces } from '../map/umap';

let latest = 0;

const methods = {
  /** Up to which distance `likeness cluster` takes two faces for neighbours. */
  threshold: (): number =>
    thresholdForComparison(FALSE_NEIGHBOURS, operatingPoints(PRETRAINED.name, true, undefined)).threshold,

  group: (embeddings: readonly Float32Array[], threshold: number): Grouping => groupFaces(embeddings, threshold),

  pca: (embeddings: readonly Float32Array[]): Places => principalPlaces(embeddings),

  /** Nothing where another map is asked for before it is done. */
  umap(embeddings: readonly Float32Array[]): Promise<Places | undefined> {
    const turn = ++latest;
    return umapPlaces(embeddings, { isWanted: () => turn === latest });
  },
};

export type Mapping = typeof methods;
expose(methods);
