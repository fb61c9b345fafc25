import type { Panel } from './panel';
import { comparePanel } from './panels/compare';
import { mapPanel } from './panels/map';
import { masksPanel } from './panels/masks';
import { networkPanel } from './panels/network';
import { photoPanel } from './panels/photo';
import { speedPanel } from './panels/speed';
import { trainPanel } from './panels/training';

/** In the order of the page. The first finds the face that the others look at. */
export const PANELS: readonly Panel[] = [
  photoPanel,
  masksPanel,
  networkPanel,
  comparePanel,
  mapPanel,
  trainPanel,
  speedPanel,
];
