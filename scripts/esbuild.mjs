// What every bundle of this project shares: WGSL files as text, a worker's code as text, one folder a platform.
import { build } from 'esbuild';

/** `import source from './worker.ts?worker'` gives the bundled code of a worker as a string. */
const workerAsText = (platform) => ({
  name: 'worker-as-text',
  setup(bundle) {
    bundle.onResolve({ filter: /\?worker$/ }, ({ path, resolveDir }) => ({
      path: new URL(path.slice(0, -'?worker'.length), `file://${resolveDir}/`).pathname,
      namespace: 'worker-as-text',
    }));
    bundle.onLoad({ filter: /.*/, namespace: 'worker-as-text' }, async ({ path }) => {
      const result = await build({
        ...common(platform),
        plugins: [],
        entryPoints: [path],
        format: 'iife',
        minify: true,
        sourcemap: false,
        write: false,
      });
      return { contents: result.outputFiles[0].text, loader: 'text', watchFiles: [path] };
    });
  },
});

/** @param platform 'node' or 'browser' */
export const common = (platform) => ({
  bundle: true,
  format: 'esm',
  platform,
  target: platform === 'node' ? 'node20' : 'es2022',
  conditions: [platform],
  packages: 'external',
  sourcemap: true,
  logLevel: 'warning',
  loader: { '.wgsl': 'text' },
  supported: { using: false },
  plugins: [workerAsText(platform)],
});
