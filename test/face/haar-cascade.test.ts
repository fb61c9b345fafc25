import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseCascade } from '../../src/face/haar-cascade';
import { newCascade, OLD_CASCADE } from '../helpers/cascades';

const test = suite('cascade files');

const EXPECTED = {
  width: 8,
  height: 8,
  features: [
    [
      { x: 0, y: 0, width: 8, height: 8, weight: -1 },
      { x: 0, y: 0, width: 8, height: 4, weight: 2 },
    ],
  ],
  stages: [
    { threshold: 0.5, trees: [{ nodes: [{ feature: 0, threshold: 1.5, below: 0, above: -1 }], leaves: [0, 1] }] },
  ],
};

test('both formats say the same', async () => {
  assert.equal(await parseCascade(newCascade()), EXPECTED);
  assert.equal(await parseCascade(OLD_CASCADE), EXPECTED);
});

test('a tree of the old format whose nodes lead to nodes', async () => {
  const node = (left: string, right: string) =>
    `<_><feature><rects><_>0 0 4 4 -1.</_><_>0 0 2 4 2.</_></rects><tilted>0</tilted></feature><threshold>0.25</threshold>${left}${right}</_>`;
  const tree =
    node('<left_val>-1.</left_val>', '<right_node>1</right_node>') +
    node('<left_val>2.</left_val>', '<right_val>3.</right_val>');
  const xml = OLD_CASCADE.replace(/<trees>[\s\S]*<\/trees>/, `<trees><_>${tree}</_></trees>`);
  const { stages, features } = await parseCascade(xml);
  assert.equal(stages[0].trees[0].leaves, [-1, 2, 3]);
  assert.equal(
    stages[0].trees[0].nodes.map(({ below, above }) => [below, above]),
    [
      [0, 1],
      [-1, -2],
    ],
  );
  assert.is(features.length, 2);
});

async function refusal(xml: string): Promise<string> {
  try {
    await parseCascade(xml, 'my.xml');
  } catch (error) {
    return error instanceof Error ? error.message : '';
  }
  throw new Error('it was accepted');
}

test('what is no cascade, damaged, or not supported is refused in one sentence', async () => {
  const wide = '<rects><_>0 0 9 8 -1.</_><_>0 0 8 4 2.</_></rects>';
  for (const [xml, message] of [
    ['no xml at all', /^my\.xml is no cascade file of OpenCV/],
    ['<html></html>', /^my\.xml is no cascade file of OpenCV/],
    [newCascade({ tilted: 1 }), /^my\.xml has tilted features, which are not supported/],
    [newCascade({ type: 'LBP' }), /^my\.xml uses LBP features; only HAAR is supported$/],
    [newCascade().replace('opencv-cascade-classifier', 'opencv-other'), /type opencv-other, which is not supported$/],
    [newCascade({ rects: wide }), /^my\.xml is damaged: a rectangle reaches out of the window$/],
    [newCascade({ nodes: '0 -1 7 1.5' }), /^my\.xml is damaged: there is no feature 7$/],
    [newCascade({ nodes: '0 -5 0 1.5' }), /^my\.xml is damaged: a node of a tree leads nowhere$/],
    [newCascade({ nodes: '0 -1 0' }), /^my\.xml is damaged: the nodes of a tree are not fours of numbers$/],
    [newCascade({ nodes: '0 -1 0 x' }), /^my\.xml is damaged: <internalNodes> holds no numbers$/],
    [
      newCascade().replace(/<stageThreshold>.*<\/stageThreshold>/, ''),
      /^my\.xml is damaged: <_> has no <stageThreshold>$/,
    ],
    [newCascade().slice(0, 500), /^my\.xml is/],
  ] satisfies [string, RegExp][])
    assert.match(await refusal(xml), message);
});

test.run();
