/**
 * The oracle: face-api on the TensorFlow.js that comes bundled with it, on its plain JavaScript ("cpu") backend.
 * Tests compare with it; nothing under src/ may import it.
 */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { compileFunction } from 'node:vm';
import { platform } from '#platform';
import type { PretrainedName } from '../../src/face/pretrained/weights';

/** What this file uses of face-api and TensorFlow.js. */
interface FaceApi {
  tf: {
    env(): { setPlatform(name: string, functions: object): void };
    setBackend(name: 'cpu'): Promise<boolean>;
    tensor4d(values: Float32Array, shape: number[]): FaceApiTensor;
  };
  env: { createNodejsEnv(): object; setEnv(environment: object): void };
  nets: {
    tinyFaceDetector: FaceApiNetwork;
    ssdMobilenetv1: Loadable & {
      params: { output_layer: { extra_dim: FaceApiTensor } };
      forward(input: FaceApiTensor): Promise<{ boxes: FaceApiTensor[]; scores: FaceApiTensor[] }>;
    };
    faceLandmark68Net: FaceApiNetwork;
    faceLandmark68TinyNet: FaceApiNetwork;
    faceRecognitionNet: FaceApiNetwork;
  };
}

interface FaceApiTensor {
  dataSync(): Float32Array;
  dispose(): void;
}

interface Loadable {
  loadFromDisk(directory: string): Promise<void>;
}

interface FaceApiNetwork extends Loadable {
  forward(input: FaceApiTensor, side: number): Promise<FaceApiTensor>;
}

/** What a network of face-api makes of one image [1, side, side, 3], RGB 0 to 255; one array an output. */
export type FaceApiForward = (image: Float32Array, side: number) => Promise<Float32Array[]>;

/** Loads face-api's own code and its own reading of its weight files. */
export async function openFaceApi(): Promise<Record<PretrainedName, FaceApiForward>> {
  const package_ = new URL('../', platform.weightsDirectory());
  const source = await readFile(new URL('dist/face-api.js', package_), 'utf8');
  // The bundle is made for browsers, and breaks where it sees Node's `process`: it is given none.
  const api: FaceApi = compileFunction(`${source}\nreturn faceapi;`, ['process'])();
  api.env.setEnv({ ...api.env.createNodejsEnv(), readFile });
  api.tf.env().setPlatform('node', { now: () => performance.now(), isTypedArray: ArrayBuffer.isView });
  await api.tf.setBackend('cpu');

  const { tinyFaceDetector, ssdMobilenetv1, faceLandmark68Net, faceLandmark68TinyNet, faceRecognitionNet } = api.nets;
  const directory = fileURLToPath(platform.weightsDirectory());
  const networks = [tinyFaceDetector, ssdMobilenetv1, faceLandmark68Net, faceLandmark68TinyNet, faceRecognitionNet];
  for (const network of networks) await network.loadFromDisk(directory);

  const onTensor = async <T>(image: Float32Array, side: number, forward: (input: FaceApiTensor) => Promise<T>) => {
    const input = api.tf.tensor4d(image, [1, side, side, 3]);
    const output = await forward(input);
    input.dispose();
    return output;
  };
  const one =
    (network: FaceApiNetwork): FaceApiForward =>
    (image, side) =>
      onTensor(image, side, async (input) => [take(await network.forward(input, side))]);

  return {
    tiny_face_detector: one(tinyFaceDetector),
    face_landmark_68: one(faceLandmark68Net),
    face_landmark_68_tiny: one(faceLandmark68TinyNet),
    face_recognition: one(faceRecognitionNet),
    ssd_mobilenetv1: (image, side) =>
      onTensor(image, side, async (input) => {
        const { boxes, scores } = await ssdMobilenetv1.forward(input);
        const anchors = ssdMobilenetv1.params.output_layer.extra_dim.dataSync();
        return [encodeBoxes(take(boxes[0]), anchors), take(scores[0]).map((score) => Math.log(score / (1 - score)))];
      }),
  };
}

function take(tensor: FaceApiTensor): Float32Array {
  const values = tensor.dataSync();
  tensor.dispose();
  return values;
}

/** Undoes face-api's decoding: from boxes (top, left, bottom, right) back to ty, tx, th, tw relative to the anchors. */
function encodeBoxes(boxes: Float32Array, anchors: Float32Array): Float32Array {
  const encodings = new Float32Array(boxes.length);
  for (let box = 0; box < boxes.length; box += 4)
    for (const axis of [0, 1]) {
      const [low, high] = [box + axis, box + axis + 2];
      const anchorSize = anchors[high] - anchors[low];
      encodings[low] = ((boxes[low] + boxes[high] - anchors[low] - anchors[high]) / 2 / anchorSize) * 10;
      encodings[high] = Math.log((boxes[high] - boxes[low]) / anchorSize) * 5;
    }
  return encodings;
}
