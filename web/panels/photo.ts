import { apply, DLIB_TEMPLATE, type Point } from '../../src/face/align';
import { button, contextOf, facts, html, inPercent, listen, messageOf, picture } from '../dom';
import { bitmapOf, drawnPhoto, findFaces, type Photo } from '../faces';
import { currentFace, type Panel } from '../panel';
import { openCamera } from './camera';

/** Longest side of a photo on the page, in pixels: larger ones are drawn smaller. */
const LARGEST = 960;
/** A drawn person that the page begins with. */
const FIRST_PERSON = 8;
/** Runs of the 68 landmarks: jaw, brows, nose, eyes, lips; the last two kinds are closed. */
const LINES: readonly { from: number; to: number; isClosed: boolean }[] = [
  { from: 0, to: 16, isClosed: false },
  { from: 17, to: 21, isClosed: false },
  { from: 22, to: 26, isClosed: false },
  { from: 27, to: 30, isClosed: false },
  { from: 31, to: 35, isClosed: false },
  { from: 36, to: 41, isClosed: true },
  { from: 42, to: 47, isClosed: true },
  { from: 48, to: 59, isClosed: true },
  { from: 60, to: 67, isClosed: true },
];

export const photoPanel: Panel = {
  id: 'photo',
  short: 'Photo',
  title: 'From a photo to a face',
  lead:
    'A detector says where faces are, a second network finds 68 landmarks on each, and the face is turned upright and ' +
    'cut out: 150 by 150 pixels, eyes and nose always at the same places. That chip is all that recognition sees.',
  chapters: ['detection', 'alignment'],
  files: [
    'src/face/detect.ts',
    'src/face/pretrained/tiny-face-detector.ts',
    'src/face/landmarks.ts',
    'src/face/align.ts',
    'src/face/warp.ts',
  ],
  mount(root) {
    const canvas = picture('the photo');
    const chip = picture('the face, upright', undefined, { class: 'chip' });
    const told = html('div', { class: 'told', role: 'status', id: 'photo-facts' });
    const chosen = html('div', { class: 'faces', role: 'group', 'aria-label': 'Faces on the photo' });
    const camera = html('div', { class: 'camera' });
    let person = FIRST_PERSON;
    let latest = 0;

    async function show(finding: Promise<Photo>) {
      const turn = ++latest;
      root.setAttribute('aria-busy', 'true');
      try {
        const photo = await finding;
        if (turn !== latest) return; // another photo was chosen meanwhile
        const bitmap = await bitmapOf(photo.source);
        choose(photo, 0, bitmap);
        chosen.replaceChildren(
          ...(photo.faces.length > 1
            ? photo.faces.map((_, k) => button(`Face ${k + 1}`, () => choose(photo, k, bitmap)))
            : []),
        );
      } catch (error) {
        told.replaceChildren(html('p', { class: 'problem' }, messageOf(error)));
      } finally {
        if (turn === latest) root.removeAttribute('aria-busy');
      }
    }

    function choose(photo: Photo, place: number, bitmap: ImageBitmap) {
      drawPhoto(canvas, photo, place, bitmap);
      const face = photo.faces[place];
      if (!face) {
        const retry = 'No face was found here. Turn it to the camera, or choose a photo where it is larger.';
        told.replaceChildren(html('p', { class: 'problem' }, retry));
        chip.width = chip.height = 0;
        return;
      }
      const { width, height, data } = face.chip;
      chip.width = width;
      chip.height = height;
      contextOf(chip).putImageData(new ImageData(Uint8ClampedArray.from(data), width, height), 0, 0);
      const [a, , , d] = face.toPhoto;
      const [x, y, across, down] = face.box.map(Math.round);
      told.replaceChildren(
        facts({
          Faces: String(photo.faces.length),
          'The detector is sure to': inPercent(face.score),
          'Box, in pixels': `${across} × ${down} at (${x}, ${y})`,
          'The face is turned by': `${((Math.atan2(d, a) * 180) / Math.PI).toFixed(1)}°`,
          'A pixel of the chip covers': `${Math.hypot(a, d).toFixed(2)} pixels`,
          'All of this took': `${photo.milliseconds.toFixed(0)} ms`,
        }),
      );
      noteFirstFace(root);
      currentFace.set({ ...face, photo });
    }

    const file = html('input', { type: 'file', accept: 'image/*', class: 'file', id: 'photo-file' });
    listen(file, 'change', () => {
      const [picked] = file.files ?? [];
      if (picked) show(findFaces(picked.name, picked));
    });
    const samples = html('select', { 'aria-label': 'Sample photos' }, html('option', { value: '' }, 'Sample photo…'));
    listen(samples, 'change', () => {
      if (samples.value) show(sample(samples.value));
    });
    fillSamples(samples);

    root.append(
      html(
        'div',
        { class: 'controls' },
        button('Another drawn face', () => show(drawnPhoto(++person, 1)), { class: 'first', id: 'drawn-face' }),
        html('label', { class: 'button', for: file.id }, 'Choose a photo', file),
        button('Camera', () => openCamera(camera, (source) => show(findFaces('camera', source))), { id: 'camera' }),
        samples,
      ),
      camera,
      html(
        'div',
        { class: 'photo-and-chip' },
        html(
          'figure',
          { class: 'photo' },
          canvas,
          html('figcaption', {}, 'Found: the box, 68 landmarks, and the square that is cut out.'),
        ),
        html('figure', {}, chip, html('figcaption', {}, 'The chip: what the network sees.'), chosen, told),
      ),
    );
    show(drawnPhoto(person, 1));
  },
};

async function fillSamples(select: HTMLSelectElement) {
  const names: unknown = await (await fetch('samples.json')).json();
  if (!Array.isArray(names)) return;
  for (const name of names) select.append(html('option', { value: `${name}` }, `${name}`));
}

async function sample(name: string): Promise<Photo> {
  const response = await fetch(`samples/${name}`);
  if (!response.ok) throw new Error(`${name} is not to be had: the server answered ${response.status}`);
  return findFaces(name, await response.blob());
}

/** How long it took from the beginning of the page to the first face, once. */
function noteFirstFace(root: HTMLElement) {
  if (root.dataset.firstFace) return;
  const seconds = performance.now() / 1000;
  root.dataset.firstFace = seconds.toFixed(3);
  root.append(
    html('p', { class: 'quiet' }, `The first face was found ${seconds.toFixed(1)} s after this page was opened.`),
  );
}

function drawPhoto(canvas: HTMLCanvasElement, photo: Photo, place: number, bitmap: ImageBitmap) {
  const scale = Math.min(1, LARGEST / Math.max(photo.width, photo.height));
  canvas.width = Math.round(photo.width * scale);
  canvas.height = Math.round(photo.height * scale);
  canvas.setAttribute('aria-label', `${photo.name}, ${photo.faces.length} faces found`);
  const context = contextOf(canvas);
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  context.lineWidth = Math.max(2, canvas.width / 300);
  context.lineJoin = 'round';
  for (const [k, face] of photo.faces.entries()) {
    const isChosen = k === place;
    const trace = (points: readonly Point[], isClosed: boolean) => {
      context.beginPath();
      for (const [x, y] of points) context.lineTo((x + 0.5) * scale, (y + 0.5) * scale);
      if (isClosed) context.closePath();
      context.stroke();
    };
    const [x, y, width, height] = face.box;
    context.strokeStyle = isChosen ? '#ffb02e' : '#ffffffb0';
    context.strokeRect(x * scale, y * scale, width * scale, height * scale);
    if (!isChosen) continue;
    context.strokeStyle = '#5ad1ff';
    for (const { from, to, isClosed } of LINES) trace(face.landmarks.slice(from, to + 1), isClosed);
    const edge = DLIB_TEMPLATE.side - 1;
    const corners: Point[] = [
      [0, 0],
      [edge, 0],
      [edge, edge],
      [0, edge],
    ];
    context.strokeStyle = '#ffffff';
    context.setLineDash([6, 5]);
    trace(
      corners.map((corner) => apply(face.toPhoto, corner)),
      true,
    );
    context.setLineDash([]);
  }
}
