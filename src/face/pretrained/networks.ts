import type { Backend } from '../../kernels/backend';
import type { Forward } from '../../nn/compile';
import { Parameters } from '../../nn/parameters';
import { faceLandmarks68, faceLandmarks68Tiny, LANDMARK_MEAN } from './face-landmarks';
import { faceRecognition, RECOGNITION_MEAN } from './face-recognition';
import { meanWeights } from './normalize';
import { ssdMobilenet } from './ssd-mobilenet';
import { TINY_MEAN, tinyFaceDetector } from './tiny-face-detector';
import { loadPretrained, type PretrainedName } from './weights';

interface Architecture {
  network: (weights: Parameters) => Forward;
  /** Mean of red, green and blue that is taken off, where the network has one. */
  mean?: readonly number[];
}

export const ARCHITECTURES: Record<PretrainedName, Architecture> = {
  tiny_face_detector: { network: tinyFaceDetector, mean: TINY_MEAN },
  ssd_mobilenetv1: { network: ssdMobilenet },
  face_landmark_68: { network: faceLandmarks68, mean: LANDMARK_MEAN },
  face_landmark_68_tiny: { network: faceLandmarks68Tiny, mean: LANDMARK_MEAN },
  face_recognition: { network: faceRecognition, mean: RECOGNITION_MEAN },
};

export interface PretrainedNetwork {
  name: PretrainedName;
  forward: Forward;
  weights: Parameters;
}

/** Reads a pretrained network's weights; each reaches the backend when a forward pass first asks for it. */
export async function openPretrained(
  backend: Backend,
  name: PretrainedName,
  directory?: URL,
): Promise<PretrainedNetwork> {
  const { network, mean } = ARCHITECTURES[name];
  const values = await loadPretrained(name, directory);
  for (const [key, value] of mean ? meanWeights(mean) : []) values.set(key, value);
  const weights = new Parameters(backend, values);
  return { name, forward: network(weights), weights };
}
