import { SCALINGS, type Scaling } from '../../src/nn/depth-network';
import { DepthsSection } from './depths-section';
import { choice, labelled, make } from './elements';
import { LiveSection } from './live-section';
import type { Demand, ImageChoice, NetworkChoice, Reply, Request, Skips } from './messages';
import { facesPicture } from './pictures';

const SKIPS: readonly (readonly ['both' | Skips, string])[] = [
  ['both', 'with and without, side by side'],
  ['residual', 'with (residual)'],
  ['plain', 'without (plain)'],
];
const SCALING_NAMES: Record<Scaling, string> = {
  'batch-norm': 'batch norm',
  he: "He's weights, no batch norm",
  small: 'small weights, no batch norm',
};
/** Of the slider, from left to right. */
const LEARNING_RATES = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5];
const MOST_BLOCKS = 16;

/** Where files of the visitor's can be told apart by the folder that they lie in. */
const NO_PEOPLE = 'That folder holds no folders with images; put the photos of each person into a folder of their own.';

/**
 * The panel that trains a small network before one's eyes: its loss, its gradients and its first filters, plain and
 * residual. Everything is computed in a worker, training-worker.js beside this file's bundle, which is started with the
 * first request. No image leaves the browser.
 */
export function trainingPanel(root: HTMLElement): void {
  new TrainingPanel(root);
}

class TrainingPanel {
  readonly #live = new LiveSection();
  readonly #depths = new DepthsSection();
  readonly #skips = choice(SKIPS);
  readonly #scaling = choice([...SCALINGS].reverse().map((scaling) => [scaling, SCALING_NAMES[scaling]] as const));
  readonly #blocks = make('input', { type: 'range', min: '1', max: String(MOST_BLOCKS), value: '4' });
  readonly #rate = make('input', { type: 'range', min: '0', max: String(LEARNING_RATES.length - 1), value: '5' });
  readonly #until = make('input', { type: 'number', min: '1', max: '100000', value: '300' });
  readonly #seed = make('input', { type: 'number', min: '0', max: '4294967295', value: '1' });
  readonly #files = make('input', { type: 'file', multiple: true, webkitdirectory: true });
  readonly #start = make('button', { type: 'button', className: 'training-start' }, 'Start');
  readonly #reset = make('button', { type: 'button' }, 'Reset');
  readonly #measure = make('button', { type: 'button' }, 'Train at 2, 4, 8 and 16 blocks');
  readonly #status = make('p', { className: 'training-status', role: 'status' }, 'Ready. Nothing is computed yet.');
  readonly #faces = make('div', { className: 'training-images' });
  #worker: Worker | undefined;
  #images: ImageChoice | undefined;
  /** What the worker was told last of each: it is told again only when something has changed. */
  #told = { images: '', networks: '' };
  #isBusy = false;
  #run = 0;
  #device = '';

  constructor(root: HTMLElement) {
    const note = (control: HTMLInputElement, text: () => string) => {
      const output = make('output', {}, text());
      control.addEventListener('input', () => output.replaceChildren(text()));
      return output;
    };
    const drawn = make('button', { type: 'button' }, 'Drawn people');
    const form = make(
      'form',
      { className: 'training-controls' },
      fieldset(
        'Images',
        labelled('A folder with a folder for each person', this.#files),
        make('div', { className: 'training-row' }, drawn, 'or people who do not exist; no photo leaves this browser'),
      ),
      fieldset(
        'Network',
        labelled('Skips', this.#skips.element),
        labelled(
          'Depth',
          this.#blocks,
          note(this.#blocks, () => `${this.#blocks.value} blocks`),
        ),
        labelled('Signals kept at size by', this.#scaling.element),
        labelled('Seed', this.#seed),
      ),
      fieldset(
        'Learning',
        labelled(
          'Learning rate',
          this.#rate,
          note(this.#rate, () => String(this.#learningRate)),
        ),
        labelled('Stop after so many steps', this.#until),
        make('div', { className: 'training-row' }, this.#start, this.#reset),
      ),
    );
    form.addEventListener('submit', (event) => event.preventDefault());
    root.classList.add('training');
    root.append(form, this.#status, this.#faces, this.#live.element, this.#depths.element);
    this.#depths.controls.append(this.#measure);

    this.#start.addEventListener('click', () => (this.#isBusy ? this.#pause() : this.#train()));
    this.#reset.addEventListener('click', () => this.#restart('Reset to step 0.'));
    this.#measure.addEventListener('click', () => (this.#isBusy ? this.#pause() : this.#compare()));
    for (const control of [this.#skips.element, this.#scaling.element, this.#blocks, this.#seed])
      control.addEventListener('change', () => this.#restart('A new network, at step 0.'));
    this.#rate.addEventListener('input', () => {
      if (this.#worker) this.#ask({ type: 'learning-rate', learningRate: this.#learningRate });
    });
    this.#files.addEventListener('change', () => this.#chooseFiles());
    drawn.addEventListener('click', () => {
      this.#files.value = '';
      this.#images = undefined;
      this.#restart('Drawn people.');
    });
  }

  get #learningRate(): number {
    return LEARNING_RATES[this.#rate.valueAsNumber] ?? LEARNING_RATES[0];
  }

  /** A number within the bounds of its field; what is not is put right there. */
  #numberOf(field: HTMLInputElement): number {
    const value = Number.isFinite(field.valueAsNumber) ? Math.round(field.valueAsNumber) : Number(field.defaultValue);
    const bounded = Math.min(Number(field.max), Math.max(Number(field.min), value));
    field.value = String(bounded);
    return bounded;
  }

  get #network(): NetworkChoice {
    const skips = this.#skips.value();
    return {
      skips: skips === 'both' ? ['residual', 'plain'] : [skips],
      blocks: this.#blocks.valueAsNumber,
      scaling: this.#scaling.value(),
      learningRate: this.#learningRate,
      seed: this.#numberOf(this.#seed),
    };
  }

  #ask(demand: Demand): void {
    this.#worker ??= this.#startWorker();
    const request: Request = { run: this.#run, ...demand };
    this.#worker.postMessage(request);
  }

  #startWorker(): Worker {
    const worker = new Worker(new URL('./training-worker.js', import.meta.url), { type: 'module' });
    worker.addEventListener('message', ({ data }: MessageEvent<Reply>) => this.#hear(data));
    worker.addEventListener('error', ({ message }) => {
      worker.terminate();
      this.#worker = undefined;
      this.#told = { images: '', networks: '' };
      this.#rest(`The worker has failed: ${message || 'it could not be loaded'}. Reload the page if it does so again.`);
    });
    return worker;
  }

  /** Where they are not those that the worker has. */
  #askForImages(): void {
    const choice: ImageChoice = this.#images ?? { from: 'drawn', seed: this.#network.seed };
    const images = choice.from === 'drawn' ? `drawn ${choice.seed}` : 'files';
    if (this.#told.images === images) return;
    const folder = (name: string) => new URL(name, document.baseURI).href;
    this.#ask({ type: 'images', choice, folders: { weights: folder('./weights/'), models: folder('./models/') } });
    this.#told = { images, networks: '' };
  }

  /** Likewise. */
  #askForNetworks(): void {
    const { learningRate, ...network } = this.#network;
    const networks = JSON.stringify(network);
    if (this.#told.networks === networks) return;
    this.#live.clear(network.skips, network.blocks);
    this.#ask({ type: 'networks', choice: { ...network, learningRate } });
    this.#told.networks = networks;
  }

  #train(): void {
    this.#begin('Training.');
    this.#askForImages();
    this.#askForNetworks();
    this.#ask({ type: 'train', until: this.#numberOf(this.#until) });
  }

  #compare(): void {
    this.#begin('Training eight networks, 30 steps each.');
    this.#askForImages();
    const { scaling, seed, learningRate } = this.#network;
    const depths = [2, 4, 8, 16];
    this.#depths.clear(depths, SCALING_NAMES[scaling]);
    this.#ask({ type: 'depths', choice: { scaling, seed, learningRate, depths, steps: 30 } });
  }

  #pause(): void {
    this.#ask({ type: 'pause' });
  }

  /** Back to step 0, with whatever the controls say. Nothing begins before Start. */
  #restart(sentence: string): void {
    if (this.#worker) this.#ask({ type: 'pause' });
    this.#run++;
    this.#told.networks = '';
    this.#live.clear(this.#network.skips, this.#network.blocks);
    this.#rest(sentence);
  }

  #chooseFiles(): void {
    const files = [...(this.#files.files ?? [])].filter(({ type }) => type.startsWith('image/'));
    // people/Ada/1.jpg, or deeper: the person is the folder below the chosen one.
    const named = files.flatMap((file) => {
      const [, person, ...rest] = file.webkitRelativePath.split('/');
      return rest.length > 0 ? [{ person, file }] : [];
    });
    this.#told.images = '';
    this.#images = named.length > 0 ? { from: 'files', files: named } : undefined;
    this.#restart(named.length > 0 ? `${named.length} photos; they are looked at when you start.` : NO_PEOPLE);
  }

  #begin(sentence: string): void {
    this.#isBusy = true;
    this.#run++;
    this.#status.textContent = sentence;
    this.#start.textContent = 'Pause';
    this.#measure.textContent = 'Stop';
  }

  #rest(sentence: string): void {
    this.#isBusy = false;
    this.#status.textContent = `${sentence}${this.#device}`;
    this.#start.textContent = 'Start';
    this.#measure.textContent = 'Train at 2, 4, 8 and 16 blocks';
  }

  #hear(reply: Reply): void {
    if (reply.type === 'device') this.#device = ` Computed on ${reply.name}: ${reply.reason}.`;
    if (reply.type === 'images') this.#showImages(reply);
    if (reply.run !== this.#run) return;
    switch (reply.type) {
      case 'reading':
        this.#faces.replaceChildren(make('p', {}, `Looking for faces: photo ${reply.done + 1} of ${reply.total}.`));
        break;
      case 'step':
        this.#live.hear(reply);
        break;
      case 'filters':
        this.#live.showFilters(reply);
        break;
      case 'rested':
        this.#rest(restedSentence(reply));
        break;
      case 'depth-step':
      case 'depth-run':
        this.#depths.hear(reply);
        break;
      case 'depths-done':
        this.#rest(reply.isPaused ? 'Stopped.' : 'Eight networks are trained.');
        break;
      case 'error':
        this.#told = { images: '', networks: '' };
        this.#rest(reply.message);
        break;
    }
  }

  #showImages({ people, count, samples, problems }: Extract<Reply, { type: 'images' }>): void {
    this.#faces.replaceChildren(
      facesPicture(samples),
      make(
        'p',
        {},
        `${count} images of ${people.length} people${problems.length > 0 ? `; ${problems.length} photos could not be used:` : '.'}`,
      ),
      ...(problems.length > 0
        ? [make('ul', {}, ...problems.slice(0, 10).map((problem) => make('li', {}, problem)))]
        : []),
    );
  }
}

function restedSentence({ steps, isPaused, failed }: Extract<Reply, { type: 'rested' }>): string {
  const failures = failed.map((skips) => ` The ${skips} network has failed: its loss is no number any more.`);
  return `${isPaused ? 'Paused' : 'Finished'} at step ${steps}.${failures.join('')}`;
}

function fieldset(legend: string, ...content: HTMLElement[]): HTMLFieldSetElement {
  return make('fieldset', {}, make('legend', {}, legend), ...content);
}
