import { expose } from 'comlink';
import { DLIB_TEMPLATE, type Point } from '../../src/face/align';
import type { Embedding } from '../../src/face/embed';
import { type ImageSource, type RawImage, readImage } from '../../src/face/image';
import { drawMask, type MaskStyle } from '../../src/face/mask';
import { type AlignedFace, FacePipeline } from '../../src/face/pipeline';
import { syntheticPerson, syntheticPhoto } from '../../src/face/synthetic';
import { type Calibration, euclideanDistance } from '../../src/face/verify';
import type { Device } from '../../src/tensor/device';
import { random, stream } from '../../src/tensor/random';
import type { OcclusionMap } from '../panels/occlusion-map';

const PHOTO_SIDE = 480;

let opening: Promise<FacePipeline> | undefined;

function pipeline(): Promise<FacePipeline> {
  if (!opening) throw new Error('open a device first');
  return opening;
}

const personOf = (person: number) => syntheticPerson(random(person));
const shotOf = (person: number, shot: number) => stream(person, shot);

/** Squares of a chip that are covered one after the other, in a row. */
const SQUARES = 8;

function coveredAt({ width, height, data }: RawImage, [left, top]: readonly number[], side: number): RawImage {
  const covered = Uint8ClampedArray.from(data);
  const mean = [0, 1, 2].map((k) => {
    let sum = 0;
    for (let at = k; at < data.length; at += 4) sum += data[at];
    return (4 * sum) / data.length;
  });
  for (let y = Math.max(0, top); y < Math.min(height, top + side); y++)
    for (let x = Math.max(0, left); x < Math.min(width, left + side); x++) covered.set(mean, 4 * (y * width + x));
  return { width, height, data: covered };
}

const methods = {
  /** Opens a device, in place of the one before. */
  async open(device: Device): Promise<FacePipeline['device']> {
    const before = opening;
    opening = FacePipeline.open({ device });
    await (await before?.catch(() => undefined))?.[Symbol.asyncDispose]();
    return (await opening).device;
  },

  async align(
    source: ImageSource,
  ): Promise<{ faces: AlignedFace[]; width: number; height: number; milliseconds: number }> {
    const photo = await readImage(source);
    const started = performance.now();
    const found = await (await pipeline()).align(photo);
    const { width, height } = photo;
    return { faces: found, width, height, milliseconds: performance.now() - started };
  },

  /** Of an upright chip and its mirror image, as likeness verify embeds. */
  embed: async (chip: RawImage): Promise<Embedding> => (await pipeline()).embedAligned(chip),

  async calibration(): Promise<Calibration> {
    const calibration = await (await pipeline()).calibration();
    if (!calibration) throw new Error('the network has no threshold');
    return calibration;
  },

  drawnPhoto(person: number, shot: number): RawImage {
    const size = { width: PHOTO_SIDE, height: PHOTO_SIDE };
    return syntheticPhoto(personOf(person), shotOf(person, shot), size).image;
  },

  /** The face of such a photo, upright, as alignment would have it. */
  drawnChip(person: number, shot: number): RawImage {
    const { side } = DLIB_TEMPLATE;
    const size = { width: side, height: side, framing: DLIB_TEMPLATE };
    return syntheticPhoto(personOf(person), shotOf(person, shot), size).image;
  },

  /** How far the embedding of a chip moves when each of its squares is covered with the mean colour. */
  async occlusion(chip: RawImage): Promise<OcclusionMap> {
    const whole = await methods.embed(chip);
    const side = chip.width / SQUARES;
    const distances: number[] = [];
    for (let row = 0; row < SQUARES; row++)
      for (let column = 0; column < SQUARES; column++) {
        const covered = coveredAt(
          chip,
          [column - 0.5, row - 0.5].map((place) => Math.round(place * side)),
          2 * side,
        );
        distances.push(euclideanDistance(whole.embedding, (await methods.embed(covered)).embedding));
      }
    return { squares: SQUARES, distances };
  },

  async masked(source: ImageSource, landmarks: readonly Point[], mask: MaskStyle): Promise<RawImage> {
    return drawMask(await readImage(source), landmarks, mask);
  },
};

export type Faces = typeof methods;
expose(methods);
