import { type Curves, drawChart, drawPanels } from './chart';
import type { Mistake } from './mistakes';
import { openPage } from './page';
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
  /** None where no names are learnt. */
  mistakes: readonly Mistake[] | undefined;
}

const NOTE =
  'Training figures are of varied images, smoothed targets, and weights that still change during the epoch; test images ' +
  'are taken as they are, after it. So the former may be worse. A loss beyond the scale is drawn at its edge.';
const MOST_MISTAKES = 20;

/** A page to read in a browser, which needs no other file, and its curves as a picture. */
export function writeReport(report: TrainingReport): { html: string; svg: string } {
  const { document, add, section, table, html } = openPage(report.title);
  const charts = add('div', ...drawPanels(document, report));
  charts.className = 'charts';
  const tables = add('div', section('What it is', report.facts), section('How it was trained', report.settings));
  tables.className = 'tables';
  document.body.append(
    add('h1', report.title),
    add('p', report.result),
    charts,
    add('p', NOTE),
    ...(report.mistakes ? [add('h2', 'The most frequent mistakes'), ...mistakes(report.mistakes)] : []),
    tables,
    add('h2', 'The command'),
    add('p', add('code', report.command)),
  );
  return { html: html(), svg: drawChart(document, report) };

  function mistakes(all: readonly Mistake[]): Element[] {
    if (all.length === 0) return [add('p', 'None: every test image was given the right name.')];
    const headings = ['Person', 'was taken for', 'images', 'how sure', 'for instance'];
    const rows = all
      .slice(0, MOST_MISTAKES)
      .map(({ person, takenFor, files, of, probability }) => [
        person,
        takenFor,
        `${files.length} of ${of}`,
        percent(probability),
        files[0],
      ]);
    const others = all.length - MOST_MISTAKES;
    const shown = table(headings, rows);
    return others > 0 ? [shown, add('p', `And ${others} more, less frequent or less sure.`)] : [shown];
  }
}
