import { openPretrained } from '../../src/face/pretrained/networks';
import { loadPretrained } from '../../src/face/pretrained/weights';
import type { Backend } from '../../src/kernels/backend';
import { compile } from '../../src/nn/compile';
import { transposed } from '../../src/nn/onnx/graph';
import { faceResnet } from './face-resnet';
import type { OnnxRun } from './onnxruntime';
import type { TensorFlow } from './tensorflow';

/** Computes 128 numbers for each of the chips that it was prepared for: this is what is timed. */
export type Embed = () => Promise<Float32Array>;
/** Takes `batch` chips of 150x150 RGB and brings them into the layout that it likes. */
export type FaceContender = (chips: Float32Array, batch: number) => Promise<Embed>;

export const CHIP = [150, 150, 3];
const CHIP_LENGTH = 150 * 150 * 3;
/** Of the network, for one face. */
export const FLOPS_OF_FACE = 2 * 270.8e6;

/** The same chips for everybody. */
export const drawnChips = (batch: number): Float32Array =>
  Float32Array.from({ length: batch * CHIP_LENGTH }, (_, i) => (i * 7919) % 256);

export async function likenessEmbedder(backend: Backend): Promise<FaceContender> {
  const { forward } = await openPretrained(backend, 'face_recognition');
  return async (chips, batch) => {
    const plan = await compile(backend, forward, [batch, ...CHIP]);
    return async () => {
      backend.write(plan.input.slot, chips);
      const [output] = plan.run();
      return Float32Array.from(await output.data());
    };
  };
}

/** @param folded as face-api does not do it: see faceResnet() */
export async function tensorflowEmbedder(tf: TensorFlow, folded: boolean): Promise<FaceContender> {
  const forward = faceResnet(tf, await loadPretrained('face_recognition'), folded);
  return async (chips, batch) => async () => {
    const input = tf.tensor(chips, [batch, ...CHIP]);
    const output = forward(input);
    const embeddings = await output.data();
    input.dispose();
    output.dispose();
    return embeddings;
  };
}

/** @param run a session of what exportPretrained() makes of 'face-recognition' */
export function onnxruntimeEmbedder(run: OnnxRun): FaceContender {
  const [height, width, channels] = CHIP;
  return async (chips, batch) => {
    const turned = Float32Array.from(transposed(chips, [batch, ...CHIP], [0, 3, 1, 2]));
    return async () => {
      const embeddings = (await run(turned, [batch, channels, height, width])).get('embedding');
      if (!embeddings) throw new Error('ONNX Runtime gives no embedding');
      return embeddings;
    };
  };
}
