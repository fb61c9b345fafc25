import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { checkSite } from './check';
import { highlighted, render } from './markdown';
import { pageHtml } from './page';
import { languageOf, linkedFiles, pageOf, readSource } from './source';

const KATEX = join(dirname(createRequire(import.meta.url).resolve('katex')));

/**
 * Makes the site out of docs/*.md, in a folder that is replaced whole.
 *
 * @throws Error for a link that leads nowhere, an include that does not resolve, or a formula with a mistake: the folder
 * stays as it was
 */
export async function buildSite(folder: string): Promise<{ pages: number }> {
  const pages = new Map<string, string>();
  for (const file of (await readdir('docs')).filter((name) => name.endsWith('.md'))) {
    const name = file.replace(/\.md$/, '');
    const chapter = await readFile(`docs/${file}`, 'utf8');
    pages.set(`${name}.html`, pageHtml({ name, root: '', ...named(file, () => render(chapter)) }));
  }
  for (const path of linkedFiles()) {
    const code = highlighted(readSource(path), languageOf(path));
    const html = `<h1 class="file">${path}</h1><pre class="whole" tabindex="0"><code>${code}</code></pre>`;
    pages.set(`source/${pageOf(path)}.html`, pageHtml({ name: '', root: '../', title: path, html, headings: [] }));
  }

  // Browsers that know this page's CSS know woff2: the other formats of the fonts are left out.
  const katex = (await readFile(join(KATEX, 'katex.min.css'), 'utf8')).replaceAll(
    /,url\([^)]*\) format\("(woff|truetype)"\)/g,
    '',
  );
  const fonts = (await readdir(join(KATEX, 'fonts'))).filter((file) => file.endsWith('.woff2'));
  const files = new Map<string, string | Uint8Array>(pages);
  files.set('style.css', `${katex}\n${await readFile('docs/site/style.css', 'utf8')}`);
  for (const font of fonts) files.set(`fonts/${font}`, await readFile(join(KATEX, 'fonts', font)));
  const charts = (await readdir('docs/experiments')).filter((file) => file.endsWith('.svg'));
  for (const chart of charts) files.set(`experiments/${chart}`, await readFile(join('docs/experiments', chart)));
  checkSite(files);

  const unfinished = `${folder}.${process.pid}`;
  for (const [file, content] of files) {
    await mkdir(dirname(join(unfinished, file)), { recursive: true });
    await writeFile(join(unfinished, file), content);
  }
  await rm(folder, { recursive: true, force: true });
  await rename(unfinished, folder);
  return { pages: pages.size };
}

/** Errors say which chapter they are of. */
function named<T>(file: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    throw new Error(`docs/${file}: ${error instanceof Error ? error.message : error}`, { cause: error });
  }
}
