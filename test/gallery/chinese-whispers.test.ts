import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { chineseWhispers, type Edge } from '../../src/gallery/chinese-whispers';

const test = suite('Chinese whispers');

/** Everybody of these with everybody else of them. */
const clique = (members: readonly number[], weight = 1): Edge[] =>
  members.flatMap((a, k) => members.slice(k + 1).map((b) => ({ a, b, weight })));

test('cliques are groups, from the largest on; whoever is alone is one', () => {
  const edges = [...clique([0, 2, 4]), ...clique([1, 3, 5, 6])];
  for (let seed = 0; seed < 20; seed++) assert.equal(chineseWhispers(8, edges, seed), [1, 0, 1, 0, 1, 0, 0, 2]);
});

test('one weak edge between groups joins nothing', () => {
  const edges = [...clique([0, 1, 2, 3]), ...clique([4, 5, 6, 7]), { a: 3, b: 4, weight: 0.1 }];
  for (let seed = 0; seed < 20; seed++) assert.equal(chineseWhispers(8, edges, seed), [0, 0, 0, 0, 1, 1, 1, 1]);
});

test('the same seed gives the same groups, and nobody gives none', () => {
  const edges = Array.from({ length: 60 }, (_, k) => ({ a: (k * 7) % 20, b: (k * 11 + 3) % 20, weight: 1 + (k % 3) }));
  const proper = edges.filter(({ a, b }) => a !== b);
  assert.equal(chineseWhispers(20, proper, 5), chineseWhispers(20, proper, 5));
  assert.equal(chineseWhispers(0, [], 1), []);
});

test.run();
