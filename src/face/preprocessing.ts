import { mirror } from '../nn/evaluation';
import { type PixelPreparation, preparedPixels } from '../nn/prepared-pixels';
import { type BoxCrop, TEMPLATES, type Template } from './align';
import type { RawImage } from './image';
import { inputPixels } from './pixels';

/**
 * What has to happen to a face before an embedding network sees it; `preprocessing` in the metadata of an ONNX file, as
 * JSON. The numbers are laid out [channels, height, width] there.
 */
export interface Preprocessing extends PixelPreparation {
  /**
   * How faces are cut out: aligned by five points ('arcface', 'dlib', 'upper'; see align.ts), or the upright box that the detector
   * drew ('box'). None for networks that look for faces or are shown their boxes.
   */
  template?: CropName;
  /** The chip is then cut to these proportions and resized. */
  width: number;
  height: number;
}

export type CropName = keyof typeof TEMPLATES | 'box';

/** facenet-pytorch's chips of 160 pixels have a margin of 7 of them on each side. */
const BOX_CROP: BoxCrop = { side: 160, margin: 7 / 146 };

export const CROPS: Record<CropName, Template | BoxCrop> = {
  ...TEMPLATES,
  box: BOX_CROP,
};

/** (byte - mean) / deviation, as papers write it. */
const rangeOf = (mean: number, deviation: number): Preprocessing['range'] => [
  -mean / deviation,
  (255 - mean) / deviation,
];

const arcface = { template: 'arcface', width: 112, height: 112, channels: 'RGB', standardisation: 'none' } as const;

/**
 * How well-known families of networks want their faces:
 * - arcface: (x - 127.5) / 127.5 of 112x112 RGB (Deng et al. 2019; InsightFace's `arcface_onnx.py`)
 * - sface: bytes as they are, 112x112 RGB; the network takes the mean off itself (Zhong et al. 2021; OpenCV's
 *   `face_recognize.cpp`)
 * - mobilefacenet: (x - 127.5) / 128 of 112x112 RGB (Chen et al. 2018, section 4)
 * - facenet: (x - 127.5) / 128 of the box at 160x160 RGB (Schroff et al. 2015; facenet-pytorch's fixed standardisation)
 */
export const PRESETS = {
  arcface: { ...arcface, range: rangeOf(127.5, 127.5) },
  sface: { ...arcface, range: [0, 255] },
  mobilefacenet: { ...arcface, range: rangeOf(127.5, 128) },
  facenet: { ...arcface, template: 'box', width: 160, height: 160, range: rangeOf(127.5, 128) },
} as const satisfies Record<string, Preprocessing>;

export type PresetName = keyof typeof PRESETS;

export const PRESET_NAMES = ['arcface', 'sface', 'mobilefacenet', 'facenet'] as const satisfies readonly PresetName[];

/**
 * A cut-out face as its network takes it, and with `flip` its mirror image after it.
 *
 * @returns each [height, width, channels]
 */
export function preparedViews(chip: RawImage, preprocessing: Preprocessing, flip: boolean): Float32Array[] {
  const { width, height, channels } = preprocessing;
  const shape = { width, height, channels: channels === 'GRAY' ? 1 : 3 } as const;
  const view = preparedPixels(inputPixels(chip, shape), preprocessing);
  return flip ? [view, mirror(view, shape)] : [view];
}

/** Of faces that are aligned to a template. */
export type AlignedPreprocessing = Preprocessing & { template: keyof typeof TEMPLATES };

/** @throws Error in one sentence for networks that see whole photos, or the boxes of faces */
export function expectAligned({ template, ...others }: Preprocessing, source: string): AlignedPreprocessing {
  if (template === undefined || template === 'box')
    throw new Error(`${source}: sees photos or boxes; only networks of faces that are aligned can be trained on`);
  return { ...others, template };
}

/** As metadata hold it. @throws Error in one sentence for what is none */
export function parsePreprocessing(json: string, source: string): Preprocessing {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {}
  return checkPreprocessing(value, source);
}

/** As a file's JSON holds it. @throws Error in one sentence for what is none */
export function checkPreprocessing(value: unknown, source: string): Preprocessing {
  if (!isPreprocessing(value))
    throw new Error(`${source}: says how faces are to be prepared in a way that cannot be understood`);
  const { template, width, height, channels, range, standardisation } = value;
  return { ...(template && { template }), width, height, channels, range, standardisation };
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;
const isSide = (value: unknown): value is number => Number.isInteger(value) && Number(value) > 0 && Number(value) < 1e4;

function isPreprocessing(value: unknown): value is Preprocessing {
  if (!isRecord(value)) return false;
  const { template, width, height, channels, range, standardisation } = value;
  return (
    (template === undefined || (typeof template === 'string' && Object.hasOwn(CROPS, template))) &&
    isSide(width) &&
    isSide(height) &&
    ['RGB', 'BGR', 'GRAY'].some((known) => known === channels) &&
    Array.isArray(range) &&
    range.length === 2 &&
    range.every(Number.isFinite) &&
    range[0] !== range[1] &&
    ['image', 'none'].some((known) => known === standardisation)
  );
}
