import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { runInBrowser } from '../../helpers/browser';

const test = suite('wasm in a browser');

test('two threads, of which the page may not sleep, give the same bits as one', async () => {
  const result = await runInBrowser<typeof import('./page')>('test/kernels/wasm/page.ts');
  if (!result) return;
  assert.is(result.crossOriginIsolated, true);
  assert.equal(result.descriptions, ['WebAssembly SIMD, 1 thread', 'WebAssembly SIMD, 2 threads']);
  assert.is(result.isNothing, false);
  assert.is(result.isEqual, true);
});

test.run();
