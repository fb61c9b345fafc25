import { platform } from '#platform';
import type { Backend, Precision } from '../kernels/backend';
import { type OnnxNetwork, type OnnxPort, type OnnxResult, openOnnx } from '../nn/onnx/import';
import { scope } from '../tensor/scope';
import type { Tensor } from '../tensor/tensor';
import { type FileSource, readSource } from './file-source';
import { fingerprint } from './model';

/** Images that a plan is made for at once, largest first, where the file leaves their number open. */
const BATCHES = [8, 1];

/** What a file says about the pictures that its network looks at; null for a side that is left open. */
export interface PictureInput {
  readonly name: string;
  /** Where channels stand: [batch, channels, height, width], or as TensorFlow has it [batch, height, width, channels]. */
  readonly order: 'channels-first' | 'channels-last';
  readonly width: number | null;
  readonly height: number | null;
  readonly channels: 1 | 3;
}

export interface Size {
  width: number;
  height: number;
}

/** An output of a network for one picture. */
export interface NamedOutput extends OnnxResult {
  readonly name: string;
}

export interface ImageNetworkOptions {
  precision?: Precision | undefined;
  /** The outputs that are wanted; by default all. */
  outputs?: readonly string[];
}

/** A network of an ONNX file with pictures as its one input. */
export class ImageNetwork {
  /** For errors: the file. */
  readonly file: string;
  /** The same for the same file, with all the weights that it keeps in others. */
  readonly fingerprint: string;
  readonly input: PictureInput;
  readonly #backend: Backend;
  readonly #network: OnnxNetwork;
  readonly #precision: Precision | undefined;

  private constructor(
    backend: Backend,
    network: OnnxNetwork,
    file: { name: string; fingerprint: string; precision: Precision | undefined },
  ) {
    this.#backend = backend;
    this.#network = network;
    this.#precision = file.precision;
    this.file = file.name;
    this.fingerprint = file.fingerprint;
    this.input = pictureInput(network.inputs, file.name);
  }

  /**
   * @param what the file is called in errors, where it came without a name
   * @throws Error in one sentence when it cannot be read, is damaged, or is no network that looks at pictures
   */
  static async open(backend: Backend, source: FileSource, what: string, precision?: Precision): Promise<ImageNetwork> {
    const { bytes, name } = await readSource(source, what);
    const parts = [bytes];
    const location = typeof source === 'string' || source instanceof URL ? source : undefined;
    const readExternal = async (path: string) => {
      if (location === undefined) throw new Error(`keeps numbers in ${path}: hand it over as a path, not as bytes`);
      const external = await platform.readBeside(location, path);
      parts.push(external);
      return external;
    };
    const network = await openOnnx(backend, bytes, { source: name, readExternal });
    try {
      return new ImageNetwork(backend, network, { name, fingerprint: fingerprint(parts), precision });
    } catch (error) {
      await network.dispose();
      throw error;
    }
  }

  get outputs(): readonly OnnxPort[] {
    return this.#network.outputs;
  }

  get metadata(): ReadonlyMap<string, string> {
    return this.#network.metadata;
  }

  /** Makes ready what one picture of a size needs. */
  async prepare(size: Size, outputs?: readonly string[]): Promise<void> {
    await this.#plan(1, size, outputs);
  }

  /**
   * @param image makes picture k, [1, height, width, channels]; made inside a scope that frees it
   * @param signal looked at between batches
   * @returns for each picture, the network's outputs
   */
  async run(
    count: number,
    size: Size,
    image: (k: number) => Tensor,
    { outputs, signal }: { outputs?: readonly string[] | undefined; signal?: AbortSignal | undefined } = {},
  ): Promise<NamedOutput[][]> {
    const results: NamedOutput[][] = [];
    while (results.length < count) {
      signal?.throwIfAborted();
      const batch = BATCHES.find((most) => most <= count - results.length && (most === 1 || this.#takesBatches)) ?? 1;
      const plan = await this.#plan(batch, size, outputs);
      const input = plan.inputs.get(this.input.name);
      if (!input) throw new Error(`${this.file}: the plan has no input ${this.input.name}`);
      // Filling and running happen in one go: another caller may use the plan once we wait.
      this.#fill(input, batch, (k) => image(results.length + k));
      const found = await plan.run();
      for (let k = 0; k < batch; k++)
        results.push(Array.from(found, ([name, result]) => ({ name, ...partOf(result, k, batch) })));
    }
    return results;
  }

  /** Whether file and outputs leave open how many pictures there are: only then do outputs have a row for each. */
  get #takesBatches(): boolean {
    return [...this.#network.inputs, ...this.#network.outputs].every(({ shape }) => shape[0] === null);
  }

  #fill(input: Tensor, batch: number, image: (k: number) => Tensor): void {
    using _ = scope();
    const length = input.size / batch;
    for (let k = 0; k < batch; k++) this.#backend.copy(image(k).slot, input.slot, { length, toOffset: k * length });
  }

  #plan(batch: number, { width, height }: Size, outputs: readonly string[] | undefined) {
    const { name, order, channels } = this.input;
    const isFirst = order === 'channels-first';
    const shape = isFirst ? [batch, channels, height, width] : [batch, height, width, channels];
    return this.#network.prepare(
      { [name]: shape },
      {
        ...(isFirst && { channelsLast: [name] }),
        ...(outputs && { outputs }),
        ...(this.#precision && { precision: this.#precision }),
      },
    );
  }

  dispose = (): Promise<void> => this.#network.dispose();
}

/** Row k of an output for several pictures. */
function partOf({ shape, values }: OnnxResult, k: number, batch: number): OnnxResult {
  if (batch === 1) return { shape, values };
  const length = values.length / batch;
  return { shape: shape.with(0, 1), values: values.slice(k * length, (k + 1) * length) };
}

function pictureInput(inputs: readonly OnnxPort[], file: string): PictureInput {
  const isChannels = (side: number | null): side is 1 | 3 => side === 1 || side === 3;
  const [{ name, shape }, ...others] = inputs;
  if (others.length > 0)
    throw new Error(`${file}: has ${inputs.length} inputs; a network that looks at pictures has one`);
  const [batch, ...sides] = shape;
  if (batch !== null && batch !== 1)
    throw new Error(`${file}: looks at ${batch} pictures at once; export it for one, or for any number`);
  if (shape.length === 4) {
    const [first, second, third] = sides;
    if (isChannels(first)) return { name, order: 'channels-first', channels: first, height: second, width: third };
    if (isChannels(third)) return { name, order: 'channels-last', channels: third, height: first, width: second };
    // Where the file leaves all sides open, they are meant as ONNX's operators have them, in colour.
    if (first === null) return { name, order: 'channels-first', channels: 3, height: second, width: third };
  }
  const told = shape.map((side) => side ?? '?').join(', ');
  throw new Error(
    `${file}: its input is [${told}]; a network that looks at pictures takes [batch, 1 or 3 channels, height, width]`,
  );
}
