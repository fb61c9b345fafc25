import { tex } from '@mdit/plugin-tex';
import hljs from 'highlight.js/lib/core';
import markdown from 'highlight.js/lib/languages/markdown';
import rust from 'highlight.js/lib/languages/rust';
import typescript from 'highlight.js/lib/languages/typescript';
import MarkdownIt from 'markdown-it';
import anchor from 'markdown-it-anchor';
import { examples, formula } from './examples';
import { sourceLinks } from './source';

hljs.registerLanguage('ts', typescript);
hljs.registerLanguage('md', markdown);
hljs.registerLanguage('wgsl', rust); // whose words WGSL took over

/** Code with its words marked, as HTML. */
export const highlighted = (code: string, language: string): string => hljs.highlight(code, { language }).value;

export interface Heading {
  level: number;
  id: string;
  text: string;
}

/** As hosts of repositories make it, so that links to headings work there too. */
const slugOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s-]/gu, '')
    .replaceAll(/\s/g, '-');

/** A chapter as HTML: formulas, examples and code included, all of it made here. */
export function render(chapter: string): { title: string; html: string; headings: Heading[] } {
  const headings: Heading[] = [];
  const md = new MarkdownIt({ html: true });
  md.use(tex, {
    render: (content, isBlock) =>
      isBlock ? `<div class="formula">${formula(content, true)}</div>\n` : formula(content, false),
  });
  md.use(anchor, {
    slugify: slugOf,
    permalink: anchor.permalink.headerLink({ safariReaderFix: true }),
    callback: ({ tag }, { title, slug }) => headings.push({ level: Number(tag.slice(1)), id: slug, text: title }),
  });
  md.use(examples);
  md.use(sourceLinks);
  // Fenced code, of chapters and cut out of files alike; examples are taken care of before.
  md.options.highlight = (code, language) =>
    hljs.getLanguage(language) ? highlighted(code, language) : md.utils.escapeHtml(code);
  const html = md.render(chapter).replaceAll('<pre>', '<pre tabindex="0">');
  const [first, ...others] = headings;
  return { title: first?.text ?? '', html, headings: others };
}
