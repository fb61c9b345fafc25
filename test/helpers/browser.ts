import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { extname, join } from 'node:path';
import { build } from 'esbuild';
import { type Browser, chromium } from 'playwright-core';
import { chromium as findChromium } from '../../scripts/chromium.mjs';
import { common } from '../../scripts/esbuild.mjs';

export interface PageOptions {
  /** Folders that the server shows as well: `{ '/weights/': 'some/folder' }`. */
  folders?: Record<string, string>;
  /** Handed to the page's run(); anything that JSON can say. */
  argument?: unknown;
  /** Milliseconds that run() may take. */
  timeout?: number;
}

/**
 * Runs `run(argument)`, exported by a TypeScript file that is bundled for the browser, in a real Chromium with WebGPU
 * on SwiftShader, and hands back what it returns, as JSON would. `Page` is the type of that file. Undefined, and a
 * line that the runner counts, where no browser starts.
 */
export async function runInBrowser<Page extends { run(argument: never): Promise<unknown> }>(
  entry: string,
  { folders = {}, argument, timeout = 120_000 }: PageOptions = {},
): Promise<Awaited<ReturnType<Page['run']>> | undefined> {
  const bundle = await build({
    ...common('browser'),
    packages: 'bundle',
    entryPoints: [entry],
    sourcemap: 'inline',
    write: false,
  });
  const browser = await launch();
  if (!browser) return undefined;
  const server = await serve({ '/': PAGE, '/page.js': bundle.outputFiles[0].text }, folders);
  try {
    const page = await browser.newPage();
    page.on('console', (message) => {
      if (message.type() === 'error') console.log(`the page says: ${message.text()}`);
    });
    await page.goto(server.address);
    const call = `import('/page.js').then(({ run }) => run(${JSON.stringify(argument) ?? ''}))`;
    return await Promise.race([page.evaluate<Awaited<ReturnType<Page['run']>>>(call), failAfter(timeout, entry)]);
  } finally {
    await browser.close();
    server.close();
  }
}

const PAGE = '<!doctype html><meta charset="utf-8"><title>likeness</title><link rel="icon" href="data:,">';

/** Undefined, and a line that the runner counts, where no browser starts. */
export async function launch(): Promise<Browser | undefined> {
  try {
    return await chromium.launch({ ...(await findChromium()), headless: true });
  } catch (error) {
    // Playwright tells the whole story of a browser that does not start; the first lines hold the cause.
    const why = (error instanceof Error ? error.message : String(error)).split('\n').slice(0, 3).join(' ');
    console.log(`\nSKIPPED tests in a browser: ${why}`);
    return undefined;
  }
}

const TYPES: Record<string, string> = {
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.json': 'application/json',
  '': 'text/html',
};

/** A server of texts and folders, isolated from other origins as shared memory demands. */
export async function serve(texts: Record<string, string>, folders: Record<string, string>) {
  const content = async (path: string) => {
    if (path in texts) return texts[path];
    for (const [prefix, folder] of Object.entries(folders))
      if (path.startsWith(prefix) && !path.includes('..')) return readFile(join(folder, path.slice(prefix.length)));
    throw new Error(`there is no ${path}`);
  };
  const server = createServer(async ({ url = '/' }, response) => {
    const path = decodeURIComponent(new URL(url, 'http://page').pathname);
    try {
      const body = await content(path);
      response.writeHead(200, {
        'content-type': TYPES[extname(path)] ?? 'application/octet-stream',
        'cross-origin-opener-policy': 'same-origin',
        'cross-origin-embedder-policy': 'require-corp',
      });
      response.end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await listening(server);
  const address = server.address();
  if (!address || typeof address === 'string') throw new Error('the server has no port');
  return {
    address: `http://127.0.0.1:${address.port}/`,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

const listening = (server: Server) => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

function failAfter(milliseconds: number, entry: string): Promise<never> {
  return new Promise((_, reject) => {
    const timer = setTimeout(() => reject(new Error(`${entry} took longer than ${milliseconds} ms`)), milliseconds);
    timer.unref();
  });
}
