import { platform } from '#platform';
import type { XmlElement } from '../platform/platform';

/** A rectangle of a feature in pixels of the window, and what the sum of its pixels is multiplied by. */
export interface WeightedRectangle {
  x: number;
  y: number;
  width: number;
  height: number;
  weight: number;
}

/** Two or three rectangles; their weighted sum tells light above from light below, and the like. */
export type HaarFeature = readonly WeightedRectangle[];

/**
 * A question of a tree: is the feature, divided by the window's deviation, below the threshold? Then `below`, else
 * `above`: the next node where it is positive, else the leaf of that index with the sign turned.
 */
export interface HaarNode {
  feature: number;
  threshold: number;
  below: number;
  above: number;
}

export interface HaarTree {
  nodes: readonly HaarNode[];
  leaves: readonly number[];
}

/** The window is no face where the leaves of all trees sum to less than the threshold. */
export interface HaarStage {
  threshold: number;
  trees: readonly HaarTree[];
}

/** A cascade of boosted trees on Haar features (Viola and Jones 2001). */
export interface HaarCascade {
  /** Of the window, in pixels. */
  width: number;
  height: number;
  features: readonly HaarFeature[];
  stages: readonly HaarStage[];
}

/**
 * Reads OpenCV's cascade files: the format of opencv_traincascade (`opencv-cascade-classifier`, where all features
 * stand in one list) and that before it (`opencv-haar-classifier`, where each node has its own).
 *
 * @param xml the file's text
 * @param source for errors: the file
 * @throws Error in one sentence for what is no such file, is damaged, or uses tilted features or LBP, which are not supported
 */
export async function parseCascade(xml: string, source = 'the cascade'): Promise<HaarCascade> {
  const root = await platform.parseXml(xml);
  const cascade = root && Array.from(root.children).find((child) => child.getAttribute('type_id') !== null);
  if (root?.nodeName !== 'opencv_storage' || !cascade)
    throw new Error(`${source} is no cascade file of OpenCV: it has no <opencv_storage> with a classifier`);
  const type = cascade.getAttribute('type_id');
  const reader = new Reader(source);
  const result =
    type === 'opencv-cascade-classifier'
      ? newFormat(cascade, reader)
      : type === 'opencv-haar-classifier'
        ? oldFormat(cascade, reader)
        : reader.fail(`holds a classifier of the type ${type}, which is not supported`);
  expectConsistent(result, reader);
  return result;
}

function newFormat(cascade: XmlElement, reader: Reader): HaarCascade {
  const kind = reader.text(cascade, 'featureType');
  if (kind !== 'HAAR') reader.fail(`uses ${kind} features; only HAAR is supported`);
  return {
    width: reader.number(cascade, 'width'),
    height: reader.number(cascade, 'height'),
    features: reader.items(cascade, 'features').map((feature) => featureOf(feature, reader)),
    stages: reader.items(cascade, 'stages').map((stage) => ({
      threshold: reader.number(stage, 'stageThreshold'),
      trees: reader.items(stage, 'weakClassifiers').map((tree) => {
        const numbers = reader.numbers(tree, 'internalNodes');
        if (numbers.length === 0 || numbers.length % 4 !== 0)
          reader.fail('is damaged: the nodes of a tree are not fours of numbers');
        const nodes = Array.from({ length: numbers.length / 4 }, (_, k): HaarNode => {
          const [below, above, feature, threshold] = numbers.slice(4 * k, 4 * k + 4);
          return { feature, threshold, below, above };
        });
        return { nodes, leaves: reader.numbers(tree, 'leafValues') };
      }),
    })),
  };
}

function oldFormat(cascade: XmlElement, reader: Reader): HaarCascade {
  const [width, height] = reader.numbers(cascade, 'size');
  const features: HaarFeature[] = [];
  const stages = reader.items(cascade, 'stages').map((stage) => ({
    threshold: reader.number(stage, 'stage_threshold'),
    trees: reader.items(stage, 'trees').map((tree): HaarTree => {
      const leaves: number[] = [];
      // Each side is either the number of another node or a value, which becomes a leaf.
      const side = (node: XmlElement, name: 'left' | 'right'): number => {
        if (reader.find(node, `${name}_node`)) return reader.number(node, `${name}_node`);
        return 1 - leaves.push(reader.number(node, `${name}_val`));
      };
      const nodes = Array.from(tree.children).map((node): HaarNode => {
        const threshold = reader.number(node, 'threshold');
        const feature = features.push(featureOf(reader.child(node, 'feature'), reader)) - 1;
        return { feature, threshold, below: side(node, 'left'), above: side(node, 'right') };
      });
      return { nodes, leaves };
    }),
  }));
  return { width, height, features, stages };
}

function featureOf(feature: XmlElement, reader: Reader): HaarFeature {
  if (reader.find(feature, 'tilted') && reader.number(feature, 'tilted') !== 0)
    reader.fail('has tilted features, which are not supported; haarcascade_frontalface_default.xml has none');
  return reader.items(feature, 'rects').map((rectangle) => {
    const numbers = reader.numbersOf(rectangle);
    if (numbers.length !== 5) reader.fail('is damaged: a rectangle has other than five numbers');
    const [x, y, width, height, weight] = numbers;
    return { x, y, width, height, weight };
  });
}

/** Whatever is looked up by number exists, trees end, and rectangles are in the window. */
function expectConsistent({ width, height, features, stages }: HaarCascade, reader: Reader): void {
  if (!(width > 2 && height > 2) || stages.length === 0) reader.fail('is damaged: it has no window or no stages');
  for (const { trees } of stages)
    for (const { nodes, leaves } of trees)
      for (const [index, { feature, below, above }] of nodes.entries()) {
        if (!features[feature]) reader.fail(`is damaged: there is no feature ${feature}`);
        for (const next of [below, above])
          if (next > 0 ? next <= index || next >= nodes.length : !((-next) in leaves))
            reader.fail('is damaged: a node of a tree leads nowhere');
      }
  for (const feature of features)
    if (
      feature.length === 0 ||
      feature.some(({ x, y, ...side }) => x < 0 || y < 0 || x + side.width > width || y + side.height > height)
    )
      reader.fail('is damaged: a rectangle reaches out of the window');
}

/** Looks elements up by name; what is missing is an error that names the file. */
class Reader {
  readonly #source: string;

  constructor(source: string) {
    this.#source = source;
  }

  fail(what: string): never {
    throw new Error(`${this.#source} ${what}`);
  }

  find = (parent: XmlElement, name: string): XmlElement | undefined =>
    Array.from(parent.children).find(({ nodeName }) => nodeName === name);

  child(parent: XmlElement, name: string): XmlElement {
    return this.find(parent, name) ?? this.fail(`is damaged: <${parent.nodeName}> has no <${name}>`);
  }

  items = (parent: XmlElement, name: string): XmlElement[] => Array.from(this.child(parent, name).children);

  text = (parent: XmlElement, name: string): string => this.child(parent, name).textContent?.trim() ?? '';

  numbersOf(element: XmlElement): number[] {
    const numbers = (element.textContent ?? '').trim().split(/\s+/).map(Number);
    return numbers.every(Number.isFinite) ? numbers : this.fail(`is damaged: <${element.nodeName}> holds no numbers`);
  }

  numbers = (parent: XmlElement, name: string): number[] => this.numbersOf(this.child(parent, name));

  number = (parent: XmlElement, name: string): number => this.numbers(parent, name)[0];
}
