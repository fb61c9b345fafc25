import type { RawImage } from '../../src/face/image';
import { openPretrained, type PretrainedNetwork } from '../../src/face/pretrained/networks';
import type { Backend, Numbers } from '../../src/kernels/backend';
import { inputSlots, type Slot } from '../../src/kernels/kernel';
import { multiplyAdds } from '../../src/kernels/multiply-adds';
import { gradients, latestFirst, parameter } from '../../src/tensor/autograd';
import { multiply } from '../../src/tensor/ops/arithmetic';
import { sum } from '../../src/tensor/ops/reduce';
import { l2Normalize } from '../../src/tensor/ops/rows';
import { noGradient } from '../../src/tensor/record';
import { type Disposable, scope } from '../../src/tensor/scope';
import type { Tensor } from '../../src/tensor/tensor';
import {
  type ExplainedCall,
  type Explanation,
  explain,
  isExplained,
  type Kind,
  type MapShape,
  type Place,
} from './explain';
import { gradCam } from './grad-cam';
import { RecordingBackend } from './recording-backend';
import { type Statistics, statisticsOf } from './statistics';

/** A step of the network, and what it made of the face. */
export interface Layer {
  kind: Kind | 'picture';
  /** The part of the network that it belongs to, as the weights' names begin: conv32_1, say. */
  block: string;
  /** Of its weights, without what follows the last part that they share: conv32_1/conv1, say. */
  weights: string | undefined;
  shape: MapShape;
  /** Rows, columns and stride of the window that it slides over its input. */
  window: { height: number; width: number; stride: number } | undefined;
  /** The layers whose maps it reads, by their places. */
  inputs: number[];
  multiplyAdds: number;
  /** Where calls are carried out one after the other. */
  milliseconds: number | undefined;
}

/** What a layer computed: [height, width, channels]. */
export interface Maps {
  values: Numbers;
  shape: MapShape;
  statistics: Statistics;
}

/** The filter of one output channel: a slice for each channel of the input, [height, width, channels]. */
export type Filter = Omit<Maps, 'statistics'>;

interface Step {
  layer: Layer;
  tensor: Tensor;
  call: ExplainedCall | undefined;
}

/** The pretrained face ResNet, operation by operation, with all that it computed of one face. */
export class FaceWalk {
  readonly #backend: RecordingBackend;
  readonly #network: PretrainedNetwork;
  #steps: Step[] = [];
  #held: Disposable | undefined;
  #isWarm = false;

  private constructor(backend: RecordingBackend, network: PretrainedNetwork) {
    this.#backend = backend;
    this.#network = network;
  }

  /** Takes the backend over, and closes it with dispose(). @param weights where the weight files are */
  static async open(backend: Backend, weights?: URL): Promise<FaceWalk> {
    const recording = new RecordingBackend(backend);
    return new FaceWalk(recording, await openPretrained(recording, 'face_recognition', weights));
  }

  /**
   * Takes an aligned chip through the network. What is asked for afterwards is about this one.
   * @throws Error for a layer of a kind that nobody has explained
   */
  look(chip: RawImage): readonly Layer[] {
    this.#held?.dispose();
    const inside = scope();
    try {
      // Modules are compiled when they are first called for, which is no layer's own time.
      if (!this.#isWarm && !this.#backend.isAsynchronous) this.#warmUp(chip);
      this.#backend.takeCalls();
      const { picture, embedding } = this.#forward(chip);
      this.#steps = this.#stepsFrom(picture, embedding);
    } finally {
      this.#held = inside.detach();
    }
    return this.#steps.map(({ layer }) => layer);
  }

  #warmUp(chip: RawImage): void {
    using _ = scope();
    noGradient(() => this.#forward(chip));
    this.#isWarm = true;
  }

  #forward({ width, height, data }: RawImage) {
    const rgb = Float32Array.from({ length: 3 * width * height }, (_, k) => data[4 * Math.floor(k / 3) + (k % 3)]);
    // Gradients are wanted of what lies between: the picture is what they all depend on.
    const picture = parameter(this.#backend, rgb, [1, height, width, 3]);
    const [vector] = this.#network.forward(picture);
    return { picture, embedding: l2Normalize(vector) };
  }

  #stepsFrom(picture: Tensor, embedding: Tensor): Step[] {
    const made = new Map(latestFirst(embedding).map((tensor) => [tensor.slot, tensor]));
    const names = new Map([...this.#network.weights.uploaded].map(([path, { slot }]) => [slot, path]));
    const places = new Map<Slot, number>([[picture.slot, 0]]);
    let block = 'input';
    const first: Layer = {
      ...{ kind: 'picture' as const, block, weights: undefined, shape: shapeOf(picture), window: undefined },
      ...{ inputs: [], multiplyAdds: 0, milliseconds: undefined },
    };
    const steps: Step[] = [{ layer: first, tensor: picture, call: undefined }];
    for (const { call, milliseconds } of this.#backend.takeCalls()) {
      if (!isExplained(call)) throw new Error(`nobody has explained what the kernel ${call.kernel} does`);
      const tensor = made.get(call.outputs.output);
      if (!tensor) throw new Error(`the embedding does not depend on what ${call.kernel} computed`);
      const weights = inputSlots(call).flatMap((slot) => names.get(slot) ?? [])[0];
      block = weights?.split('/')[0] ?? (call.kernel === 'globalAveragePool' ? 'fc' : block);
      places.set(tensor.slot, steps.length);
      const layer = {
        ...{ kind: call.kernel, block, weights: weights?.split('/').slice(0, 2).join('/'), shape: shapeOf(tensor) },
        window: windowOf(call),
        inputs: inputSlots(call).flatMap((slot) => places.get(slot) ?? []),
        multiplyAdds: multiplyAdds(call),
        milliseconds,
      };
      steps.push({ layer, tensor, call });
    }
    return steps;
  }

  #step(place: number): Step {
    const step = this.#steps[place];
    if (!step) throw new Error(`there is no layer ${place}; look at a face first`);
    return step;
  }

  async maps(place: number): Promise<Maps> {
    const { tensor, layer } = this.#step(place);
    const values = await tensor.data();
    return { values, shape: layer.shape, statistics: statisticsOf(values) };
  }

  /** The filters of a convolution, one for each output channel; none of other layers. */
  async filters(place: number): Promise<Filter[]> {
    const { call } = this.#step(place);
    if (call?.kernel !== 'conv2d') return [];
    const { filterHeight: height, filterWidth: width, inChannels: channels, outChannels } = call.attributes;
    const all = await this.#backend.read(call.inputs.filter);
    return Array.from({ length: outChannels }, (_, o) => {
      const values = Float32Array.from({ length: height * width * channels }, (_, k) => all[k * outChannels + o]);
      return { shape: { height, width, channels }, values };
    });
  }

  /** How one number of a layer came about; undefined for the picture, which is given. */
  async explain(place: number, at: Place): Promise<Explanation | undefined> {
    const { call, layer } = this.#step(place);
    if (!call) return undefined;
    const slots = [...inputSlots(call), call.outputs.output];
    const read = await Promise.all(slots.map((slot) => this.#backend.read(slot)));
    const numbers = new Map(slots.map((slot, k) => [slot, read[k]]));
    return explain(call, layer.shape, at, (slot) => numbers.get(slot) ?? new Float32Array());
  }

  /**
   * What the embedding e rests on, at the places of a layer's maps: Grad-CAM of e . e0, e0 the direction of this face's own
   * embedding, held still. So y is the embedding's length, and what would make it longer along itself counts.
   * @returns [height, width], from 0
   */
  async gradCam(place: number): Promise<number[]> {
    const { tensor, layer } = this.#step(place);
    const { maps, gradient } = this.#gradientAt(tensor);
    return gradCam(await maps, await gradient, layer.shape.channels);
  }

  #gradientAt(tensor: Tensor): { maps: Promise<Numbers>; gradient: Promise<Numbers> } {
    using _ = scope();
    const embedding = this.#steps[this.#steps.length - 1].tensor;
    const vector = this.#steps[this.#steps.length - 2].tensor;
    // Without its history, or gradients() would go back through e0 as well.
    const direction = noGradient(() => embedding.reshape(...vector.shape));
    const [gradient] = gradients(sum(multiply(vector, direction)), [tensor]);
    this.#backend.takeCalls();
    return { maps: tensor.data(), gradient: gradient.data() };
  }

  async dispose(): Promise<void> {
    this.#held?.dispose();
    this.#network.weights.dispose();
    await this.#backend.close();
  }
}

function shapeOf({ shape }: Tensor): MapShape {
  const [, ...sides] = shape;
  const [height, width, channels] = sides.length === 3 ? sides : [1, 1, ...sides];
  return { height, width, channels };
}

function windowOf(call: ExplainedCall): Layer['window'] {
  if (call.kernel !== 'conv2d' && call.kernel !== 'maxPool2d' && call.kernel !== 'averagePool2d') return undefined;
  const { filterHeight: height, filterWidth: width, strideY: stride } = call.attributes;
  return { height, width, stride };
}
