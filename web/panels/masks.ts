import { apply, invert } from '../../src/face/align';
import { MASK_KINDS, MASK_WEARINGS, randomMask } from '../../src/face/mask';
import { euclideanDistance, probabilityOf } from '../../src/face/verify';
import { random } from '../../src/tensor/random';
import { button, choice, facts, html, inPercent, messageOf, paint, picture } from '../dom';
import { type Face, faces } from '../faces';
import { currentFace, latestOnly, type Panel } from '../panel';
import { drawMap, occlusionOf } from './occlusion-map';

const HEADINGS = { plain: 'Without', masked: 'With a mask' } as const;

export const masksPanel: Panel = {
  id: 'masks',
  short: 'Masks',
  title: 'What a mask takes away',
  lead:
    'A mask is drawn on the face from above, and the network looks again. How far has the face moved from itself, and ' +
    'would it still be recognised? The maps show what each answer rests on: where a grey square, laid on the chip, ' +
    'moves the embedding most.',
  chapters: ['masks', 'embeddings'],
  files: ['src/face/mask.ts', 'src/face/mask-geometry.ts', 'src/face/mask-paint.ts', 'src/face/verify.ts'],
  mount(root) {
    const views = (['plain', 'masked'] as const).map((name) => {
      const chip = picture(`the face, ${HEADINGS[name].toLowerCase()}`, undefined, { class: 'chip' });
      const map = picture(`what the embedding rests on, ${HEADINGS[name].toLowerCase()}`, undefined, { class: 'chip' });
      const figure = html('figure', {}, html('h3', {}, HEADINGS[name]), html('div', { class: 'pair' }, chip, map));
      return { chip, map, figure };
    });
    const told = html('div', { class: 'told', role: 'status', id: 'mask-facts' });
    let seed = 1;

    const show = latestOnly(async (face: Face) => {
      root.setAttribute('aria-busy', 'true');
      try {
        const toChip = invert(face.toPhoto);
        const landmarks = face.landmarks.map((point) => apply(toChip, point));
        const style = randomMask(random(seed), { kind: kind.value(), wearing: wearing.value() });
        const masked = await faces().masked(face.chip, landmarks, style);
        const chips = [face.chip, masked];
        for (const [k, chip] of chips.entries()) paint(views[k].chip, chip);
        const [before, after] = await Promise.all(chips.map((chip) => faces().embed(chip)));
        const calibration = await faces().calibration();
        const distance = euclideanDistance(before.embedding, after.embedding);
        told.replaceChildren(
          facts({
            'Distance of the face to itself, masked': distance.toFixed(4),
            'Taken for one person up to': calibration.threshold.toFixed(4),
            Decision: distance <= calibration.threshold ? 'the same person' : 'another person',
            'Probability of the same person': inPercent(probabilityOf(distance, calibration)),
          }),
        );
        for (const [k, chip] of chips.entries()) {
          const { squares, distances } = await occlusionOf(chip);
          drawMap(views[k].map, chip, squares, distances);
        }
        root.dataset.mapped = String(seed);
      } catch (error) {
        told.replaceChildren(html('p', { class: 'problem' }, messageOf(error)));
      } finally {
        root.removeAttribute('aria-busy');
      }
    });
    const again = () => {
      if (currentFace.value) show(currentFace.value);
    };
    const kind = choice('Kind', MASK_KINDS, again);
    const wearing = choice('Worn', MASK_WEARINGS, again);
    const another = button('Another one', () => {
      seed++;
      again();
    });
    root.append(
      html('div', { class: 'controls' }, kind.element, wearing.element, another),
      html('div', { class: 'side-by-side' }, ...views.map(({ figure }) => figure)),
      told,
    );
    currentFace.watch(show);
  },
};
