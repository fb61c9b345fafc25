import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { linkedFiles, pageOf } from '../../docs/site/source';
import { sourcePage, titleOf } from '../../web/links';
import { PANELS } from '../../web/panels';

const test = suite('links of the explorer');

test('every chapter and file that a panel names has a page in the site of the chapters', () => {
  const linked = new Set(linkedFiles());
  assert.ok(PANELS.length > 0);
  for (const { id, chapters, files } of PANELS) {
    assert.ok(chapters.length > 0 && files.length > 0, id);
    for (const name of chapters) assert.ok(titleOf(name).length > 0);
    for (const path of files) {
      assert.ok(linked.has(path), `${id}: no chapter links to ${path}`);
      assert.is(sourcePage(path), `docs/source/${pageOf(path)}.html`);
    }
  }
});

test.run();
