/**
 * Looks through the pages of the site, by file: links to pages and headings that do not exist, and anything that a browser
 * would fetch from another host.
 *
 * @throws Error that names them all
 */
export function checkPages(pages: ReadonlyMap<string, string>, otherFiles: ReadonlySet<string>): void {
  const problems: string[] = [];
  for (const [file, html] of pages) {
    for (const [, url] of html.matchAll(/<(?:script|link|img|iframe|use|image)\b[^>]*?(?:src|href)="([^"]+)"/g))
      if (/^(https?:)?\/\//.test(url)) problems.push(`${file} fetches ${url}`);
      else if (!url.startsWith('data:') && !otherFiles.has(resolved(file, url))) problems.push(`${file} misses ${url}`);
    for (const [, href] of html.matchAll(/<a [^>]*?href="([^"]+)"/g)) {
      if (/^https?:/.test(href)) continue; // the reader decides whether to go there
      const [path, id] = href.split('#');
      const target = pages.get(path === '' ? file : resolved(file, path));
      if (target === undefined) problems.push(`${file} links to ${href}: there is no such page`);
      else if (id && !target.includes(`id="${decodeURIComponent(id)}"`))
        problems.push(`${file} links to ${href}: the page has no such heading`);
    }
  }
  if (problems.length > 0) throw new Error(`docs: ${problems.join('\ndocs: ')}`);
}

const resolved = (from: string, path: string): string => new URL(path, `file:///${from}`).pathname.slice(1);
