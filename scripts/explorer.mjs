// The explorer page: how it is built, and a server that shows it isolated from other origins, as shared memory demands.
import { readdirSync } from 'node:fs';
import { copyFile, mkdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { build } from 'esbuild';
import sirv from 'sirv';
import { common } from './esbuild.mjs';

const FACE_API = dirname(createRequire(import.meta.url).resolve('@vladmandic/face-api/package.json'));
const SAMPLES = join(FACE_API, 'demo');
const isSample = (file) => /^sample\d+\.jpg$/.test(file);

/** Nothing is fetched from, or sent to, any other machine. index.html says the same, for servers that do not. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "style-src 'self'",
  "img-src 'self' blob: data:",
  "media-src 'self' blob:",
  "connect-src 'self' blob: data:",
  "worker-src 'self' blob:",
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');

/**
 * Builds the page into a folder, which is replaced. Every file of web/ called *-worker.ts becomes a script beside it.
 * @returns what esbuild says of the scripts: which there are, and of how many bytes
 */
export async function buildExplorer(outdir = 'web/dist') {
  await rm(outdir, { recursive: true, force: true });
  await mkdir(outdir, { recursive: true });
  const workers = readdirSync('web', { recursive: true })
    .filter((file) => file.endsWith('-worker.ts') && !file.startsWith('dist'))
    .map((file) => join('web', file));
  const { metafile } = await build({
    ...common('browser'),
    packages: 'bundle',
    entryPoints: ['web/main.ts', 'web/theme.ts', 'web/style.css', ...workers],
    entryNames: '[name]',
    chunkNames: 'chunks/[name]-[hash]',
    outdir,
    splitting: true,
    minify: true,
    metafile: true,
  });
  await copyFile('web/index.html', join(outdir, 'index.html'));
  await writeFile(join(outdir, 'samples.json'), JSON.stringify(readdirSync(SAMPLES).filter(isSample)));
  return metafile;
}

/**
 * Shows the page, the weights that it asks for, the sample photos and the chapters, on this machine only.
 * @param port 0 for any
 */
export async function serveExplorer({ outdir = 'web/dist', port = 0 } = {}) {
  const page = sirv(outdir, {
    dev: true,
    setHeaders: (response) => response.setHeader('content-security-policy', POLICY),
  });
  const folders = new Map([
    ['/weights/', sirv(join(FACE_API, 'model'), { dev: true })],
    ['/models/', sirv('models', { dev: true })],
    ['/samples/', sirv(SAMPLES, { dev: true })],
    ['/docs/', sirv('docs/dist', { dev: true })],
  ]);
  const server = createServer((request, response) => {
    response.setHeader('cross-origin-opener-policy', 'same-origin');
    response.setHeader('cross-origin-embedder-policy', 'require-corp');
    response.setHeader('cross-origin-resource-policy', 'same-origin');
    const missing = () => {
      response.statusCode = 404;
      response.end('There is no such file.');
    };
    const { url = '/' } = request;
    for (const [prefix, folder] of folders)
      if (url.startsWith(prefix)) {
        request.url = url.slice(prefix.length - 1);
        return folder(request, response, missing);
      }
    page(request, response, missing);
  });
  await new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    address: `http://127.0.0.1:${server.address().port}/`,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
