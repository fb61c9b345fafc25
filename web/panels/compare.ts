import { euclideanDistance } from '../../src/face/verify';
import { LARGEST_THRESHOLD, ThresholdCharts } from '../compare/threshold-charts';
import { button, html, listen, messageOf, picture, slider, tableOf } from '../dom';
import { drawnPhoto, type Face, faces, findFaces, type Photo } from '../faces';
import { currentFace, type Panel } from '../panel';
import { openCamera } from './camera';

interface Compared {
  name: string;
  face: Face;
  embedding: Float32Array;
}

/** More would not fit beside one another. */
const MOST = 8;

export const comparePanel: Panel = {
  id: 'compare',
  short: 'Compare',
  title: 'Who is who?',
  lead:
    'Every pair of faces has a distance, and one number decides: up to the threshold two faces are one person. Move it and ' +
    'see which pairs fall on the other side, here and among the 3,200 pairs of photos on which the threshold that it begins ' +
    'at was chosen. Drawn people resemble one another more than real ones do: at it many of them are taken for one person.',
  chapters: ['embeddings', 'evaluation'],
  files: [
    'src/face/verify.ts',
    'src/face/embed.ts',
    'src/face/distance-histogram.ts',
    'src/face/pretrained/face-recognition.ts',
  ],
  mount(root) {
    const compared: Compared[] = [];
    const place = html('div', { class: 'matrix', id: 'distances' });
    const problem = html('p', { class: 'problem', role: 'status' });
    const camera = html('div', { class: 'camera' });
    const charts = new ThresholdCharts();
    // A step is as wide as a bin of the recorded distances, of which the counts are then exact.
    const range = { min: 0, max: LARGEST_THRESHOLD, step: 0.004, value: 0.412 };
    const threshold = slider('Threshold', range, decide, (x) => x.toFixed(3));
    let person = 20;

    async function add(finding: Promise<Photo>) {
      root.setAttribute('aria-busy', 'true');
      try {
        const photo = await finding;
        const [first] = photo.faces;
        if (!first) throw new Error(`${photo.name} shows no face that can be found`);
        await addFace({ ...first, photo });
        problem.textContent = '';
      } catch (error) {
        problem.textContent = messageOf(error);
      } finally {
        root.removeAttribute('aria-busy');
      }
    }

    async function addFace(face: Face) {
      const { embedding } = await faces().embed(face.chip);
      compared.push({ name: face.photo.name, face, embedding });
      if (compared.length > MOST) compared.shift();
      draw();
    }

    function draw() {
      const heads = compared.map(({ name, face }) =>
        html('th', { scope: 'col' }, picture(name, face.chip, { class: 'thumb', title: name })),
      );
      const rows = compared.map((one) =>
        html(
          'tr',
          {},
          html('th', { scope: 'row' }, picture(one.name, one.face.chip, { class: 'thumb', title: one.name })),
          ...compared.map((other) =>
            html('td', { 'data-distance': euclideanDistance(one.embedding, other.embedding).toFixed(4) }),
          ),
        ),
      );
      const parts = [html('thead', {}, html('tr', {}, html('td', {}), ...heads)), html('tbody', {}, ...rows)];
      const caption = 'Distances of all pairs; green are those that are taken for one person';
      place.replaceChildren(tableOf(caption, parts, { 'aria-label': 'Distances' }));
      decide(threshold.value());
    }

    function decide(limit: number) {
      for (const cell of place.querySelectorAll<HTMLElement>('[data-distance]')) {
        const distance = Number(cell.dataset.distance);
        const isSame = distance <= limit;
        cell.textContent = `${distance.toFixed(3)} ${isSame ? 'same' : 'other'}`;
        cell.dataset.same = String(isSame);
      }
      charts.show(limit);
    }

    const file = html('input', { type: 'file', accept: 'image/*', multiple: true, class: 'file', id: 'compare-files' });
    listen(file, 'change', async () => {
      for (const picked of file.files ?? []) await add(findFaces(picked.name, picked));
    });
    root.append(
      html(
        'div',
        { class: 'controls' },
        html('label', { class: 'button', for: file.id }, 'Add photos', file),
        button('Camera', () => openCamera(camera, (source) => add(findFaces('camera', source)))),
        button('Add the face from above', () => {
          if (currentFace.value) addFace(currentFace.value);
        }),
        button('Add two drawn photos of one person', async () => {
          person++;
          for (const shot of [1, 2]) await add(drawnPhoto(person, shot));
        }),
        threshold.element,
      ),
      camera,
      problem,
      place,
      charts.element,
    );
    decide(threshold.value());
    (async () => {
      threshold.set((await faces().calibration()).threshold);
      for (const shot of [1, 2]) await add(drawnPhoto(person, shot));
      await add(drawnPhoto(person + 1, 1));
      root.dataset.ready = 'yes';
    })();
  },
};
