import { MapPanel } from '../map/map-panel';
import type { Panel } from '../panel';

export const mapPanel: Panel = {
  id: 'map',
  short: 'Map',
  title: 'A folder of faces',
  lead:
    'Every face is a point in a space of 128 dimensions. Flattened to a map, photos of one person lie together. Choose a ' +
    'face to see its neighbours. Groups form by whispering: each face takes over the group that its neighbours within the ' +
    'threshold mostly have, until nobody changes. How many people there are need not be known.',
  chapters: ['embeddings', 'evaluation'],
  files: ['web/map/principal-components.ts', 'src/gallery/chinese-whispers.ts', 'src/gallery/false-matches.ts'],
  mount(root) {
    new MapPanel(root);
  },
};
