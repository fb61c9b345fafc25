export { WeightAverage } from './average';
export { BatchNorm2d, type BatchNorm2dOptions } from './batch-norm2d';
export { decodeModel, encodeCheckpoint, encodeModel, type ModelFile, resume, type SavedTraining } from './checkpoint';
export { clipGradients } from './clip';
export { type CompileOptions, compile, type Forward, Plan } from './compile';
export { CosineClassifier, cosines } from './cosine-classifier';
export { cosineDistillation, relationalDistillation } from './distillation';
export { EmbeddingNetwork, type EmbeddingNetworkOptions } from './embedding-network';
export { evaluate, evaluateStudent, type LabelledImage, stacked } from './evaluation';
export { fromKerasResNet50, fromTorch } from './import-weights';
export {
  Conv2d,
  type Conv2dLayerOptions,
  Dropout,
  GlobalAveragePool,
  Linear,
  MaxPool2d,
  PRelu,
  Relu,
  Sequential,
} from './layers';
export {
  type ArcFaceOptions,
  arcFaceLogits,
  type CrossEntropyOptions,
  cosFaceLogits,
  countRight,
  crossEntropy,
  type Labels,
  type MarginOptions,
  semiHardTriplets,
  squaredDistances,
  type Triplet,
  tripletLoss,
} from './loss';
export { MINI_RESNET_PRESETS, MiniResNet, type MiniResNetOptions, miniResNetFrom } from './mini-resnet';
export { type Birth, Module } from './module';
export { type LayerMemory, memoryByLayer } from './operations';
export {
  AdamW,
  type AdamWOptions,
  type Decays,
  Optimizer,
  type OptimizerOptions,
  Sgd,
  type SgdOptions,
} from './optimizer';
export { Parameters } from './parameters';
export { type PixelPreparation, type Pixels, preparedPixels, STANDARDIZED, standardized } from './prepared-pixels';
export { RecordedStep, type RecordedStepOptions } from './recorded-step';
export { type BlockForm, ResidualBlock, type ResidualBlockOptions } from './residual-block';
export { KERAS_RESNET50, ResNet50, type ResNet50Options } from './resnet50';
export { balancedBatches, type Sampler, shuffledBatches } from './sampler';
export { constantRate, cosine, type Schedule, steps, warmUp } from './schedule';
export {
  type EpochRecord,
  plainData,
  Trainer,
  type TrainingData,
  type TrainingPosition,
  type TrainingProgress,
} from './trainer';
export { TRAINING_DEFAULTS, type TrainingSettings } from './training-settings';
