import { parseHTML } from 'linkedom';
import { CHART_STYLE, type Curves, drawChart, drawPanels } from './chart';
import type { Mistake } from './mistakes';
import { percent } from './verify';

/** What is told of a training when it ends. */
export interface TrainingReport extends Curves {
  title: string;
  /** In one sentence. */
  result: string;
  /** As it was typed. */
  command: string;
  facts: Record<string, string | number>;
  settings: Record<string, string | number>;
  mistakes: readonly Mistake[];
}

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
  @media (prefers-color-scheme: dark) { body { color: #ddd; background: #16181d; } }
`;
const NOTE =
  'Training figures are of varied images, smoothed targets, and weights that still change during the epoch; test images ' +
  'are taken as they are, after it. So the former may be worse. A loss beyond the scale is drawn at its edge.';
const MOST_MISTAKES = 20;

/** A page to read in a browser, which needs no other file, and its curves as a picture. */
export function writeReport(report: TrainingReport): { html: string; svg: string } {
  const { document } = parseHTML(PAGE);
  const add = adderOf(document);
  const head = document.head;
  head.append(viewport(document), add('title', report.title), add('style', STYLE.trimEnd(), `\n  ${CHART_STYLE}\n`));
  const charts = add('div', ...drawPanels(document, report));
  charts.className = 'charts';
  const tables = add('div', section('What it is', report.facts), section('How it was trained', report.settings));
  tables.className = 'tables';
  document.body.append(
    add('h1', report.title),
    add('p', report.result),
    charts,
    add('p', NOTE),
    add('h2', 'The most frequent mistakes'),
    ...mistakes(report.mistakes),
    tables,
    add('h2', 'The command'),
    add('p', add('code', report.command)),
  );
  return { html: `${document.toString()}\n`, svg: drawChart(document, report) };

  function section(heading: string, entries: Record<string, string | number>): Element {
    const rows = Object.entries(entries).map(([name, value]) =>
      add('tr', add('th', inWords(name)), add('td', String(value))),
    );
    return add('section', add('h2', heading), add('table', add('tbody', ...rows)));
  }

  function mistakes(all: readonly Mistake[]): Element[] {
    if (all.length === 0) return [add('p', 'None: every test image was given the right name.')];
    const headings = ['Person', 'was taken for', 'images', 'how sure', 'for instance'];
    const rows = all
      .slice(0, MOST_MISTAKES)
      .map(({ person, takenFor, files, of, probability }) =>
        [person, takenFor, `${files.length} of ${of}`, percent(probability), files[0]].map((cell) => add('td', cell)),
      );
    const table = add(
      'table',
      add('thead', add('tr', ...headings.map((heading) => add('th', heading)))),
      add('tbody', ...rows.map((cells) => add('tr', ...cells))),
    );
    const others = all.length - MOST_MISTAKES;
    return others > 0 ? [table, add('p', `And ${others} more, less frequent or less sure.`)] : [table];
  }
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
