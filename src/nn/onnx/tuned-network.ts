import { create } from '@bufbuild/protobuf';
import { base64Decode, base64Encode } from '@bufbuild/protobuf/wire';
import type { Backend } from '../../kernels/backend';
import { type NamedValues, readSafetensors, type Safetensors } from '../../tensor/safetensors';
import { formatShape } from '../../tensor/shape';
import type { Tensor } from '../../tensor/tensor';
import { CosineClassifier } from '../cosine-classifier';
import { EmbeddingNetwork, type EmbeddingNetworkOptions } from '../embedding-network';
import { Linear } from '../layers';
import type { Birth } from '../module';
import { parsedJson } from '../parsed-json';
import type { PixelPreparation } from '../prepared-pixels';
import { elementType, isFloat, shapeOf } from './element';
import { decodeModel, FROZEN_ARCHITECTURE, freezeOnnx, inFile } from './freeze';
import { importModel, type OnnxNetwork, type OpenOnnxOptions } from './import';
import { readGraph } from './model-graph';
import { ATTRIBUTE_TYPE, DATA_TYPE, decodeOnnx, encodeOnnx, ModelProto, type OnnxModel } from './proto';

/*
 * Networks of ONNX files, learning on. A file of one is what freezeOnnx() makes, with a classifier besides: its graph is
 * in the metadata, its weights are tensors under their own names, so that whatever opens networks of others opens it too.
 */

export interface TunedNetworkOptions extends EmbeddingNetworkOptions {
  preparation: PixelPreparation;
  /** 'linear' for plain softmax; 'cosine' (unit vectors, scaled angles) for the margins of ArcFace and CosFace. */
  classifier: 'linear' | 'cosine';
  /** The length that a cosine classifier gives to its logits. */
  scale: number;
}

/** Which inputs of a node are weights that learning changes. The statistics of norms are not: they stay as they are. */
const WEIGHTS: ReadonlyMap<string, readonly number[]> = new Map([
  ['Conv', [1, 2]],
  ['ConvTranspose', [1, 2]],
  ['Gemm', [0, 1, 2]],
  ['MatMul', [0, 1]],
  ['BatchNormalization', [1, 2]],
  ['InstanceNormalization', [1, 2]],
  ['LayerNormalization', [1, 2]],
  ['PRelu', [1]],
  ['Add', [0, 1]],
  ['Mul', [0, 1]],
]);

/** What is added to every embedding, so that those of all people have the mean 0: a parameter that the file lacked. */
const CENTRE = 'embedding.centre';

/**
 * A network of an ONNX file as one that a Trainer can train, with a fresh classifier. Its convolutions, products, slopes,
 * and the scales and shifts of its norms learn; norms keep the mean and variance of the file (Ioffe and Szegedy 2015,
 * section 3.1), which small batches would only blur.
 *
 * Paths of the parameters: the names that the file has for them, embedding.centre, and the classifier's.
 */
export class TunedNetwork extends EmbeddingNetwork {
  readonly options: TunedNetworkOptions;
  readonly classifier: Linear | CosineClassifier | undefined;
  readonly #model: OnnxModel;
  readonly #centre: Tensor;
  readonly #network: OnnxNetwork;

  /**
   * @param model the graph, without the numbers of those initializers that are parameters
   * @param source for errors: the file
   */
  constructor(birth: Birth, model: OnnxModel, options: TunedNetworkOptions, source: string) {
    super();
    this.options = options;
    this.#model = model;
    const { backend } = birth;
    const learnt = learntIn(model);
    const weights = new Map<string, Tensor>();
    for (const { name, dims } of model.graph?.initializer ?? [])
      if (learnt.has(name))
        weights.set(
          name,
          this.parameter({ backend }, name, shapeOf(dims), () => 0),
        );
    const centre = weights.get(CENTRE);
    if (!centre) throw new Error(`${source}: its embeddings are not centred; train it anew from the ONNX file`);
    this.#centre = centre;
    this.#network = importModel(backend, model, weights, source);
    const { classes, classifier, embedding, scale } = options;
    if (classes > 0)
      this.classifier = this.child(
        'classifier',
        classifier === 'linear'
          ? new Linear(birth, embedding, classes)
          : new CosineClassifier(birth, embedding, classes, { scale }),
      );
  }

  get preparation(): PixelPreparation {
    return this.options.preparation;
  }

  embed(images: Tensor): Tensor {
    const [embeddings] = this.#network.forward(images);
    const [batch] = images.shape;
    const shape = [batch, this.options.embedding];
    if (formatShape(embeddings.shape) !== formatShape(shape))
      throw new Error(
        `of ${batch} images the network makes ${formatShape(embeddings.shape)}, not one embedding each: it was exported ` +
          'for a fixed number of images; export it with a dynamic batch',
      );
    return embeddings;
  }

  /** From now on the mean of all embeddings is 0. @param mean of embeddings as they are now, [embedding] numbers */
  async centre(mean: ArrayLike<number>): Promise<void> {
    const before = await this.#centre.data();
    const { backend, slot } = this.#centre;
    backend.write(
      slot,
      Float32Array.from(before, (value, k) => value - mean[k]),
    );
  }

  metadata(): Record<string, string> {
    return {
      architecture: FROZEN_ARCHITECTURE,
      graph: base64Encode(encodeOnnx(this.#model)),
      options: JSON.stringify(this.options),
    };
  }
}

/** The names of the initializers that learn: weights of some node, and nothing else of any other. */
function learntIn({ graph }: OnnxModel): Set<string> {
  const weights = new Set<string>();
  const others = new Set<string>();
  for (const { opType, input } of graph?.node ?? [])
    for (const [place, name] of input.entries()) (WEIGHTS.get(opType)?.includes(place) ? weights : others).add(name);
  const isWeight = ({ name, dataType, dims }: { name: string; dataType: number; dims: readonly bigint[] }) =>
    weights.has(name) && !others.has(name) && isFloat(elementType(dataType)) && dims.length > 0;
  return new Set(graph?.initializer.filter(isWeight).map(({ name }) => name));
}

export interface TuneOptions extends Pick<OpenOnnxOptions, 'source' | 'readExternal'> {
  /** The output that is the embedding; the others are left out. */
  output: string;
}

/**
 * A network of an ONNX file, or of a frozen one, to be trained on. Embeddings get a centre, which is 0 at first.
 *
 * @param birth `random` draws the classifier
 * @throws Error in one sentence when the file is damaged, has operators that are not known, or no weights that could learn
 */
export async function tuneOnnx(
  birth: Birth,
  bytes: Uint8Array,
  options: TunedNetworkOptions,
  { source = 'the model', readExternal, output }: TuneOptions,
): Promise<TunedNetwork> {
  const frozen = await freezeOnnx(bytes, { source, ...(readExternal && { readExternal }) });
  return inFile(source, async () => {
    const model = withCentre(decodeModel(frozen.bytes, source), output, options.embedding);
    const learnt = learntIn(model);
    if (learnt.size < 2) throw new Error('it has no float weights that could learn');
    const initial = new Map<string, NamedValues>();
    const { tensors } = readSafetensors(frozen.bytes, source);
    const centre = { shape: [options.embedding], values: new Float32Array(options.embedding) };
    for (const name of learnt) initial.set(name, tensors.get(name) ?? centre);
    for (const tensor of model.graph?.initializer ?? []) if (learnt.has(tensor.name)) tensor.rawData = new Uint8Array();
    const network = new TunedNetwork(birth, model, options, source);
    try {
      const classifier = [...(await network.state())].filter(([path]) => !learnt.has(path));
      network.load(new Map([...initial, ...classifier]), source);
    } catch (error) {
      network.dispose();
      throw error;
    }
    return network;
  });
}

/** The part of a graph that an embedding depends on, for any number of images, and the centre added to it. */
function withCentre(whole: OnnxModel, output: string, length: number): OnnxModel {
  const { graph, irVersion, opsetImport, producerName, metadataProps } = whole;
  const wanted = graph?.output.find(({ name }) => name === output);
  if (!graph || !wanted) throw new Error(`there is no output ${output}`);
  const needed = new Set(
    readGraph(create(ModelProto, { opsetImport, graph: { ...graph, output: [wanted] } })).nodes.flatMap(
      ({ output: [first] }) => first,
    ),
  );
  const node = graph.node.filter(({ output: outputs }) => outputs.some((name) => needed.has(name)));
  const read = new Set(node.flatMap(({ input }) => input));
  const initializer = graph.initializer.filter(({ name }) => read.has(name));
  const input = graph.input.filter(({ name }) => read.has(name));
  for (const { name, type } of input) {
    const sides = type?.tensorType?.shape?.dim;
    if (sides?.[0] && !initializer.some((tensor) => tensor.name === name))
      Object.assign(sides[0], { dimValue: 0n, dimParam: 'batch' });
  }
  if (initializer.some(({ name }) => name === CENTRE))
    return create(ModelProto, {
      ...{ irVersion, opsetImport, producerName, metadataProps },
      graph: { name: graph.name, node, initializer, input, output: [wanted] },
    });
  const isTaken = (name: string) => node.some(({ output: outputs }) => outputs.includes(name));
  const centred = isTaken('embedding') ? 'centred' : 'embedding';
  return create(ModelProto, {
    ...{ irVersion, opsetImport, producerName, metadataProps },
    graph: {
      name: graph.name,
      node: [
        ...node,
        {
          name: `${CENTRE}.rows`,
          opType: 'Flatten',
          input: [output],
          output: [`${CENTRE}.rows`],
          attribute: [{ name: 'axis', type: ATTRIBUTE_TYPE.int, i: 1n }],
        },
        { name: `${CENTRE}.sum`, opType: 'Add', input: [`${CENTRE}.rows`, CENTRE], output: [centred] },
      ],
      initializer: [...initializer, { name: CENTRE, dims: [BigInt(length)], dataType: DATA_TYPE.float }],
      input,
      output: [
        {
          name: centred,
          type: {
            tensorType: {
              elemType: DATA_TYPE.float,
              shape: { dim: [{ dimParam: 'batch' }, { dimValue: BigInt(length) }] },
            },
          },
        },
      ],
    },
  });
}

/** Whether a file's metadata are those of such a network. */
export const isTuned = ({ architecture, options }: Record<string, string>): boolean =>
  architecture === FROZEN_ARCHITECTURE && options !== undefined;

/**
 * The network that a safetensors file describes, with its weights.
 *
 * @param source for errors: the file
 * @throws Error in one sentence when the file is damaged
 */
export function tunedNetworkFrom(backend: Backend, { tensors, metadata }: Safetensors, source: string): TunedNetwork {
  const sentence = `${source}: does not say which options its network was tuned with`;
  const options = parsedJson(metadata.options, isOptions, sentence);
  return new TunedNetwork({ backend }, decodeOnnx(base64Decode(metadata.graph ?? '')), options, source).loaded(
    tensors,
    source,
  );
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) > 0;

function isOptions(value: unknown): value is TunedNetworkOptions {
  if (!isRecord(value) || !isRecord(value.input) || !isRecord(value.preparation)) return false;
  const { input, preparation } = value;
  return (
    [input.height, input.width, input.channels, value.embedding].every(isCount) &&
    (value.classes === 0 || isCount(value.classes)) &&
    ['linear', 'cosine'].some((known) => known === value.classifier) &&
    typeof value.scale === 'number' &&
    ['RGB', 'BGR', 'GRAY'].some((known) => known === preparation.channels) &&
    Array.isArray(preparation.range) &&
    preparation.range.length === 2 &&
    preparation.range.every(Number.isFinite) &&
    ['image', 'none'].some((known) => known === preparation.standardisation)
  );
}
