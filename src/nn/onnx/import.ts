import type { Backend, Precision, PrepareProgress } from '../../kernels/backend';
import type { Shape } from '../../tensor/shape';
import type { Tensor } from '../../tensor/tensor';

/** What a file says about one of its inputs or outputs. */
export interface OnnxPort {
  readonly name: string;
  /** As ONNX calls it: float32, float16, int64, uint8 and so on. Numbers are float32 here all the same. */
  readonly type: string;
  /** In the file's own layout, images [batch, channels, height, width]; null for a side that is left open. */
  readonly shape: readonly (number | null)[];
}

export interface OpenOnnxOptions {
  /** For errors: the file. */
  source?: string;
  /**
   * Reads what the file keeps its weights in besides itself: a path relative to the model's folder, with forward
   * slashes, that never leads out of it. Without it such a file is refused.
   */
  readExternal?: (path: string) => Uint8Array | Promise<Uint8Array>;
  /** The most bytes that one plan, or the constants of the file, may take. Default MEMORY_LIMIT. */
  memoryLimit?: number;
}

/** The most bytes that a plan of an imported network, or its constants, may take unless another limit is given: 2 GiB. */
export const MEMORY_LIMIT = 2 ** 31;

/** Numbers in the file's own layout: row-major, images [batch, channels, height, width]. */
export interface OnnxResult {
  readonly shape: Shape;
  readonly values: Float32Array;
}

export interface OnnxPlanOptions {
  /**
   * Inputs of rank 4 that will be handed over as [batch, height, width, channels], as all images here are: nothing is
   * then turned. Their shapes are stated in the file's layout all the same.
   */
  channelsLast?: readonly string[];
  /** The outputs that are wanted: what only others need is not computed. Default: all. */
  outputs?: readonly string[];
  precision?: Precision;
  onProgress?: PrepareProgress;
}

/** An imported network made ready for one set of input shapes. */
export interface OnnxPlan {
  /**
   * Where run() copies its inputs, each in the layout that it is handed over in; a kernel may also have written here
   * before run() is called without them.
   */
  readonly inputs: ReadonlyMap<string, Tensor>;
  /**
   * @param inputs numbers by name, each in the layout that it was asked for; an input that is left out keeps its numbers
   * @returns every output, in the file's own layout
   * @throws Error when a name or a count of numbers does not fit
   */
  run(inputs?: Readonly<Record<string, ArrayLike<number>>>): Promise<ReadonlyMap<string, OnnxResult>>;
}

/**
 * A network out of an ONNX file: opsets 6 to 21, float32; what is float16 or quantised in the file is computed in
 * float32. Its nodes are carried out by the same operations as our own networks, and fused and planned as they are.
 */
export interface OnnxNetwork {
  readonly inputs: readonly OnnxPort[];
  readonly outputs: readonly OnnxPort[];
  /** The model's metadata_props. */
  readonly metadata: ReadonlyMap<string, string>;
  /**
   * The network as a function of its one input, for compile() and whatever takes a Forward.
   *
   * @param input images [batch, height, width, channels] where the file wants [batch, channels, height, width]; else
   *   the file's layout
   * @returns its outputs, in the file's own layout and order
   * @throws Error when the network has several inputs, or the shape does not fit
   */
  forward(input: Tensor): readonly Tensor[];
  /**
   * A plan for these shapes of all inputs, in the file's layout. Asked again for the same, it gives the same plan.
   *
   * @throws Error in one sentence that names the node when the shapes do not fit the network, or it needs too much memory
   */
  prepare(shapes: Readonly<Record<string, Shape>>, options?: OnnxPlanOptions): Promise<OnnxPlan>;
  /** Frees every plan. */
  dispose(): Promise<void>;
}

/**
 * Reads an ONNX file.
 *
 * @param backend where its plans will run
 * @throws Error in one sentence when the file is damaged, has an operator that is not known (named with its node), or
 *   keeps numbers where it must not be read
 */
export async function openOnnx(
  _backend: Backend,
  _bytes: Uint8Array,
  { source = 'the model' }: OpenOnnxOptions = {},
): Promise<OnnxNetwork> {
  throw new Error(`${source}: the importer is not there yet`);
}
