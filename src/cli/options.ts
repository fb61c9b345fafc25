import { InvalidArgumentError, Option } from 'commander';
import type { Aligner } from '../face/align';
import type { DetectOptions, DetectorChoice } from '../face/detect';
import type { PointLoss } from '../face/landmark-training';
import { MASK_COLOURS, MASK_KINDS, MASK_PATTERNS, MASK_WEARINGS } from '../face/mask';
import type { PipelineOptions } from '../face/pipeline';
import { PRESET_NAMES, type PresetName } from '../face/preprocessing';
import type { Colour } from '../face/synthetic-paint';
import type { Device } from '../tensor/device';
import { UserError } from './output';
import { cachedTiles } from './tiles';

/** What every command is given, as commander hands it over. */
export interface CommonOptions {
  json: boolean;
  debug: boolean;
  device: Device;
  threads?: number;
}

/** An embedding network of an ONNX file. */
export interface EmbedderOptions {
  embedder?: string;
  template?: PresetName;
  channels?: 'RGB' | 'BGR';
  range?: [lowest: number, highest: number];
}

/** A network of an ONNX file that tells living faces from pictures of faces. */
export interface LivenessOptions {
  liveness?: string;
  livenessThreshold?: number;
  livenessCrop?: number;
}

export interface PhotoOptions extends CommonOptions, LivenessOptions {
  detector: DetectorChoice;
  cascade?: string;
  aligner?: Aligner;
  minimumScore?: number;
  smallFaces: boolean;
  out?: string;
  progress: boolean;
  model?: string;
  half?: boolean;
}

export interface EmbedOptions extends PhotoOptions, EmbedderOptions {
  flip: boolean;
}

/** A number that must lie in a range, both ends included. */
export function number(lowest: number, highest: number, isWhole = false) {
  return (text: string): number => {
    const value = text.trim() === '' ? Number.NaN : Number(text);
    if (!(value >= lowest && value <= highest) || (isWhole && !Number.isInteger(value)))
      throw new InvalidArgumentError(`It must be a ${isWhole ? 'whole ' : ''}number from ${lowest} to ${highest}.`);
    return value;
  };
}

function detectorOf(text: string): DetectorChoice {
  if (text === 'tiny' || text === 'ssd' || text === 'haar') return text;
  if (/\.(onnx|safetensors)$/i.test(text)) return { onnx: text };
  throw new InvalidArgumentError('It must be tiny, ssd, haar, or an ONNX file that ends in .onnx or .safetensors.');
}

function rangeOf(text: string): [number, number] {
  const ends = text.split(',').map((end) => (end.trim() === '' ? Number.NaN : Number(end)));
  const [lowest, highest] = ends;
  if (ends.length !== 2 || !ends.every(Number.isFinite) || lowest === highest)
    throw new InvalidArgumentError('It must be two numbers, such as -1,1.');
  return [lowest, highest];
}

export const deviceOption = () =>
  new Option('--device <name>', 'where to compute')
    .choices(['auto', 'webgpu', 'wasm', 'reference'])
    .default('auto', 'auto: a real GPU, else wasm');

export const jsonOption = () =>
  new Option('--json', 'print one JSON document and nothing else').default(false, 'a table');

export const debugOption = () => new Option('--debug', 'tell where an error comes from').default(false, 'one sentence');

export const commonOptions = () => [
  jsonOption(),
  deviceOption(),
  new Option('--threads <count>', 'threads of wasm (default: one for each core)').argParser(number(1, 256, true)),
  debugOption(),
];

export const photoOptions = () => [
  ...commonOptions(),
  new Option(
    '--detector <name>',
    'tiny is fast, ssd finds more, haar is the classic cascade; or an ONNX file: SCRFD, YuNet, UltraFace, YOLO-face',
  )
    .argParser(detectorOf)
    .default('tiny'),
  new Option('--cascade <file>', "OpenCV's XML file, for haar: haarcascade_frontalface_alt2.xml"),
  new Option('--aligner <name>', 'what faces are aligned by: five of 68 landmarks, or our own five points')
    .choices(['sixty-eight', 'five'])
    .default(undefined, 'sixty-eight; the points of a detector that finds them'),
  new Option('--minimum-score <number>', 'leave out faces that are less sure than this')
    .argParser(number(0, 1))
    .default(undefined, '0.5, and where none is that sure, the surest from 0.3 on'),
  new Option('--small-faces', 'look closer for small faces: slower').default(false, 'no'),
  new Option('--no-progress', 'no progress bar'),
];

/** A name of MASK_COLOURS, or red, green and blue as in #3a7bd5. */
function maskColour(text: string): Colour {
  const named = Object.hasOwn(MASK_COLOURS, text) ? MASK_COLOURS[text] : undefined;
  if (named) return named;
  if (!/^#[0-9a-f]{6}$/i.test(text))
    throw new InvalidArgumentError(`It must be one of ${Object.keys(MASK_COLOURS).join(', ')}, or like #3a7bd5.`);
  const part = (at: number) => Number.parseInt(text.slice(at, at + 2), 16) / 255;
  return [part(1), part(3), part(5)];
}

export const maskOptions = () => [
  ...photoOptions(),
  outOption('write the photos with their faces masked: a folder, or a .png file for one photo').makeOptionMandatory(),
  new Option('--kind <name>', 'what kind of mask').choices([...MASK_KINDS, 'random']).default('random'),
  new Option('--wearing <name>', 'full: over nose and mouth; nose: under the nose; chin: under the chin')
    .choices([...MASK_WEARINGS, 'random'])
    .default('full'),
  new Option('--color <name>', `${Object.keys(MASK_COLOURS).join(', ')}, or like #3a7bd5`)
    .argParser(maskColour)
    .default(undefined, 'one that the kind is often seen in'),
  new Option('--pattern <name>', 'what is printed on it')
    .choices(MASK_PATTERNS)
    .default(undefined, 'mostly plain, of cloth often another'),
  new Option('--seed <number>', 'another gives other masks').argParser(number(0, 2 ** 32 - 1, true)).default(1),
];

/** Under the help of `likeness mask`. */
export const MASK_EXAMPLES = `
Examples:
  likeness mask photo.jpg --out masked.png                    a mask of any kind on every face
  likeness mask photo.jpg --kind n95 --out masked.png
  likeness mask crowd.jpg --small-faces --out masked.png
  likeness mask *.jpg --kind cloth --pattern checks --color navy --out masked
  likeness mask photo.jpg --kind surgical --wearing chin --color '#3a7bd5' --out masked.png
  likeness mask photo.jpg --seed 7 --json --out masked.png    which mask each face was given

What is not asked for is drawn by chance; the same seed gives the same photo the same masks.`;

/** How a network of an ONNX file wants its faces. @param of the option that names it */
const preparationOptions = (of: string) => [
  new Option('--template <family>', `how ${of} wants its faces, where its file does not say so`).choices(PRESET_NAMES),
  new Option('--channels <order>', `colours of ${of}, in place of the family's`).choices(['RGB', 'BGR']),
  new Option('--range <lowest,highest>', `what 0 and 255 become for ${of}, in place of the family's`).argParser(
    rangeOf,
  ),
];

export const trainingOptions = () => [
  ...commonOptions(),
  new Option(
    '--task <name>',
    'people: who it is; landmarks: five points of a face, of a folder with images/ and points.csv',
  )
    .choices(['people', 'landmarks'])
    .default('people'),
  new Option('--out <path>', 'where to write the model').makeOptionMandatory(),
  new Option(
    '--preset <name>',
    'tiny: 0.3 million weights, grey 48 x 56 pixels; small: 1.2 million, 48 x 48 in colour; default: 2.8 million, 112 x 112 in colour',
  )
    .choices(['tiny', 'small', 'default'])
    .default('tiny'),
  new Option('--size <pixels>', 'the side of the square that the network sees').argParser(number(16, 512, true)),
  new Option('--teacher [name]', "learn the pretrained face ResNet's embeddings of the photos, in place of names")
    .choices(['face-resnet'])
    .preset('face-resnet'),
  new Option('--teacher-weight <number>', 'what the cosine to them is worth (default: 1)').argParser(number(0, 1000)),
  new Option('--relation-weight <number>', 'what their cosines to one another are worth (default: 4)').argParser(
    number(0, 1000),
  ),
  new Option('--identity-weight <number>', 'what telling names is worth (with a teacher: 0)').argParser(
    number(0, 1000),
  ),
  new Option('--focus <part>', 'upper: see faces from the hair to the tip of the nose, what a mask leaves')
    .choices(['whole', 'upper'])
    .default('whole'),
  new Option('--masks <share>', 'draw masks on so many of the training images; a teacher sees them without')
    .argParser(number(0, 1))
    .default(0),
  new Option('--start <model>', 'begin with the weights of a model, which may see images of another size').conflicts([
    'form',
    'plain',
  ]),
  new Option('--from <model.onnx>', 'train an embedding network of an ONNX file on, with a fresh classifier').conflicts(
    [...['preset', 'start', 'size', 'form', 'plain', 'focus']],
  ),
  ...preparationOptions('--from'),
  new Option('--seed <number>', 'another gives other first weights and another order')
    .argParser(number(0, 2 ** 32 - 1, true))
    .default(1),
  new Option('--epochs <count>', 'how many times to see every image').argParser(number(1, 100_000, true)),
  new Option('--batch <count>', 'images a step').argParser(number(2, 4096, true)),
  new Option('--aligned', 'the pictures are faces already: cut to shape, not searched'),
  new Option('--train-first <count>', 'train on so many images of each person, in the order of their names').argParser(
    number(1, 1_000_000, true),
  ),
  new Option('--loss <name>', "arcface and cosface keep the right person's angle at a distance, the margin")
    .choices(['softmax', 'arcface', 'cosface'])
    .default(undefined, 'arcface for tiny, softmax for default'),
  new Option('--point-loss <name>', 'what the learning of landmarks makes small')
    .choices(['distance', 'squared', 'absolute', 'wing'] satisfies PointLoss[])
    .default(undefined, 'distance, which is what evaluate measures'),
  new Option('--margin <number>', 'of arcface (an angle, in radians) and cosface (a cosine)')
    .argParser(number(0, 1))
    .default(undefined, 'of the preset: 0.2 and 0.3'),
  new Option('--triplet <weight>', 'add the triplet loss with semi-hard mining, worth so much').argParser(
    number(0, 100),
  ),
  new Option('--images-each <count>', 'balanced batches: so many images of each person in a batch').argParser(
    number(1, 4096, true),
  ),
  new Option('--optimizer <name>', 'sgd has momentum and looks ahead').choices(['sgd', 'adamw']),
  new Option('--learning-rate <number>', 'the highest, after warming up').argParser(number(1e-9, 100)),
  halfOption('train in mixed precision, 16 and 32 bits a number, on a GPU that can'),
  new Option('--average <decay>', 'evaluate and save a moving average of the weights, say 0.99').argParser(
    number(0, 1),
  ),
  new Option('--form <name>', 'where batch norm and ReLU stand in a residual block').choices([
    'article',
    'post-activation',
    'pre-activation',
  ]),
  new Option('--plain', 'leave out the skips, to see what they are for'),
  new Option('--profile', 'print the memory of a step and the layers that hold it'),
  new Option('--save-every <steps>', 'how often to save what --resume goes on from')
    .argParser(number(1, 1_000_000, true))
    .default(200),
  new Option('--resume', 'go on where --out stands, with its settings'),
  new Option('--no-progress', 'no progress bar'),
];

/** Under the help of `likeness train`. */
export const TRAINING_EXAMPLES = `
Examples:
  likeness train people --out model.safetensors             people/Ada/1.jpg, people/Ben/1.jpg and so on
  likeness train --out model.safetensors                    forty drawn people, to try it
  likeness train people --out model.safetensors --resume    go on after Ctrl-C or a crash
  likeness train people --out big.safetensors --preset default --epochs 90
  likeness train people --out arc.safetensors --loss arcface --margin 0.4 --images-each 4
  likeness train --out plain.safetensors --plain --profile
  likeness train people more --teacher --preset small --masks 0.3 --out student.safetensors
  likeness train people --teacher --start student.safetensors --size 96 --out larger.safetensors
  likeness train people --focus upper --out eyes.safetensors
  likeness train people --from arcface.onnx --template arcface --loss arcface --out ours.safetensors
  likeness train points5/train --task landmarks --out landmarks.safetensors
  likeness train chips --aligned --train-first 5 --out model.safetensors --json > figures.json

Of each person four fifths of the images are trained on and the others tested; with --teacher, a fortieth of the people
is held back as a whole. The teacher's embeddings are kept with those of likeness evaluate. Beside model.safetensors come
model.html, which shows how the training went and who is mistaken for whom, and its curves as model.svg.
Then: likeness identify photo.jpg --model model.safetensors`;

export const benchOptions = () => [
  ...commonOptions(),
  new Option('--task <name>', 'only this').choices(['face-resnet', 'mini-resnet', 'train-step', 'gemm', 'conv']),
  new Option('--batch <count>', 'images at once (default: 1 and 32; in training 32); products have none').argParser(
    number(1, 4096, true),
  ),
  new Option('--seconds <number>', 'how long to measure each').argParser(number(0.001, 3600)).default(1),
  new Option('--compare', 'GPU against CPU against plain loops, in one table'),
  new Option('--out <path>', 'of --compare: write its chart, as .html or .svg'),
  new Option('--profile', 'where the time goes on the GPU, kernel by kernel').conflicts(['compare', 'tune']),
  new Option('--tune', 'find the fastest tiles on this GPU, and use them from now on').conflicts('compare'),
  new Option('--half', 'the networks and their training with 16 bits a number, on a GPU that can').conflicts([
    'compare',
    'tune',
  ]),
  new Option('--no-progress', 'nothing on stderr while it measures'),
];

/** Under the help of `likeness bench`. */
export const BENCH_EXAMPLES = `
Examples:
  likeness bench                                    everything, in about a minute and a half
  likeness bench --task face-resnet --threads 1     what one core does, batch 1 and 32
  likeness bench --task train-step --batch 16
  likeness bench --task conv --batch 8 --seconds 3
  likeness bench --device webgpu --json > bench.json
  likeness bench --compare --out compare.html       GPU, CPU and plain loops side by side
  likeness bench --compare --task train-step --batch 8
  likeness bench --profile --task train-step        which kernels take how long on the GPU
  likeness bench --tune                             once on a new graphics card

face-resnet is the pretrained network at 150 x 150, mini-resnet what likeness train makes (preset default, 112 x 112),
train-step a step of its training, gemm some products of matrices, conv single 3x3 layers of both networks. Times are
medians for the whole batch, after warming up; GFLOP/s count two for each multiply-add of the textbook's sums.
--json prints [{ task, title, device, threads, batch, milliseconds, gflops, imagesPerSecond, multiplyAdds,
fractionOfPeak, turns }].

--compare leaves out what a slow device would take long for, and says so; a GPU in software takes part only with
--device webgpu. --profile measures, in the same run, what the GPU reaches in a large product and in a large copy, and
tells each kernel's share of both; where the device takes no timestamps it prints counts and the times that the
ceilings allow. --tune keeps its choices in a file for each graphics card, and prints where.`;

export const exportOptions = () => [
  jsonOption(),
  debugOption(),
  new Option('--onnx <path>', 'where to write the file').makeOptionMandatory(),
  new Option('--network <name>', 'a pretrained network, in place of a model').choices([
    'face-recognition',
    'face-landmarks',
    'face-landmarks-tiny',
    'tiny-face-detector',
  ]),
];

/** Under the help of `likeness export`. */
export const EXPORT_EXAMPLES = `
Examples:
  likeness export model.safetensors --onnx model.onnx
  likeness export --network face-recognition --onnx dlib.onnx
  likeness export model.safetensors --onnx model.onnx --json

The file is ONNX IR 8, opset 17, float32. Its input is 'input' [batch, channels, height, width], any batch. A model's
outputs are 'embedding', to be compared by cosine, and 'logits', one for each person. Its metadata say how to prepare
a face ('preprocessing', as JSON), who the people are ('names'), and the threshold of verify ('calibration').`;

export const halfOption = (what = 'compute with 16 bits a number, on a GPU that can') => new Option('--half', what);

export const noFlipOption = () =>
  new Option('--no-flip', 'embed each face as it is, without its mirror image: twice as fast, a little less accurate');

export const modelOption = (description = 'a model that likeness train wrote, in place of the pretrained network') =>
  new Option('--model <path>', description);

export const embedderOptions = () => [
  new Option('--embedder <file>', 'a network of an ONNX file, in place of the pretrained network').conflicts('model'),
  ...preparationOptions('--embedder'),
];

export const livenessOptions = () => [
  new Option('--liveness <file>', 'a network of an ONNX file that tells living faces from pictures of faces'),
  new Option('--liveness-threshold <score>', 'least score of a living face')
    .argParser(number(0, 1))
    .default(undefined, '0.5'),
  new Option('--liveness-crop <factor>', 'how many times as large as the face is what --liveness sees')
    .argParser(number(1, 10))
    .default(undefined, '2.7, or what the name of the file begins with'),
];

export const thresholdOption = () =>
  new Option('--threshold <distance>', 'largest distance that counts as the same person').argParser(number(0, 2));

export const falseMatchRateOption = () =>
  new Option('--false-match-rate <share>', "take the model's threshold for this share of false matches, say 0.001")
    .argParser(number(0, 1))
    .conflicts('threshold');

export const outOption = (description: string) => new Option('--out <path>', description);

/** @throws UserError when it is said how faces are to be prepared, but not for which network */
function embedderFile({ embedder, template, channels, range }: EmbedderOptions): Pick<PipelineOptions, 'embedder'> {
  if (embedder === undefined) {
    const told = template ? '--template' : channels ? '--channels' : range ? '--range' : undefined;
    if (told) throw new UserError(`${told} is of a network that --embedder names; add it`);
    return {};
  }
  return {
    embedder: { onnx: embedder, ...(template && { template }), ...(channels && { channels }), ...(range && { range }) },
  };
}

/** @throws UserError when it is said how, but not by which network */
function livenessFile(options: LivenessOptions): Pick<PipelineOptions, 'liveness'> {
  const { liveness, livenessThreshold: threshold, livenessCrop: crop } = options;
  if (liveness === undefined) {
    if (threshold === undefined && crop === undefined) return {};
    throw new UserError(
      `--liveness-${crop === undefined ? 'threshold' : 'crop'} is of a network that --liveness names`,
    );
  }
  return { liveness: { onnx: liveness, ...(threshold !== undefined && { threshold }), ...(crop && { crop }) } };
}

export const pipelineOptions = (options: PhotoOptions & EmbedderOptions & { flip?: boolean }): PipelineOptions => ({
  ...embedderFile(options),
  ...livenessFile(options),
  device: options.device,
  detector: options.detector,
  tiles: cachedTiles,
  ...(options.cascade === undefined ? {} : { cascade: options.cascade }),
  ...(options.aligner === undefined ? {} : { aligner: options.aligner }),
  ...(options.threads === undefined ? {} : { threads: options.threads }),
  ...(options.flip === undefined ? {} : { flip: options.flip }),
  ...(options.model === undefined ? {} : { model: options.model }),
  ...(options.half ? { precision: 'half' } : {}),
});

export const detectOptions = (options: PhotoOptions, signal: AbortSignal): DetectOptions => ({
  ...(options.minimumScore !== undefined && { minimumScore: options.minimumScore }),
  smallFaces: options.smallFaces,
  signal,
});
