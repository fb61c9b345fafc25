// Builds the explorer and shows it on this machine.
//   npm run explore                    at http://127.0.0.1:5170/
//   npm run explore -- --port 8000     at another port
//   npm run explore -- --build         to web/dist only

import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { buildExplorer, serveExplorer } from './explorer.mjs';

const { values } = parseArgs({ options: { port: { type: 'string', default: '5170' }, build: { type: 'boolean' } } });
const port = Number(values.port);
if (!Number.isInteger(port) || port < 0 || port > 65535) {
  console.error(`--port ${values.port}: a port is a whole number from 0 to 65535`);
  process.exit(2);
}

const { outputs } = await buildExplorer();
const files = Object.keys(outputs).filter((file) => /\.(js|css)$/.test(file));
const contents = await Promise.all(files.map((file) => readFile(file)));
const kilobytes = (sizes) => Math.round(sizes.reduce((sum, size) => sum + size, 0) / 1000);
console.log(
  `web/dist: ${files.length} scripts and styles, ${kilobytes(contents.map(({ length }) => length))} KB, ` +
    `${kilobytes(contents.map((content) => gzipSync(content).length))} KB gzipped`,
);
if (!values.build) {
  await import('./docs.mjs'); // the chapters that the panels link to
  try {
    const { address } = await serveExplorer({ port });
    console.log(`The explorer: ${address}`);
  } catch (error) {
    console.error(
      error.code === 'EADDRINUSE'
        ? `port ${port} is taken; choose another one, such as --port ${port + 1}`
        : error.message,
    );
    process.exitCode = 2;
  }
}
