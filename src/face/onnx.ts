import type { Backend } from '../kernels/backend';
import { decodeModel } from '../nn/checkpoint';
import { exportOnnx } from '../nn/onnx/export';
import { decodeModel as decodeFrozen } from '../nn/onnx/freeze';
import type { OnnxModel } from '../nn/onnx/proto';
import { TunedNetwork } from '../nn/onnx/tuned-network';
import type { Shape } from '../tensor/shape';
import { openModel } from './model';
import type { Preprocessing } from './preprocessing';
import { openPretrained } from './pretrained/networks';
import type { PretrainedName } from './pretrained/weights';

/**
 * A model of `likeness train` as ONNX. Outputs: `embedding` [batch, n], of any length, to be compared by cosine, and
 * `logits` [batch, people], unless the model names nobody. One that began as an ONNX file keeps its graph, without logits. Its metadata hold the safetensors file's (names, calibration, options) and `preprocessing`.
 *
 * @param source for errors: the file
 * @throws Error in one sentence when the file cannot be understood
 */
export async function exportModel(backend: Backend, bytes: Uint8Array, source: string): Promise<OnnxModel> {
  const { network, input, template, names } = openModel(backend, bytes, source);
  if (network instanceof TunedNetwork) {
    network.dispose();
    return decodeFrozen(bytes, source);
  }
  const { height, width, channels } = input;
  const preprocessing: Preprocessing = {
    template,
    width,
    height,
    channels: channels === 1 ? 'GRAY' : 'RGB',
    range: [0, 255],
    standardisation: 'image',
  };
  try {
    return await exportOnnx(
      backend,
      (images) => {
        const embedding = network.embed(images);
        return names.length > 0 ? [embedding, network.classify(embedding)] : [embedding];
      },
      {
        name: 'mini-resnet',
        inputShape: [height, width, channels],
        outputs: names.length > 0 ? ['embedding', 'logits'] : ['embedding'],
        parameters: () => new Map([...network.parameters(), ...network.buffers()]),
        metadata: {
          ...decodeModel(bytes, source).model.metadata,
          preprocessing: JSON.stringify(preprocessing),
        },
      },
    );
  } finally {
    network.dispose();
  }
}

interface PretrainedExport {
  name: PretrainedName;
  shape: Shape;
  template?: 'dlib';
  outputs: readonly string[];
}

/** The pretrained networks that can be exported, by the name that the command gives them. */
export const PRETRAINED_EXPORTS = {
  'face-recognition': { name: 'face_recognition', shape: [150, 150, 3], template: 'dlib', outputs: ['embedding'] },
  'face-landmarks': { name: 'face_landmark_68', shape: [112, 112, 3], outputs: ['points'] },
  'face-landmarks-tiny': { name: 'face_landmark_68_tiny', shape: [112, 112, 3], outputs: ['points'] },
  'tiny-face-detector': { name: 'tiny_face_detector', shape: [416, 416, 3], outputs: ['grid'] },
} as const satisfies Record<string, PretrainedExport>;

export type PretrainedExportName = keyof typeof PRETRAINED_EXPORTS;

/** A pretrained network as ONNX: it takes RGB from 0 to 255, and the mean is taken off inside. */
export async function exportPretrained(backend: Backend, network: PretrainedExportName): Promise<OnnxModel> {
  const known: PretrainedExport = PRETRAINED_EXPORTS[network];
  const { forward, weights } = await openPretrained(backend, known.name);
  const [height, width] = known.shape;
  const preprocessing: Preprocessing = {
    ...(known.template && { template: known.template }),
    width,
    height,
    channels: 'RGB',
    range: [0, 255],
    standardisation: 'none',
  };
  try {
    return await exportOnnx(backend, forward, {
      name: network,
      inputShape: known.shape,
      outputs: known.outputs,
      parameters: () => weights.uploaded,
      metadata: { architecture: network, preprocessing: JSON.stringify(preprocessing) },
    });
  } finally {
    weights.dispose();
  }
}
