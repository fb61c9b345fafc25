import type { Page } from 'playwright-core';

/** Milliseconds that the main thread may compute at a stretch. By the clock it is longer where programs wait for a core. */
export const LONGEST_TASK = 100;

export interface Task {
  /** Milliseconds from its beginning to its end, in which other programs had their turns as well. */
  wall: number;
  /** Of these, what the thread itself has computed. */
  own: number;
}

/** The tasks of the page's main thread while `act` goes on. */
export async function tasksDuring(shown: Page, act: () => Promise<void>): Promise<Task[]> {
  const session = await shown.context().newCDPSession(shown);
  const events: {
    ph?: string;
    name?: string;
    pid?: number;
    tid?: number;
    dur?: number;
    tdur?: number;
    args?: unknown;
  }[] = [];
  session.on('Tracing.dataCollected', ({ value }) => events.push(...value));
  await session.send('Tracing.start', {
    transferMode: 'ReportEvents',
    traceConfig: { includedCategories: ['toplevel'] },
  });
  await act();
  const complete = new Promise((done) => session.once('Tracing.tracingComplete', done));
  await session.send('Tracing.end');
  await complete;
  await session.detach();
  const threads = events.filter(
    ({ name, args }) => name === 'thread_name' && JSON.stringify(args) === '{"name":"CrRendererMain"}',
  );
  return events
    .filter(({ ph, name = '', pid, tid }) => {
      return (
        ph === 'X' && name.endsWith('RunTask') && threads.some((thread) => thread.pid === pid && thread.tid === tid)
      );
    })
    .map(({ dur = 0, tdur = 0 }) => ({ wall: dur / 1000, own: tdur / 1000 }));
}
