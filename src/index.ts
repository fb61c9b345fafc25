export {
  type Affine,
  ARCFACE_TEMPLATE,
  chipTransform,
  DLIB_TEMPLATE,
  type Point,
  type Template,
  umeyama,
} from './face/align';
export type { Box } from './face/boxes';
export type { DetectOptions, DetectorName } from './face/detect';
export { annotate, type Mark } from './face/draw';
export { encodePng, ImageError, type ImageSource, type RawImage, readImage } from './face/image';
export type { ModelSource } from './face/model';
export * from './face/pipeline';
export { cosineSimilarity, euclideanDistance } from './face/verify';
