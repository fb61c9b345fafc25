import type { Backend } from '../kernels/backend';
import { type Device, type OpenDeviceOptions, openDevice } from '../tensor/device';
import {
  type Affine,
  type Aligner,
  ARCFACE_TEMPLATE,
  type BoxCrop,
  boxTransform,
  chipTransform,
  distanceApart,
  type Point,
  type Template,
} from './align';
import { type Box, mostProminent } from './boxes';
import { type DetectOptions, type DetectorChoice, type FaceDetector, openDetector } from './detect';
import { type Embedder, type Embedding, PRETRAINED, PretrainedEmbedder } from './embed';
import type { FileSource } from './file-source';
import { ClosedSet, type Identification } from './identify';
import { ImageError, type ImageSource, nameOf, type RawImage, readImage } from './image';
import { LandmarkFinder } from './landmarks';
import { type LivenessFile, LivenessJudge } from './liveness';
import { type FaceModel, type ModelSource, openModel, readModel } from './model';
import { ModelEmbedder } from './model-embedder';
import { OnnxEmbedder, type OnnxEmbedderFile } from './onnx-embedder';
import { inputPixels } from './pixels';
import { CROPS, type CropName, type Preprocessing } from './preprocessing';
import { type FaceQuality, faceQuality } from './quality';
import { type Calibration, type Comparison, compareEmbeddings, NO_THRESHOLD } from './verify';
import { cutChip } from './warp';

export interface PipelineOptions extends OpenDeviceOptions {
  /** Where to compute; 'auto' (the default) takes a real GPU, else WebAssembly. */
  device?: Device;
  /**
   * 'tiny' (the default) is fast, 'ssd' finds more and takes about four times as long; 'haar' is the classic cascade.
   * Or the network of an ONNX file: SCRFD, YuNet, UltraFace or YOLO-face.
   */
  detector?: DetectorChoice;
  /** OpenCV's cascade file (path, URL or bytes), which 'haar' needs. */
  cascade?: FileSource;
  /** 'full' (the default) or 'tiny', a quarter of the weights. */
  landmarks?: 'full' | 'tiny';
  /**
   * What faces are aligned by: 'sixty-eight', five of the 68 landmarks (and `points` where the two lie apart, as they
   * do under masks), or 'five', `points`. The default is 'five' where the detector finds points itself, and
   * 'sixty-eight' else.
   */
  aligner?: Aligner;
  /** Embed each face and its mirror image and add the two: better by a few errors in a thousand, twice the time. Default true. */
  flip?: boolean;
  /** A model that `likeness train` wrote (path, URL or bytes), to embed with in place of the pretrained network. */
  model?: ModelSource;
  /** The network of an ONNX file to embed with, in place of the pretrained one. */
  embedder?: OnnxEmbedderFile;
  /** The network of an ONNX file that tells living faces from pictures of faces; verify() then asks for living ones. */
  liveness?: LivenessFile;
  /** Where the weight files are, a directory ending in '/'; by default the installed npm package, in a browser ./weights/. */
  weights?: URL;
  /** Where landmarks.safetensors is, likewise; by default models/ of this package, in a browser ./models/. */
  models?: URL;
}

export interface EmbedOptions extends DetectOptions {
  /** Faces of less quality are left out: 0 to 1, default 0. See FaceQuality. */
  minimumQuality?: number;
  /** Only the face that is large and near the middle, where there are several. Default false. */
  onlyMostProminent?: boolean;
}

export interface Face {
  /** Left, top, width, height in pixels of the upright photo; it may reach over the photo's edge. */
  box: Box;
  /** How sure the detector is, 0 to 1. */
  score: number;
  /** iBUG's 68 points in pixels of the upright photo: jaw 0-16, brows 17-26, nose 27-35, eyes 36-47, mouth 48-67. */
  landmarks: Point[];
  /** Image-left eye, image-right eye, tip of the nose, image-left and image-right corner of the mouth, in pixels. */
  points: Point[];
  /** How sure the network of the option `liveness` is that the face is alive, 0 to 1. */
  liveness?: number;
}

export interface AlignedFace extends Face {
  /** The face upright and at its template's size. */
  chip: RawImage;
  /** From a pixel of the chip to one of the photo. */
  toPhoto: Affine;
}

export interface EmbeddedFace extends AlignedFace, Embedding {
  /** How well the face can be recognised, 0 to 1, by size, sharpness, pose and light. */
  quality: FaceQuality;
}

export interface IdentifyOptions extends DetectOptions {
  /** The picture is one face, as those that the model was trained on, and is not searched. Default false. */
  aligned?: boolean;
}

export interface IdentifiedFace extends Identification {
  /** Left, top, width, height in pixels of the upright photo; of an aligned picture the whole. */
  box: Box;
}

/** With the option `liveness`, `same` is true of living faces only. */
export interface Verification extends Comparison {
  /** The most prominent face of each photo. */
  faces: [EmbeddedFace, EmbeddedFace];
  /** How many faces each photo shows. */
  counts: [number, number];
  device: string;
  /** Of the option `liveness`: the least score of a living face, and which of the two faces have it. */
  liveness?: { threshold: number; isLive: [boolean, boolean] };
}

/** What embeds. */
export interface EmbeddingModel {
  /** Embeddings of models with different names must not be compared. */
  readonly name: string;
  readonly dimension: number;
  /** Of an ONNX file: how its faces are prepared. */
  readonly preprocessing?: Preprocessing;
}

/** What came of one photo of many: its faces, or the error that it met. */
export interface PhotoResult<F extends Face = EmbeddedFace> {
  source: ImageSource;
  width?: number;
  height?: number;
  faces?: F[];
  error?: Error;
}

/** Chosen on View 1 of LFW: 99.1 %, and 99.0 % by our own five points alone. */
const DEFAULT_ALIGNER: Aligner = 'sixty-eight';
/**
 * Where the 68 points would put a face further than this from where the five put it, the five are believed: they have
 * learnt what masks hide, and the 68 never saw any. Of 116 faces of LFW without masks none is further than 0.112; see
 * distanceApart().
 */
const IN_DOUBT = 0.12;

/**
 * From photos to faces: detect, find landmarks, align, embed, compare.
 *
 *     await using faces = await FacePipeline.open();
 *     const { same, probability } = await faces.verify('a.jpg', 'b.jpg');
 *
 * Networks are read when they are first needed. Every method takes a path, URL, bytes, Blob or raw RGBA, and may be
 * called while others run. Where the GPU is lost (its driver restarts, say) every method rejects and says so: dispose of
 * the pipeline and open another.
 */
export class FacePipeline {
  /** Where it computes, and why there. */
  readonly device: { name: Backend['name']; description: string; reason: string };
  readonly model: EmbeddingModel;
  readonly #backend: Backend;
  readonly #flip: boolean;
  readonly #inWork = new Set<Promise<unknown>>();
  #closed = false;
  readonly #detector: Lazy<FaceDetector>;
  readonly #landmarkFinder: Lazy<LandmarkFinder>;
  readonly #pointFinder: Lazy<LandmarkFinder>;
  readonly #aligner: Aligner | undefined;
  readonly #embedder: Lazy<Embedder>;
  readonly #usualTemplate: Template | BoxCrop;
  readonly #judge: Lazy<LivenessJudge> | undefined;
  readonly #people: ClosedSet | undefined;

  private constructor(
    backend: Backend,
    reason: string,
    model: FaceModel | OnnxEmbedder | undefined,
    options: PipelineOptions,
  ) {
    const {
      detector = 'tiny',
      landmarks = 'full',
      flip = true,
      weights,
      models,
      cascade,
      liveness,
      precision = 'full',
    } = options;
    const networkOptions = { weights, precision };
    this.#aligner = options.aligner;
    this.device = { name: backend.name, description: backend.description, reason };
    this.#backend = backend;
    this.#flip = flip;
    this.#detector = new Lazy(() => openDetector(backend, detector, { ...networkOptions, cascade }));
    this.#landmarkFinder = new Lazy(() => LandmarkFinder.open(backend, landmarks, networkOptions));
    this.#pointFinder = new Lazy(() => LandmarkFinder.open(backend, 'five', { weights: models }));
    this.#judge = liveness && new Lazy(() => LivenessJudge.open(backend, liveness, precision));
    this.#usualTemplate = model instanceof OnnxEmbedder ? model.template : CROPS.dlib;
    if (model instanceof OnnxEmbedder) {
      const { name, dimension, preprocessing } = model;
      this.model = { name, dimension, preprocessing };
      this.#embedder = Lazy.of(model);
    } else if (model) {
      const embedder = new ModelEmbedder(backend, model, precision);
      this.model = { name: embedder.name, dimension: embedder.dimension };
      this.#embedder = Lazy.of(embedder);
      this.#people = new ClosedSet(model);
    } else {
      this.model = PRETRAINED;
      this.#embedder = new Lazy(() => PretrainedEmbedder.open(backend, networkOptions));
    }
  }

  /**
   * @throws Error that says why when the device asked for is not to be had, or when `model` cannot be read or is not
   * what likeness train writes, or `embedder` no network that embeds faces
   */
  static async open(options: PipelineOptions = {}): Promise<FacePipeline> {
    const { model, embedder } = options;
    if (model !== undefined && embedder)
      throw new Error('a pipeline embeds with a model or with an embedder, not both');
    const file = model === undefined ? undefined : await readModel(model);
    const { backend, reason } = await openDevice(options.device, options);
    try {
      const network = embedder
        ? await OnnxEmbedder.open(backend, embedder, options.precision)
        : file && openModel(backend, file.bytes, file.name);
      return new FacePipeline(backend, reason, network, options);
    } catch (error) {
      await backend.close();
      throw error;
    }
  }

  /** All that reads weights. */
  get #parts() {
    const judge = this.#judge ? [this.#judge] : [];
    return [this.#detector, this.#landmarkFinder, this.#pointFinder, this.#embedder, ...judge];
  }

  /** Bytes that the engine holds: weights, plans, and what is in work. */
  get liveBytes(): number {
    return this.#backend.liveBytes;
  }

  /** Reads the weights and compiles every network, so that the first photo is as fast as the next. */
  async prepare(): Promise<void> {
    return this.#working(async () => {
      const parts = await Promise.all(this.#parts.map((part) => part.get()));
      await Promise.all(parts.map((part) => part.prepare()));
    });
  }

  /** What distances of embeddings mean, where the model says: its threshold, and the rate of false matches there. */
  async calibration(): Promise<Calibration | undefined> {
    return this.#working(() => this.#ownCalibration());
  }

  /** All faces of a photo with their landmarks, the surest first. None is no error. @throws ImageError */
  async detect(source: ImageSource, options: DetectOptions = {}): Promise<Face[]> {
    return this.#working(async () => this.#find(await readImage(source), options));
  }

  /**
   * The faces of a photo, upright, at the size and place a recognition network expects.
   * @param options.template 'dlib' (150x150), 'arcface' and 'upper' (112x112) or 'box' (160x160, the box as the detector drew it); by
   *   default as the option `embedder` wants them, else 'dlib'
   */
  async align(source: ImageSource, options: DetectOptions & { template?: CropName } = {}): Promise<AlignedFace[]> {
    return this.#working(async () => {
      const photo = await readImage(source);
      const faces = await this.#find(photo, options);
      return this.#align(photo, faces, options.template ? CROPS[options.template] : this.#usualTemplate);
    });
  }

  /** The faces of a photo, aligned as `model` needs them (150x150, or 112x112 of a trained one), with their embeddings. */
  async embed(source: ImageSource, options: EmbedOptions = {}): Promise<EmbeddedFace[]> {
    return this.#working(async () => this.#embed(await readImage(source), options));
  }

  /**
   * The embedding of a chip that is already aligned. It is cut and resized to what a model or an embedder takes.
   * @throws ImageError unless it is 150x150, for the pretrained network
   */
  async embedAligned(source: ImageSource): Promise<Embedding> {
    const chip = await readImage(source);
    return this.#working(async () => {
      const embedder = await this.#embedder.get();
      const [embedding] = await embedder.embedChips([chip], this.#flip);
      return embedding;
    });
  }

  /**
   * Which of the people that `model` was trained on each face of a photo shows.
   * @throws Error when the pipeline was opened without a model
   */
  async identify(source: ImageSource, options: IdentifyOptions = {}): Promise<IdentifiedFace[]> {
    const people = this.#people;
    if (!people) throw new Error('only a trained model knows people by name; open the pipeline with one (model)');
    return this.#working(async () => {
      const photo = await readImage(source);
      const faces: { box: Box; chip: RawImage }[] = options.aligned
        ? [{ box: [0, 0, photo.width, photo.height], chip: photo }]
        : await this.#align(photo, await this.#find(photo, options), people.template);
      const answers = await people.identify(faces.map(({ chip }) => inputPixels(chip, people.input)));
      return faces.map(({ box }, k) => ({ box, ...answers[k] }));
    });
  }

  /**
   * Whether two photos show one person. Where a photo has several faces, the most prominent is taken: large and near
   * the middle.
   *
   * @param options.threshold the largest distance that counts as the same person, in place of the calibrated one
   * @throws ImageError when a photo shows no face
   * @throws Error when neither a threshold is given nor the model is calibrated
   */
  async verify(
    a: ImageSource,
    b: ImageSource,
    options: DetectOptions & { threshold?: number } = {},
  ): Promise<Verification> {
    const { calibration, looked } = await this.#working(() => this.#lookAtBoth(a, b, options));
    const [first, second] = looked;
    const comparison = compareEmbeddings(first.face.embedding, second.face.embedding, calibration, options.threshold);
    const liveness = await this.#liveness(first.face, second.face);
    return {
      ...comparison,
      ...(liveness && { liveness, same: comparison.same && liveness.isLive.every(Boolean) }),
      faces: [first.face, second.face],
      counts: [first.count, second.count],
      device: this.device.name,
    };
  }

  /** Detects the faces of many photos; see `embedAll`. */
  detectAll(
    sources: Iterable<ImageSource> | AsyncIterable<ImageSource>,
    options: DetectOptions = {},
  ): AsyncGenerator<PhotoResult<Face>> {
    return this.#each(sources, (photo) => this.#find(photo, options), options.signal);
  }

  /**
   * Embeds the faces of many photos, in their order; the next are decoded while one is looked at. A photo that cannot
   * be read is a result with an `error`, and the others are still done.
   */
  embedAll(
    sources: Iterable<ImageSource> | AsyncIterable<ImageSource>,
    options: EmbedOptions = {},
  ): AsyncGenerator<PhotoResult<EmbeddedFace>> {
    return this.#each(sources, (photo) => this.#embed(photo, options), options.signal);
  }

  /** Waits for what is in work and frees the networks and the device. What is asked for afterwards is refused. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    while (this.#inWork.size > 0) await Promise.allSettled(this.#inWork);
    for (const part of this.#parts) await (await part.now())?.dispose();
    await this.#backend.close();
  }

  async *#each<F extends Face>(
    sources: Iterable<ImageSource> | AsyncIterable<ImageSource>,
    look: (photo: RawImage) => Promise<F[]>,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<PhotoResult<F>> {
    const reading: { source: ImageSource; photo: Promise<RawImage> }[] = [];
    const finish = async ({ source, photo }: (typeof reading)[number]): Promise<PhotoResult<F>> => {
      try {
        const { width, height } = await photo;
        return { source, width, height, faces: await this.#working(async () => look(await photo)) };
      } catch (error) {
        if (signal?.aborted) throw error;
        return { source, error: error instanceof Error ? error : new Error(String(error)) };
      }
    };
    for await (const source of sources) {
      signal?.throwIfAborted();
      const photo = readImage(source);
      photo.catch(() => {}); // reported in its turn
      reading.push({ source, photo });
      const next = reading.length > 2 && reading.shift();
      if (next) yield await finish(next);
    }
    for (const last of reading) yield await finish(last);
  }

  /** Keeps count of what is in work, so that closing can wait for it. */
  async #working<T>(work: () => Promise<T>): Promise<T> {
    if (this.#closed) throw new Error('the pipeline is closed; open another with FacePipeline.open()');
    const promise = work();
    this.#inWork.add(promise);
    try {
      return await promise;
    } finally {
      this.#inWork.delete(promise);
    }
  }

  async #find(photo: RawImage, options: DetectOptions): Promise<Face[]> {
    const detector = await this.#detector.get();
    const found = await detector.detect(photo, options);
    options.signal?.throwIfAborted();
    const boxes = found.map(({ box }) => box);
    const landmarks = await (await this.#landmarkFinder.get()).find(photo, boxes, options.signal);
    const points = detector.hasPoints ? [] : await (await this.#pointFinder.get()).find(photo, boxes, options.signal);
    const scores = await (await this.#judge?.get())?.scores(photo, boxes, options.signal);
    return found.map((face, k) => ({
      ...face,
      landmarks: landmarks[k],
      points: face.points ?? points[k],
      ...(scores && { liveness: scores[k] }),
    }));
  }

  /** Which of two faces look alive. */
  async #liveness(...faces: [Face, Face]): Promise<Verification['liveness']> {
    const judge = await this.#judge?.get();
    if (!judge) return undefined;
    const { threshold } = judge;
    const isLive = ({ liveness = 0 }: Face) => liveness >= threshold;
    return { threshold, isLive: [isLive(faces[0]), isLive(faces[1])] };
  }

  async #ownCalibration(): Promise<Calibration | undefined> {
    const { calibrations } = await this.#embedder.get();
    return calibrations[this.#flip ? 'flip' : 'plain'];
  }

  /** What distances mean. @throws Error when it is not known and the caller has no threshold either */
  async #calibration(threshold: number | undefined): Promise<Calibration | undefined> {
    const calibration = await this.#ownCalibration();
    if (!calibration && threshold === undefined) throw new Error(NO_THRESHOLD);
    return calibration;
  }

  async #lookAtBoth(a: ImageSource, b: ImageSource, options: DetectOptions & { threshold?: number }) {
    // The networks are read and compiled while the first photo is decoded, and the second is while the first is looked at.
    this.prepare().catch(() => {}); // reported by whichever step needs what failed
    const photos = [readImage(a), readImage(b)];
    for (const photo of photos) photo.catch(() => {}); // reported when it is awaited below
    const calibration = await this.#calibration(options.threshold);
    const looked: { face: EmbeddedFace; count: number }[] = [];
    for (const [k, source] of [a, b].entries()) {
      const photo = await photos[k];
      const faces = await this.#find(photo, options);
      const [face] = await this.#embedFaces(photo, mostProminent(photo, faces), options);
      if (!face) throw new ImageError(noFaceIn(photo, source));
      looked.push({ face, count: faces.length });
    }
    return { calibration, looked };
  }

  /** From a pixel of each face's chip to the photo. */
  async #toPhoto(faces: readonly Face[], template: Template | BoxCrop): Promise<Affine[]> {
    if ('margin' in template) return faces.map(({ box }) => boxTransform(box, template));
    const { hasPoints } = await this.#detector.get();
    const aligner = this.#aligner ?? (hasPoints ? 'five' : DEFAULT_ALIGNER);
    return faces.map(({ landmarks, points }) => {
      const byFive = chipTransform(points, template);
      if (aligner === 'five') return byFive;
      const bySixtyEight = chipTransform(landmarks, template);
      return distanceApart(bySixtyEight, byFive, template) > IN_DOUBT ? byFive : bySixtyEight;
    });
  }

  async #quality(photo: RawImage, { points }: Face): Promise<FaceQuality> {
    const toPhoto = chipTransform(points, ARCFACE_TEMPLATE);
    return faceQuality(await cutChip(this.#backend, photo, toPhoto, ARCFACE_TEMPLATE.side), points);
  }

  async #align<F extends Face>(
    photo: RawImage,
    faces: readonly F[],
    template: Template | BoxCrop,
  ): Promise<(F & { chip: RawImage; toPhoto: Affine })[]> {
    const transforms = await this.#toPhoto(faces, template);
    const chips = await Promise.all(transforms.map((toPhoto) => cutChip(this.#backend, photo, toPhoto, template.side)));
    return faces.map((face, k) => ({ ...face, chip: chips[k], toPhoto: transforms[k] }));
  }

  async #embed(photo: RawImage, options: EmbedOptions): Promise<EmbeddedFace[]> {
    const faces = await this.#find(photo, options);
    return this.#embedFaces(photo, options.onlyMostProminent ? mostProminent(photo, faces) : faces, options);
  }

  async #embedFaces(photo: RawImage, found: readonly Face[], options: EmbedOptions): Promise<EmbeddedFace[]> {
    const { signal, minimumQuality = 0 } = options;
    signal?.throwIfAborted();
    const judged = await Promise.all(
      found.map(async (face) => ({ ...face, quality: await this.#quality(photo, face) })),
    );
    const faces = judged.filter(({ quality }) => quality.score >= minimumQuality);
    const embedder = await this.#embedder.get();
    const transforms = await this.#toPhoto(faces, embedder.template);
    const embeddings = await embedder.embed(photo, transforms, this.#flip);
    const aligned = await this.#align(photo, faces, embedder.template);
    return aligned.map((face, k) => ({ ...face, ...embeddings[k] }));
  }
}

/** Opens something when it is first needed; where that failed, it is tried again the next time. */
class Lazy<T> {
  #opened: Promise<T> | undefined;
  readonly #open: () => Promise<T>;

  constructor(open: () => Promise<T>) {
    this.#open = open;
  }

  /** What is open already, and disposed of as if it had been opened. */
  static of<T>(value: T): Lazy<T> {
    const lazy = new Lazy(async () => value);
    lazy.get();
    return lazy;
  }

  get(): Promise<T> {
    this.#opened ??= this.#open().catch((error) => {
      this.#opened = undefined;
      throw error;
    });
    return this.#opened;
  }

  /** What is open, if anything. */
  now = async (): Promise<T | undefined> => this.#opened?.catch(() => undefined);
}

const noFaceIn = (photo: RawImage, source: ImageSource): string =>
  `${nameOf(source)} shows no face that can be found (${photo.width}x${photo.height} pixels); ` +
  'turn the face to the camera, or look closer for a small one (smallFaces, on the command line --small-faces)';
