import { syntheticDataset } from '../../src/face/dataset';
import type { RawImage } from '../../src/face/image';
import type { Backend } from '../../src/kernels/backend';
import { studyDepths } from '../../src/nn/depth-study';
import { DepthTraining } from '../../src/nn/depth-training';
import { type OpenedDevice, openDevice } from '../../src/tensor/device';
import type { Answer, DepthChoice, ImageChoice, NetworkChoice, Reply, Request, Skips, WeightFolders } from './messages';
import type { Images } from './own-images';

/** What every training of the panel has in common. */
export const TRAINING = {
  shape: { height: 24, width: 24, channels: 3 },
  drawn: { people: 10, imagesEach: 16 },
  channels: 16,
  batchSize: 16,
  momentum: 0.9,
} as const;

/** Milliseconds from one look at the gradients and filters to the next: the steps between them read two numbers only. */
const MILLISECONDS_BETWEEN_LOOKS = 150;
const SAMPLES = 12;

/** Trains what the page asks for and tells it, a step at a time. Knows nothing of workers. */
export class TrainingSession {
  readonly #post: (reply: Reply) => void;
  readonly #threads: number;
  #device: Promise<OpenedDevice> | undefined;
  #images: Images | undefined;
  #networks: { skips: Skips; training: DepthTraining; hasFailed: boolean }[] = [];
  #work: Promise<void> = Promise.resolve();
  #run = { number: 0, stop: new AbortController() };
  /** The run of the request that is being answered. */
  #answered = 0;

  /** @param threads of wasm */
  constructor(post: (reply: Reply) => void, threads: number) {
    this.#post = post;
    this.#threads = threads;
  }

  /** Resolves when the request is answered. */
  handle(request: Request): Promise<void> {
    if (request.type === 'learning-rate') {
      for (const { training } of this.#networks) training.learningRate = request.learningRate;
      return Promise.resolve();
    }
    if (request.type === 'pause' || request.run !== this.#run.number) {
      this.#run.stop.abort();
      this.#run = { number: request.run, stop: new AbortController() };
    }
    if (request.type === 'pause') return this.#work;
    const run = this.#run;
    this.#work = this.#work
      .then(() => this.#answer(request, run.stop.signal))
      .catch((error) => {
        if (run.stop.signal.aborted) return;
        run.stop.abort(); // what was asked for after it rests on it
        this.#reply({ type: 'error', message: error instanceof Error ? error.message : String(error) });
      });
    return this.#work;
  }

  async #answer(request: Exclude<Request, { type: 'pause' | 'learning-rate' }>, signal: AbortSignal): Promise<void> {
    this.#answered = request.run;
    signal.throwIfAborted();
    const backend = await this.#open();
    if (request.type === 'images') await this.#read(request.choice, request.folders, backend, signal);
    else if (request.type === 'networks') await this.#build(request.choice, backend);
    else if (request.type === 'train') await this.#train(request.until, signal);
    else await this.#study(request.choice, backend, signal);
  }

  #reply(answer: Answer): void {
    this.#post({ run: this.#answered, ...answer });
  }

  async #open(): Promise<Backend> {
    if (!this.#device) {
      this.#device = openDevice('auto', { threads: this.#threads });
      const { backend, reason } = await this.#device;
      this.#reply({ type: 'device', name: backend.name, description: backend.description, reason });
    }
    return (await this.#device).backend;
  }

  async #read(choice: ImageChoice, folders: WeightFolders, backend: Backend, signal: AbortSignal): Promise<void> {
    const { shape } = TRAINING;
    const onProgress = (done: number, total: number) => this.#reply({ type: 'reading', done, total });
    const read =
      choice.from === 'drawn'
        ? drawnImages(choice.seed)
        : await (await import('./own-images')).readOwnImages(choice, {
            shape,
            ...folders,
            device: backend.name,
            signal,
            onProgress,
          });
    this.#images = read;
    const { people, images, problems } = read;
    const every = Math.max(1, Math.floor(images.length / SAMPLES));
    const samples = images.filter((_, k) => k % every === 0).slice(0, SAMPLES);
    this.#reply({
      type: 'images',
      people,
      count: images.length,
      samples: samples.map(({ pixels }) => rawImage(pixels)),
      problems,
    });
  }

  #expectImages(): Images {
    if (!this.#images) throw new Error('Choose images first.');
    return this.#images;
  }

  async #build({ skips, blocks, scaling, learningRate, seed }: NetworkChoice, backend: Backend): Promise<void> {
    const { people, images } = this.#expectImages();
    for (const { training } of this.#networks.splice(0)) training.dispose();
    const { shape: input, channels, batchSize, momentum } = TRAINING;
    for (const kind of skips) {
      const training = new DepthTraining(backend, images, {
        ...{ input, channels, classes: people.length, blocks, scaling, plain: kind === 'plain' },
        ...{ seed, batchSize, learningRate, momentum },
      });
      this.#networks.push({ skips: kind, training, hasFailed: false });
      await this.#tellFilters(kind, training);
    }
  }

  async #train(until: number, signal: AbortSignal): Promise<void> {
    let looked = Number.NEGATIVE_INFINITY;
    const unfinished = () => this.#networks.filter(({ training, hasFailed }) => !hasFailed && training.steps < until);
    for (let turn = unfinished(); turn.length > 0 && !signal.aborted; turn = unfinished()) {
      const measured = performance.now() - looked > MILLISECONDS_BETWEEN_LOOKS;
      if (measured) looked = performance.now();
      for (const network of turn) {
        const { skips, training } = network;
        const isLast = training.steps + 1 === until;
        const step = await training.step({ measured: measured || isLast });
        network.hasFailed = !Number.isFinite(step.loss);
        this.#reply({ type: 'step', skips, step });
        if (measured || isLast) await this.#tellFilters(skips, training);
      }
      await new Promise((done) => setTimeout(done)); // other requests are heard here
    }
    const steps = Math.max(0, ...this.#networks.map(({ training }) => training.steps));
    const failed = this.#networks.filter(({ hasFailed }) => hasFailed).map(({ skips }) => skips);
    this.#reply({ type: 'rested', steps, isPaused: unfinished().length > 0, failed });
  }

  async #tellFilters(skips: Skips, { network: { stem } }: DepthTraining): Promise<void> {
    const [size, , channels, count] = stem.weight.shape;
    const values = Float32Array.from(await stem.weight.data());
    this.#reply({ type: 'filters', skips, filters: { values, size, channels, count } });
  }

  async #study(choice: DepthChoice, backend: Backend, signal: AbortSignal): Promise<void> {
    const { people, images } = this.#expectImages();
    const { depths, scaling, seed, steps, learningRate } = choice;
    const { shape: input, channels, batchSize, momentum } = TRAINING;
    const options = {
      ...{ input, channels, classes: people.length, scalings: [scaling], depths, seeds: [seed] },
      ...{ steps, batchSize, learningRate, momentum },
    };
    try {
      await studyDepths(backend, images, options, {
        signal,
        onStep: (step, of) => this.#reply({ type: 'depth-step', step, steps: of }),
        onRun: (network) => this.#reply({ type: 'depth-run', network }),
      });
    } finally {
      this.#reply({ type: 'depths-done', isPaused: signal.aborted });
    }
  }
}

/** The very images of `likeness study gradients --seed`. */
function drawnImages(seed: number): Images {
  const { names, examples } = syntheticDataset({ ...TRAINING.shape, ...TRAINING.drawn, seed });
  return { people: names, images: examples, problems: [] };
}

function rawImage(pixels: ArrayLike<number>): RawImage {
  const { height, width, channels } = TRAINING.shape;
  const data = new Uint8Array(4 * height * width).fill(255);
  for (let pixel = 0; pixel < height * width; pixel++)
    for (let c = 0; c < channels; c++) data[4 * pixel + c] = pixels[channels * pixel + c];
  return { width, height, data };
}
