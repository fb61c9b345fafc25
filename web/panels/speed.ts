import { button, html, messageOf, table } from '../dom';
import { startWorker } from '../faces';
import type { Panel } from '../panel';
import type { Speed } from '../workers/speed-worker';

const DEVICES = ['webgpu', 'wasm', 'reference'] as const;

export const speedPanel: Panel = {
  id: 'speed',
  short: 'Speed',
  title: 'GPU against CPU, on your machine',
  lead:
    'The same network on the same face: by shaders on the graphics card, by SIMD on the processor, and by the plain loops ' +
    'that the other two are measured against. Medians of several runs; other pages and programs make them slower.',
  chapters: ['fast-kernels'],
  files: ['src/kernels/webgpu/conv2d.ts', 'src/kernels/wasm/conv2d.ts', 'src/kernels/reference/conv2d.ts'],
  mount(root) {
    const result = html('div', { role: 'status', id: 'speeds' }, html('p', {}, 'Nothing was measured yet.'));
    const measure = button('Measure', async () => {
      measure.disabled = true;
      const rows: string[][] = [];
      const show = (note?: string) =>
        result.replaceChildren(
          table(
            ['Device', 'One face, ms', 'Eight faces, ms each', 'What it is'],
            rows,
            'Embedding with the face ResNet',
          ),
          ...(note ? [html('p', { class: 'quiet' }, note)] : []),
        );
      for (const device of DEVICES) {
        show(`Measuring ${device} …`);
        const worker = startWorker<Speed>('speed-worker.js');
        try {
          const { one, eight, description } = await worker.measure(device);
          rows.push([device, one.toFixed(2), eight === undefined ? 'not measured' : eight.toFixed(2), description]);
        } catch (error) {
          rows.push([device, '–', '–', messageOf(error)]);
        }
        worker.stop().catch(() => undefined);
      }
      show();
      measure.disabled = false;
      root.dataset.measured = 'yes';
    });
    root.append(html('div', { class: 'controls' }, measure), result);
  },
};
