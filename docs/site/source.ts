import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { parse } from '@babel/parser';
import type MarkdownIt from 'markdown-it';

/*
 * Chapters link to the project's files as `../src/...`, which is where they are on a host of repositories too. Paths here
 * are from the project's root, where npm runs its scripts.
 */

const LINK = /^\.\.\/((?:src|web|shaders|test|bench|models|scripts)\/[^#]+|README\.md)(?:#(.+))?$/;

/** A file of the project, by its path from the root. @throws Error when there is none */
export function readSource(path: string): string {
  if (!existsSync(path)) throw new Error(`docs: there is no file ${path}`);
  return readFileSync(path, 'utf8');
}

/** What of Babel's tree is looked at. */
interface Node {
  type: string;
  start: number;
  end: number;
  leadingComments?: readonly { start: number }[] | null;
}

const isNode = (value: unknown): value is Node =>
  typeof value === 'object' &&
  value !== null &&
  'type' in value &&
  'start' in value &&
  typeof value.start === 'number' &&
  'end' in value;

const parts = (node: Node): Node[] =>
  Object.entries(node)
    .filter(([name]) => !name.endsWith('Comments'))
    .flatMap(([, value]) => (Array.isArray(value) ? value : [value]))
    .filter(isNode);

const nameOf = (node: unknown): string | undefined => {
  if (!isNode(node)) return undefined;
  if ('name' in node && typeof node.name === 'string') return node.name;
  if (node.type === 'PrivateName' && 'id' in node) return `#${nameOf(node.id)}`;
  return undefined;
};

/** The names that a statement or a member of a class declares. */
function declaredNames(node: Node): (string | undefined)[] {
  if ('declaration' in node && isNode(node.declaration)) return declaredNames(node.declaration);
  if (node.type === 'VariableDeclaration') return parts(node).flatMap(declaredNames);
  if ('key' in node) return [nameOf(node.key)];
  return 'id' in node ? [nameOf(node.id)] : [];
}

/** Outer ones first: a function is found before a property of the same name inside of another. */
function find(node: Node, wanted: (node: Node) => boolean): Node | undefined {
  const waiting = [node];
  for (let next = waiting.shift(); next; next = waiting.shift()) {
    if (wanted(next)) return next;
    waiting.push(...parts(next));
  }
  return undefined;
}

/** The innermost statement with a call of `callee`. */
function statementCalling(node: Node, callee: string): Node | undefined {
  for (const part of parts(node)) {
    const inner = statementCalling(part, callee);
    if (inner) return inner;
  }
  if (!/Statement$|^VariableDeclaration$/.test(node.type) || node.type === 'BlockStatement') return undefined;
  const isCall = (one: Node) => one.type === 'CallExpression' && 'callee' in one && nameOf(one.callee) === callee;
  return find(node, isCall) && node;
}

/**
 * A declaration with the comment above it.
 *
 * @param path   from the root of the project
 * @param symbol `name`, `Class.member`, or `name:callee`: of the declaration only the statement that calls `callee`.
 *               Of a shader the name of a function.
 * @throws Error when there is no such declaration: nothing is included that is not there
 */
export function cut(path: string, symbol: string): string {
  const code = readSource(path);
  const missing = new Error(`docs: ${path} has no ${symbol}`);
  if (path.endsWith('.wgsl')) {
    const found = code.match(new RegExp(`(?:^//.*\\n)*^(?:fn|struct) ${symbol}\\b[\\s\\S]*?^}\\n`, 'm'));
    if (!found) throw missing;
    return found[0];
  }
  const [names, callee] = symbol.split(':');
  const { program } = parse(code, { sourceType: 'module', plugins: ['typescript', 'explicitResourceManagement'] });
  if (!isNode(program)) throw missing;
  let node: Node = program;
  for (const name of names.split('.')) {
    const found = find(node, (one) => declaredNames(one).includes(name));
    if (!found) throw missing;
    node = found;
  }
  const target = callee ? statementCalling(node, callee) : node;
  if (!target) throw missing;
  const start = target.leadingComments?.[0]?.start ?? target.start;
  const line = code.lastIndexOf('\n', start) + 1;
  const indent = code.slice(line).match(/^ */)?.[0] ?? '';
  return code.slice(line, target.end).replaceAll(`\n${indent}`, '\n').slice(indent.length);
}

export const languageOf = (path: string): string =>
  path.endsWith('.wgsl') ? 'wgsl' : path.endsWith('.md') ? 'md' : 'ts';

/** The page of the site that shows a file. */
export const pageOf = (path: string): string => path.replaceAll(/[/.]/g, '-');

/** Every file that a chapter links to: those have a page. */
export function linkedFiles(): string[] {
  const chapters = readdirSync('docs').filter((file) => file.endsWith('.md'));
  const links = chapters.flatMap((file) =>
    Array.from(readFileSync(`docs/${file}`, 'utf8').matchAll(/\]\((\.\.\/[^)\s]+)\)/g), ([, link]) => link),
  );
  return [...new Set(links.flatMap((link) => link.match(LINK)?.[1] ?? []))].sort();
}

/**
 * A paragraph that is nothing but a link to a declaration, `[the loop](../src/x.ts#name)`, becomes that declaration, with
 * the link as its heading. All other links to files become links to the pages that show them, and links to other chapters
 * to theirs. What does not exist fails the build.
 */
export function sourceLinks(md: MarkdownIt): void {
  md.core.ruler.after('inline', 'source-links', (state) => {
    for (let k = 0; k < state.tokens.length; k++) {
      const links = (state.tokens[k].children ?? []).filter(({ type }) => type === 'link_open');
      for (const link of links) {
        const href = link.attrGet('href') ?? '';
        const [, path, symbol] = href.match(LINK) ?? [];
        if (!path) {
          link.attrSet('href', href.replace(/^\.\/([^#]+)\.md/, '$1.html'));
          continue;
        }
        readSource(path);
        link.attrSet('href', `source/${pageOf(path)}.html`);
        if (!symbol) continue;
        const code = cut(path, symbol);
        if (links.length > 1 || state.tokens[k - 1]?.type !== 'paragraph_open') continue;
        const inline = state.tokens[k].children ?? [];
        if (inline[0] !== link || inline.at(-1)?.type !== 'link_close') continue;
        state.tokens[k - 1].attrSet('class', 'source');
        const note = new state.Token('html_inline', '', 0);
        note.content = ` <code>${path.replace(/^src\//, '')}</code>`;
        inline.push(note);
        const fence = new state.Token('fence', 'code', 0);
        fence.info = languageOf(path);
        fence.content = `${code.trimEnd()}\n`;
        state.tokens.splice(k + 2, 0, fence);
      }
    }
  });
}
