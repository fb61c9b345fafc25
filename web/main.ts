import { button, html, listen, messageOf } from './dom';
import { faces, wantedDevice } from './faces';
import { chapterPage, sourcePage, titleOf } from './links';
import type { Panel } from './panel';
import { PANELS } from './panels';

function found<E extends HTMLElement>(id: string, kind: new () => E): E {
  const element = document.getElementById(id);
  if (element instanceof kind) return element;
  throw new Error(`the page has no ${id}`);
}

const status = found('status', HTMLParagraphElement);
const content = found('content', HTMLElement);
const navigation = found('panels', HTMLElement);

/** A panel's section: its heading, what it is about, room for it, and where to read on. */
function sectionOf(panel: Panel): { section: HTMLElement; room: HTMLElement } {
  const room = html('div', { class: 'room' });
  const chapters = panel.chapters.map((name) => html('a', { href: chapterPage(name) }, titleOf(name)));
  const files = panel.files.map((path) => html('a', { href: sourcePage(path) }, html('code', {}, path)));
  const listed = (links: HTMLElement[]) => html('ul', {}, ...links.map((link) => html('li', {}, link)));
  const heading = html('h2', { id: `${panel.id}-title` }, panel.title);
  const reading = html(
    'details',
    { class: 'reading' },
    html('summary', {}, 'Read how it works'),
    html('div', {}, html('h3', {}, 'Chapters'), listed(chapters)),
    html('div', {}, html('h3', {}, 'Files'), listed(files)),
  );
  const section = html(
    'section',
    { id: panel.id, 'aria-labelledby': heading.id },
    heading,
    html('p', { class: 'about' }, panel.lead),
    room,
    reading,
  );
  return { section, room };
}

/** Panels are made when the reader comes near; the first, which finds a face, at once. */
function showPanels() {
  const mounts = new Map<Element, () => void>();
  const observer = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries)
        if (isIntersecting) {
          observer.unobserve(target);
          mounts.get(target)?.();
        }
    },
    { rootMargin: '300px' },
  );
  for (const [place, panel] of PANELS.entries()) {
    const { section, room } = sectionOf(panel);
    content.append(section);
    navigation.append(html('a', { href: `#${panel.id}` }, panel.short));
    if (place === 0) panel.mount(room);
    else {
      mounts.set(section, () => panel.mount(room));
      observer.observe(section);
    }
  }
}

async function openDevice() {
  const device = found('device', HTMLSelectElement);
  const wanted = wantedDevice();
  if ([...device.options].some(({ value }) => value === wanted)) device.value = wanted;
  // All workers and all that they have computed go with the page.
  listen(device, 'change', () => {
    const address = new URL(location.href);
    address.searchParams.set('device', device.value);
    location.assign(address);
  });
  try {
    const { name, description, reason } = await faces().open(wanted);
    status.textContent = `Computing on ${name}: ${description} (${reason}).`;
    status.dataset.device = name;
  } catch (error) {
    status.textContent = `The engine does not start: ${messageOf(error)}`;
    status.append(
      ' ',
      button('Try WebAssembly', () => location.assign('?device=wasm')),
    );
  }
}

function switchTheme() {
  const root = document.documentElement;
  const isDark = root.dataset.theme
    ? root.dataset.theme === 'dark'
    : matchMedia('(prefers-color-scheme: dark)').matches;
  root.dataset.theme = isDark ? 'light' : 'dark';
  localStorage.setItem('theme', root.dataset.theme);
}

listen(found('theme', HTMLButtonElement), 'click', switchTheme);
openDevice();
showPanels();
