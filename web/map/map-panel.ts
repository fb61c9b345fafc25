import type { Remote } from 'comlink';
import { button, choice, html, inPercent, listen, messageOf, slider } from '../dom';
import { startWorker } from '../faces';
import { latestOnly } from '../panel';
import type { Mapping } from '../workers/map-worker';
import { faceTable, groupList, membersOf, nearestList } from './face-details';
import { FaceMap } from './face-map';
import { drawnFaces, droppedFiles, facesOf, type MappedFace, type Source } from './found-faces';
import { type Grouping, nearest } from './neighbours';
import { FEWEST_FOR_UMAP, type Place, type Places } from './places';

/** Eight people, five photos each. */
const DRAWN = { people: [25, 26, 27, 28, 29, 30, 31, 32], shots: 5 };
/** Distances of all pairs are compared, again and again while a slider moves. */
const MOST_FACES = 1000;
const NEAREST = 6;
const MOST_PROBLEMS = 5;

const WAYS = { pca: 'PCA', umap: 'UMAP' } as const;
type Way = keyof typeof WAYS;
const CAPTIONS: Record<Way, (places: Places) => string> = {
  pca: ({ explained }) =>
    explained
      ? `Seen from where the faces differ most: this plane shows ${inPercent(explained.both)} of the variance of the ` +
        `128 numbers, ${inPercent(explained.first)} across and ${inPercent(explained.second)} up. What is far apart here ` +
        'is far apart; what is close may only look so.'
      : 'Nothing differs here.',
  umap: () =>
    'Bent so that neighbours stay together: who is beside whom means something, how far apart the heaps lie does not. ' +
    'Its random numbers are seeded, so that the same faces give the same map.',
};

/** Faces of many photos as points of a plane, with their neighbours and groups. */
export class MapPanel {
  readonly #root: HTMLElement;
  readonly #faces: MappedFace[] = [];
  readonly #map = new FaceMap((face) => this.#show(face));
  readonly #way = choice(
    'Map by',
    Object.keys(WAYS).filter((way): way is Way => way in WAYS),
    () => this.#layOut(),
    (way) => WAYS[way],
  );
  readonly #threshold = slider(
    'Threshold',
    { min: 0.1, max: 0.6, step: 0.001, value: 0.338 },
    () => this.#group(),
    (value) => value.toFixed(3),
  );
  readonly #cancel = button('Cancel', () => this.#reading?.abort());
  readonly #progress = html('progress', { 'aria-label': 'Photos that were looked at', max: 1, value: 0 });
  readonly #status = html(
    'p',
    { role: 'status', class: 'map-status' },
    'No photo was looked at yet. All of it happens in this browser.',
  );
  readonly #problems = html('ul', { class: 'problem' });
  readonly #caption = html('figcaption');
  readonly #near = html('div', { id: 'map-near' });
  readonly #groups = html('div', { id: 'map-groups' });
  readonly #list = html('details', { class: 'map-list' }, html('summary', {}, 'All faces as a list'));
  readonly #found: HTMLElement;
  #reading: AbortController | undefined;
  #mapping: Remote<Mapping> | undefined;
  #grouping: Grouping | undefined;
  /** Of the faces as they are, by the way they were made. */
  readonly #made = new Map<Way, Places>();

  constructor(root: HTMLElement) {
    this.#root = root;
    const picker = (label: string, properties: Record<string, string | boolean>) => {
      const input = html('input', { type: 'file', class: 'file', multiple: true, ...properties });
      listen(input, 'change', () => {
        if (input.files && input.files.length > 0) this.#read(facesOf([...input.files]));
        input.value = '';
      });
      return html('label', { class: 'button' }, label, input);
    };
    this.#found = html(
      'div',
      { class: 'map-found', hidden: true },
      html('div', { class: 'controls' }, this.#way.element, this.#threshold.element),
      html(
        'div',
        { class: 'map-and-facts' },
        html('figure', {}, this.#map.element, this.#caption),
        html('div', { class: 'map-facts' }, this.#near, this.#groups),
      ),
      this.#list,
    );
    root.append(
      html(
        'div',
        { class: 'controls' },
        button('Forty drawn photos', () => this.#read(drawnFaces(DRAWN.people, DRAWN.shots)), {
          class: 'first',
          id: 'map-drawn',
        }),
        picker('Choose a folder', { webkitdirectory: true, id: 'map-folder' }),
        picker('Choose photos', { accept: 'image/*', id: 'map-files' }),
        html('span', { class: 'quiet' }, 'or drop them here'),
      ),
      html('div', { class: 'map-progress', hidden: true }, this.#progress, this.#cancel),
      this.#status,
      this.#problems,
      this.#found,
    );
    listen(this.#list, 'toggle', () => this.#fillList());
    this.#listenForDrops();
  }

  #listenForDrops(): void {
    listen(this.#root, 'dragover', (event) => {
      event.preventDefault();
      this.#root.classList.add('map-drop');
    });
    listen(this.#root, 'dragleave', () => this.#root.classList.remove('map-drop'));
    listen(this.#root, 'drop', async (event) => {
      event.preventDefault();
      this.#root.classList.remove('map-drop');
      if (event.dataTransfer) this.#read(facesOf(await droppedFiles(event.dataTransfer)));
    });
  }

  get #embeddings(): Float32Array[] {
    return this.#faces.map(({ embedding }) => embedding);
  }

  /** In place of what was there. */
  async #read({ photos, looks }: Source): Promise<void> {
    this.#reading?.abort();
    if (photos === 0) {
      this.#status.textContent = 'There is no photo among these files.';
      return;
    }
    const reading = new AbortController();
    this.#reading = reading;
    this.#clear();
    this.#root.setAttribute('aria-busy', 'true');
    const side = Math.ceil(Math.sqrt(photos));
    let looked = 0;
    try {
      this.#progress.value = 0;
      this.#progress.parentElement?.removeAttribute('hidden');
      this.#status.textContent = `Looking at ${photos} ${photos === 1 ? 'photo' : 'photos'} …`;
      for await (const { faces, problem } of looks) {
        if (this.#reading !== reading) return; // other photos were chosen meanwhile
        if (reading.signal.aborted) break;
        for (const face of faces) if (this.#faces.length < MOST_FACES) this.#add(face, side);
        if (problem && this.#problems.childElementCount < MOST_PROBLEMS) this.#problems.append(html('li', {}, problem));
        this.#progress.value = ++looked / photos;
        if (this.#faces.length === MOST_FACES) break;
      }
      await this.#finish(looked, photos);
    } catch (error) {
      this.#status.textContent = messageOf(error);
    } finally {
      if (this.#reading === reading) {
        this.#progress.parentElement?.setAttribute('hidden', '');
        this.#root.removeAttribute('aria-busy');
      }
    }
  }

  #clear(): void {
    this.#faces.length = 0;
    this.#made.clear();
    this.#grouping = undefined;
    this.#map.clear();
    for (const part of [this.#problems, this.#near, this.#groups, this.#caption]) part.replaceChildren();
    delete this.#root.dataset.mapped;
  }

  /** While others are looked for, faces lie in rows. */
  #add(face: MappedFace, side: number): void {
    const cell = this.#faces.length % (side * side);
    const place: Place = [((cell % side) + 0.5) / side, (Math.floor(cell / side) + 0.5) / side];
    this.#faces.push(face);
    this.#map.add(face, place);
    this.#found.hidden = false;
  }

  async #finish(looked: number, photos: number): Promise<void> {
    const count = this.#faces.length;
    const [faces, all] = [count === 1 ? '1 face' : `${count} faces`, photos === 1 ? '1 photo' : `${photos} photos`];
    const whole = looked === photos ? '' : `; stopped after ${looked}`;
    const most = count === MOST_FACES ? `. A map has room for ${MOST_FACES} faces; the others were left out` : '';
    this.#status.textContent = `${faces} in ${all}${whole}${most}.`;
    this.#found.hidden = count === 0;
    if (count === 0) return;
    if (!this.#mapping) {
      this.#mapping = startWorker<Mapping>('map-worker.js');
      this.#threshold.set(await this.#mapping.threshold());
    }
    this.#map.choose(0);
    await Promise.all([this.#group(), this.#layOut()]);
  }

  readonly #regroup = latestOnly(async (threshold: number) => {
    const embeddings = this.#embeddings;
    const grouping = await this.#mapping?.group(embeddings, threshold);
    if (!grouping || embeddings.length !== this.#faces.length) return;
    this.#grouping = grouping;
    const members = membersOf(grouping.groups);
    this.#map.group(
      grouping.groups,
      (group) => members[group].length < 2,
      this.#faces.map(({ name }) => name),
    );
    this.#groups.replaceChildren(
      ...groupList(
        this.#faces,
        grouping.groups,
        (face) => this.#map.focus(face),
        (group) => this.#map.light(group === undefined ? undefined : (face) => grouping.groups[face] === group),
      ),
    );
    this.#fillList();
  });

  async #group(): Promise<void> {
    if (this.#faces.length === 0) return;
    this.#show(this.#map.chosen);
    await this.#regroup(this.#threshold.value());
  }

  async #layOut(): Promise<void> {
    const faces = this.#faces.length;
    if (faces === 0) return;
    const isTooFew = faces < FEWEST_FOR_UMAP;
    if (isTooFew) this.#way.set('pca');
    const way = this.#way.value();
    try {
      if (!this.#made.has(way)) this.#caption.textContent = 'Laying out the map …';
      const places = this.#made.get(way) ?? (await this.#mapping?.[way](this.#embeddings));
      if (!places || faces !== this.#faces.length) return; // other photos were chosen meanwhile
      this.#made.set(way, places);
      if (way !== this.#way.value()) return;
      this.#map.moveTo(places.places, way === 'umap');
      const few = isTooFew ? ` UMAP needs ${FEWEST_FOR_UMAP} faces or more.` : '';
      this.#caption.textContent = `${CAPTIONS[way](places)}${few}`;
      this.#show(this.#map.chosen);
      this.#root.dataset.mapped = way;
    } catch (error) {
      this.#caption.textContent = `${messageOf(error)}.`;
    }
  }

  #show(face: number): void {
    if (face >= this.#faces.length) return;
    const near = nearest(this.#embeddings, face, NEAREST);
    const threshold = this.#threshold.value();
    this.#map.connect(face, near, threshold);
    this.#near.replaceChildren(...nearestList(this.#faces, face, near, threshold, (other) => this.#map.focus(other)));
    this.#near.dataset.face = String(face);
  }

  #fillList(): void {
    this.#list.querySelector('.table')?.remove();
    if (this.#list.open && this.#grouping)
      this.#list.append(
        faceTable(this.#faces, this.#grouping, this.#threshold.value(), (face) => this.#map.focus(face)),
      );
  }
}
