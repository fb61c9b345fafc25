import type { RawImage } from '../../src/face/image';
import type { Scaling } from '../../src/nn/depth-network';
import type { DepthRun } from '../../src/nn/depth-study';
import type { DepthStep } from '../../src/nn/depth-training';

/** What the page and the worker that trains say to each other. */

export type Skips = 'plain' | 'residual';

export type ImageChoice =
  | { from: 'drawn'; seed: number }
  /** Files of the visitor's, each with the name of whom it shows. They are read in the worker and nowhere else. */
  | { from: 'files'; files: readonly { person: string; file: File }[] };

export interface NetworkChoice {
  /** One network, or two that are trained in turns. */
  skips: readonly Skips[];
  blocks: number;
  scaling: Scaling;
  learningRate: number;
  seed: number;
}

export interface DepthChoice extends Omit<NetworkChoice, 'skips' | 'blocks'> {
  depths: readonly number[];
  steps: number;
}

/** Folders with the weights that faces are found by, for images of the visitor's: URLs that end in '/'. */
export interface WeightFolders {
  weights: string;
  models: string;
}

/** Answered in their order. */
export type Demand =
  | { type: 'images'; choice: ImageChoice; folders: WeightFolders }
  | { type: 'networks'; choice: NetworkChoice }
  /** Makes steps until so many were made. */
  | { type: 'train'; until: number }
  | { type: 'depths'; choice: DepthChoice }
  | { type: 'pause' }
  | { type: 'learning-rate'; learningRate: number };

/**
 * `run` is counted up by the page. What is asked for in another run than before ends what was under way, as does a pause;
 * replies carry the run, so that those to what is no longer wanted are known.
 */
export type Request = { run: number } & Demand;

export interface Filters {
  /** [size, size, channels, count] */
  values: Float32Array;
  size: number;
  channels: number;
  count: number;
}

export type Answer =
  | { type: 'device'; name: string; description: string; reason: string }
  | { type: 'reading'; done: number; total: number }
  | {
      type: 'images';
      people: readonly string[];
      count: number;
      samples: readonly RawImage[];
      problems: readonly string[];
    }
  | { type: 'step'; skips: Skips; step: DepthStep }
  | { type: 'filters'; skips: Skips; filters: Filters }
  /** Nothing is under way any more; `steps` of the networks that have not failed. */
  | { type: 'rested'; steps: number; isPaused: boolean; failed: readonly Skips[] }
  | { type: 'depth-step'; step: number; steps: number }
  | { type: 'depth-run'; network: DepthRun }
  | { type: 'depths-done'; isPaused: boolean }
  | { type: 'error'; message: string };

export type Reply = { run: number } & Answer;
