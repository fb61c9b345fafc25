import { chapters } from './chapters';
import type { Heading } from './markdown';

export interface Page {
  /** Of the file, without .html; '' for pages that are no chapters. */
  name: string;
  title: string;
  html: string;
  headings: readonly Heading[];
  /** From the page to the folder of all. */
  root: '' | '../';
}

const order = [['The way through', 'index'] as const, ...chapters.flatMap(({ items }) => items)];

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

function chapterList({ name, root }: Page): string {
  const link = ([title, chapter]: readonly [string, string]) =>
    `<li><a href="${root}${chapter}.html"${chapter === name ? ' aria-current="page"' : ''}>${escaped(title)}</a></li>`;
  const parts = chapters.map(({ part, items }) => `<p>${escaped(part)}</p><ul>${items.map(link).join('')}</ul>`);
  return `<ul>${link(order[0])}</ul>${parts.join('')}`;
}

function outline(headings: readonly Heading[]): string {
  if (headings.length === 0) return '';
  const items = headings.map(
    ({ level, id, text }) => `<li class="level-${level}"><a href="#${id}">${escaped(text)}</a></li>`,
  );
  return `<nav class="outline" aria-label="On this page"><p>On this page</p><ul>${items.join('')}</ul></nav>`;
}

function neighbours({ name }: Page): string {
  const place = order.findIndex(([, chapter]) => chapter === name);
  if (place < 0) return '';
  const link = (at: number, words: string) => {
    const neighbour = order[at];
    return neighbour
      ? `<a href="${neighbour[1]}.html"><span>${words}</span>${escaped(neighbour[0])}</a>`
      : '<span></span>';
  };
  return `<nav class="neighbours" aria-label="Neighbouring chapters">${link(place - 1, 'Before')}${link(place + 1, 'Next')}</nav>`;
}

/** Before anything is drawn: what the reader chose, if not what the system says. The only script of the site. */
const THEME = `
const stored = localStorage.getItem('theme');
if (stored) document.documentElement.dataset.theme = stored;
addEventListener('DOMContentLoaded', () => document.getElementById('theme').addEventListener('click', () => {
  const root = document.documentElement;
  const isDark = getComputedStyle(root).colorScheme === 'dark' ||
    (!root.dataset.theme && matchMedia('(prefers-color-scheme: dark)').matches);
  root.dataset.theme = isDark ? 'light' : 'dark';
  localStorage.setItem('theme', root.dataset.theme);
}));
`;

export const pageHtml = (page: Page): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(page.title)} · likeness</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="${page.root}style.css">
<script>${THEME}</script>
</head>
<body>
<a class="skip" href="#content">Skip to the text</a>
<header><a class="home" href="${page.root}index.html">likeness</a><button id="theme" type="button">Light or dark</button></header>
<details class="menu"><summary>Chapters</summary><nav aria-label="Chapters">${chapterList(page)}</nav></details>
<div class="columns">
<nav class="chapters" aria-label="Chapters">${chapterList(page)}</nav>
<main id="content">
${page.html}
${neighbours(page)}
</main>
${outline(page.headings)}
</div>
</body>
</html>
`;
