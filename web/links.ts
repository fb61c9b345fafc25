import { chapters } from '../docs/site/chapters';

/** Where the site of the chapters shows a file of the project, as docs/site/source.ts has it. */
export const sourcePage = (path: string): string => `docs/source/${path.replaceAll(/[/.]/g, '-')}.html`;

export const chapterPage = (name: string): string => `docs/${name}.html`;

export function titleOf(name: string): string {
  const found = chapters.flatMap(({ items }) => items).find(([, chapter]) => chapter === name);
  if (!found) throw new Error(`there is no chapter ${name}`);
  return found[0];
}
