/** The files of the site, by their paths; those of other kinds than HTML and CSS only have to be there. */
export type SiteFiles = ReadonlyMap<string, string | Uint8Array>;

/**
 * Looks through a site: links to pages and headings that do not exist, files that are missing, and anything that a browser
 * would fetch from another host.
 *
 * @throws Error that names them all
 */
export function checkSite(files: SiteFiles): void {
  const problems = Array.from(files, ([file, content]) => {
    if (typeof content !== 'string') return [];
    if (file.endsWith('.css'))
      return problemsOfFetches(files, file, content, /url\(["']?([^"')]+)|@import ["']([^"']+)/g);
    return [
      ...problemsOfFetches(
        files,
        file,
        content,
        /<(?:script|link|img|iframe|use|image)\b[^>]*?(?:src|href)="([^"]+)"/g,
      ),
      ...problemsOfLinks(files, file, content),
    ];
  }).flat();
  if (problems.length > 0) throw new Error(`docs: ${problems.join('\ndocs: ')}`);
}

function problemsOfFetches(files: SiteFiles, file: string, content: string, pattern: RegExp): string[] {
  return Array.from(content.matchAll(pattern), ([, first, second]) => first ?? second).flatMap((url) => {
    if (url.startsWith('data:') || files.has(resolved(file, url))) return [];
    return /^(https?:)?\/\//.test(url) ? `${file} fetches ${url}` : `${file} misses ${url}`;
  });
}

function problemsOfLinks(files: SiteFiles, file: string, html: string): string[] {
  return Array.from(html.matchAll(/<a [^>]*?href="([^"]+)"/g), ([, href]) => href).flatMap((href) => {
    if (/^https?:/.test(href)) return []; // the reader decides whether to go there
    const [path, id] = href.split('#');
    const target = files.get(path === '' ? file : resolved(file, path));
    if (typeof target !== 'string') return `${file} links to ${href}: there is no such page`;
    if (id && !target.includes(`id="${decodeURIComponent(id)}"`))
      return `${file} links to ${href}: the page has no such heading`;
    return [];
  });
}

const resolved = (from: string, path: string): string => new URL(path, `file:///${from}`).pathname.slice(1);
