export {
  type Affine,
  type Aligner,
  ARCFACE_TEMPLATE,
  chipTransform,
  DLIB_TEMPLATE,
  type Point,
  type Template,
  umeyama,
} from './face/align';
export { type AugmentOptions, augment, NO_AUGMENT } from './face/augment';
export type { Box } from './face/boxes';
export {
  type Balance,
  balanceOf,
  type Dataset,
  DatasetError,
  type Example,
  formatBalance,
  splitDataset,
  syntheticDataset,
} from './face/dataset';
export type { DetectOptions, DetectorChoice, DetectorName } from './face/detect';
export { annotate, type Mark } from './face/draw';
export {
  chooseThresholds,
  type Embeddings,
  identificationFigures,
  type PairFigures,
  pairFigures,
  scorePairs,
} from './face/evaluate';
export { encodePng, ImageError, type ImageSource, type RawImage, readImage } from './face/image';
export type { LabelledFace } from './face/landmark-samples';
export { type LandmarkEpoch, type LandmarkSettings, LandmarkTrainer } from './face/landmark-training';
export type { LivenessFile } from './face/liveness';
export {
  drawMask,
  drawMaskOn,
  MASK_COLOURS,
  MASK_KINDS,
  MASK_PATTERNS,
  MASK_WEARINGS,
  type MaskKind,
  type MaskPattern,
  type MaskStyle,
  type MaskWearing,
  randomMask,
} from './face/mask';
export * from './face/metrics';
export type { ModelSource } from './face/model';
export type { OnnxDetectorFile } from './face/onnx-detector';
export type { OnnxEmbedderFile } from './face/onnx-embedder';
export * from './face/pipeline';
export type { PixelShape } from './face/pixels';
export { PRESETS, type Preprocessing, type PresetName } from './face/preprocessing';
export type { FaceQuality } from './face/quality';
export { type Person, syntheticPerson, syntheticPhoto } from './face/synthetic';
export { TrainingImages } from './face/training-images';
export { type Calibration, cosineSimilarity, euclideanDistance, type OperatingPoint } from './face/verify';
