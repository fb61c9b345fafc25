import { button, html, listen, tableOf } from '../dom';
import { hueOf } from './face-map';
import type { MappedFace } from './found-faces';
import type { Grouping, Near } from './neighbours';

/** More are not named in the list of groups. */
const MOST_PICTURES = 6;
const MOST_GROUPS = 12;

const small = ({ picture }: MappedFace) => html('img', { src: picture, alt: '', class: 'map-small' });

const decided = (distance: number, threshold: number): string => (distance <= threshold ? 'same' : 'other');

/** A face and those nearest to it; each leads to itself. */
export function nearestList(
  all: readonly MappedFace[],
  face: number,
  near: readonly Near[],
  threshold: number,
  onChoose: (face: number) => void,
): HTMLElement[] {
  const within = near.filter(({ distance }) => distance <= threshold).length;
  const count = within === near.length ? 'all' : within === 0 ? 'none' : String(within);
  const sentence =
    near.length === 0
      ? 'There is no other face.'
      : `Of the ${near.length} nearest ${count} ${within === 1 ? 'is' : 'are'} taken for the same person.`;
  return [
    html('div', { class: 'map-head' }, small(all[face]), html('div', {}, html('h3', {}, all[face].name), sentence)),
    html(
      'ol',
      { class: 'map-nearest' },
      ...near.map(({ face: other, distance }) =>
        html(
          'li',
          {},
          listen(
            html(
              'button',
              {
                type: 'button',
                'data-near': other,
                'data-distance': distance.toFixed(4),
                'data-same': String(distance <= threshold),
              },
              small(all[other]),
              html('span', { class: 'map-name' }, all[other].name),
              html('span', { class: 'map-distance' }, `${distance.toFixed(3)} ${decided(distance, threshold)}`),
            ),
            'click',
            () => onChoose(other),
          ),
        ),
      ),
    ),
  ];
}

/** Groups of two and more with their counts, the largest first. Pointing at one shows where it lies. */
export function groupList(
  all: readonly MappedFace[],
  groups: readonly number[],
  onChoose: (face: number) => void,
  onLight: (group: number | undefined) => void,
): HTMLElement[] {
  const members = membersOf(groups);
  const several = members.filter((faces) => faces.length > 1);
  const alone = members.length - several.length;
  const items = several.slice(0, MOST_GROUPS).map((faces, group) => {
    const count = html('span', { class: 'map-count' }, `Group ${group + 1}: ${faces.length} faces`);
    const pictures = faces.slice(0, MOST_PICTURES).map((face) => small(all[face]));
    const element = html(
      'button',
      { type: 'button', class: 'map-group', 'data-members': faces.join(' ') },
      count,
      html('span', { class: 'map-pictures' }, ...pictures),
    );
    element.style.setProperty('--hue', hueOf(group));
    listen(element, 'click', () => onChoose(faces[0]));
    for (const type of ['pointerenter', 'focus'] as const) listen(element, type, () => onLight(group));
    for (const type of ['pointerleave', 'blur'] as const) listen(element, type, () => onLight(undefined));
    return html('li', {}, element);
  });
  const rest = [
    several.length > MOST_GROUPS ? `${several.length - MOST_GROUPS} smaller groups are not listed.` : '',
    alone > 0 ? `${alone} ${alone === 1 ? 'face is' : 'faces are'} on ${alone === 1 ? 'its' : 'their'} own.` : '',
  ].filter((sentence) => sentence.length > 0);
  return [
    html('h3', {}, several.length === 1 ? 'One group' : `${several.length || 'No'} groups`),
    html('ul', { class: 'map-groups' }, ...items),
    ...(rest.length > 0 ? [html('p', { class: 'quiet' }, rest.join(' '))] : []),
  ];
}

/** The faces of each group. */
export function membersOf(groups: readonly number[]): number[][] {
  const members: number[][] = [];
  for (const [face, group] of groups.entries()) {
    members[group] ??= [];
    members[group].push(face);
  }
  return members;
}

/** All that the map says, as a table. */
export function faceTable(
  all: readonly MappedFace[],
  { groups, nearest }: Grouping,
  threshold: number,
  onChoose: (face: number) => void,
): HTMLElement {
  const sizes = membersOf(groups).map(({ length }) => length);
  const caption = 'Faces by their groups, and the nearest other face of each';
  const order = groups.map((_, face) => face).sort((a, b) => groups[a] - groups[b] || a - b);
  const rows = order.map((face) => {
    const near = nearest[face];
    return html(
      'tr',
      {},
      html(
        'th',
        { scope: 'row' },
        button(all[face].name, () => onChoose(face), { class: 'map-link' }),
      ),
      html('td', {}, sizes[groups[face]] > 1 ? String(groups[face] + 1) : 'on its own'),
      html('td', {}, near ? all[near.face].name : '–'),
      html('td', {}, near ? `${near.distance.toFixed(3)} ${decided(near.distance, threshold)}` : '–'),
    );
  });
  const headings = ['Face', 'Group', 'Nearest', 'Distance'].map((heading) => html('th', { scope: 'col' }, heading));
  const parts = [html('thead', {}, html('tr', {}, ...headings)), html('tbody', {}, ...rows)];
  return tableOf(caption, parts, { class: 'table map-table' });
}
