// One of the processes of scripts/test.mjs: runs the test files that it is told, one after the other, and answers each with
// how many of its tests passed. What is printed meanwhile belongs to that file.
globalThis.UVU_DEFER = 1; // uvu leaves running them to us, and keeps what is registered in UVU_QUEUE
await import('uvu');

/*
 * Dawn asks whether the GPU is done by a native function that it hands to setImmediate again and again: a whole core while
 * anything is awaited, and a GPU in software computes on the same cores. Asking once a millisecond is soon enough.
 */
const immediately = globalThis.setImmediate;
const isNative = (callback) => Function.prototype.toString.call(callback).endsWith('{ [native code] }');
globalThis.setImmediate = Object.assign(
  (callback, ...words) => (isNative(callback) ? setTimeout(callback, 1) : immediately(callback, ...words)),
  immediately,
);

async function runFile({ name, url }) {
  globalThis.UVU_QUEUE = [[]];
  globalThis.UVU_INDEX = 0;
  process.stdout.write(`\n\x1b[1m${name}\x1b[22m\n`);
  const result = { passed: 0, total: 0, left: 0, code: 0 };
  try {
    await import(url);
    for (const suite of globalThis.UVU_QUEUE[0]) {
      const [errors, passed, left, total] = await suite();
      if (typeof errors === 'string') process.stdout.write(`\n${errors}\n`);
      result.passed += passed;
      result.left += left;
      result.total += total;
    }
  } catch (error) {
    // Nothing of uvu throws: the file could not be loaded.
    console.error(error);
    result.total++;
  }
  if (result.passed !== result.total || result.total === 0) result.code = 1;
  return result;
}

process.on('message', async (file) => {
  // Without this hold a file whose promises are never settled ends the process, which the parent sees, and does not hang.
  process.channel.unref();
  const environment = { ...process.env };
  const result = await runFile(file);
  for (const name of Object.keys(process.env)) if (!(name in environment)) delete process.env[name];
  Object.assign(process.env, environment);
  process.exitCode = 0;
  process.channel.ref();
  process.send(result);
});
process.on('disconnect', () => process.exit());
process.on('SIGTERM', () => process.exit(143)); // files that are to be removed at the end are
