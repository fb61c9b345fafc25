import { parseHTML } from 'linkedom';
import { CHART_STYLE } from './chart';

const PAGE = '<!doctype html><html lang="en"><head><meta charset="utf-8"></head><body></body></html>';
const STYLE = `
  :root { color-scheme: light dark; }
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 1100px; margin: 2rem auto; padding: 0 1rem;
    color: #222; background: #fff; }
  h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
  .charts { display: flex; flex-wrap: wrap; }
  .tables { display: flex; flex-wrap: wrap; gap: 0 4rem; }
  table { border-collapse: collapse; }
  th, td { text-align: left; vertical-align: top; padding: 0.25rem 1.5rem 0.25rem 0; border-bottom: 1px solid #8884; }
  th { font-weight: 600; }
  td { overflow-wrap: anywhere; }
  code { font-size: 0.9em; overflow-wrap: anywhere; }
  img { width: 112px; height: 112px; object-fit: cover; }
  @media (prefers-color-scheme: dark) { body { color: #ddd; background: #16181d; } }
`;

export interface Page {
  document: Document;
  /** Makes an element of texts, which are escaped, and other elements. */
  add(name: string, ...content: (string | Element)[]): Element;
  /** A heading, and a table of names and values under it. */
  section(heading: string, entries: Record<string, string | number>): Element;
  table(headings: readonly string[], rows: readonly (readonly (string | Element)[])[]): Element;
  html(): string;
}

/** A page to read in a browser, which needs no other file; what it holds is appended to `document.body`. */
export function openPage(title: string): Page {
  const { document } = parseHTML(PAGE);
  const add = adderOf(document);
  document.head.append(viewport(document), add('title', title), add('style', STYLE.trimEnd(), `\n  ${CHART_STYLE}\n`));
  const table = (headings: readonly string[], rows: readonly (readonly (string | Element)[])[]) =>
    add(
      'table',
      add('thead', add('tr', ...headings.map((heading) => add('th', heading)))),
      add('tbody', ...rows.map((cells) => add('tr', ...cells.map((cell) => add('td', cell))))),
    );
  const section = (heading: string, entries: Record<string, string | number>) => {
    const rows = Object.entries(entries).map(([name, value]) =>
      add('tr', add('th', inWords(name)), add('td', String(value))),
    );
    return add('section', add('h2', heading), add('table', add('tbody', ...rows)));
  };
  return { document, add, section, table, html: () => `${document.toString()}\n` };
}

/** learningRate becomes: learning rate */
const inWords = (name: string) => name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);

/** Makes an element of texts, which are escaped, and other elements. */
const adderOf =
  (document: Document) =>
  (name: string, ...content: (string | Element)[]): Element => {
    const element = document.createElement(name);
    element.append(...content);
    return element;
  };

function viewport(document: Document): Element {
  const meta = document.createElement('meta');
  meta.setAttribute('name', 'viewport');
  meta.setAttribute('content', 'width=device-width, initial-scale=1');
  return meta;
}
