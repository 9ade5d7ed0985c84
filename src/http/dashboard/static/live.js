// Keeps the store up to date: a stream, and what is polled because it has none.

import { get, pages, Problem } from './api.js';
import { Series, series } from './charts.js';
import { Stream } from './sse.js';
import { store } from './store.js';

/** How often counters are asked for, in milliseconds, and how often sinks. */
const POLL = 2_000;
const POLL_SINKS = 5_000;
/** A hidden tab lets go after so long: to switch back and forth costs nothing. */
const GRACE = 5_000;
/** What has not been told for so long is said to be late. */
const LATE = 10_000;
/** Short breaks are nobody's business. */
const BREAK = 1_000;
/** Events that the feed begins with. */
const RECENT = 100;
/** Events that are caught up with at most: more would not be kept anyway, and would keep from the screen what happens now. */
const CATCH_UP = 2_000;
/** In how old events gaps are looked for, and in how many for each request: about what the server looks at for one answer. */
const GAPS_SINCE = '168h';
const WINDOW = 19_000;
/** Requests that this may take. */
const MUCH = 12;
/** The pause before what was before is asked for again, in milliseconds. */
const AGAIN = 5_000;

/** Both in one: a browser opens but six connections to a host, for all its windows together. */
const stream = new Stream('/stream', {
  opened: () => store.beginStates(),
  before: async (closed) => {
    const { next } = await get('/about', {}, closed);
    const missed = Number(next) - 1 - Number(stream.lastId);
    if (missed <= CATCH_UP) return;
    stream.lastId = String(Number(next) - 1 - CATCH_UP);
    store.passOver(missed - CATCH_UP);
    // Among what is passed over there may be gaps.
    attempt(() => gaps(Number(next)));
  },
  lost: broken,
  frame: ({ event, data, id }) => {
    // The first frame with an id says where the events begin: what was before is in the journal, so none is between the two.
    if (id && !hasPast) past(Number(id));
    if (event === 'state') store.setState(JSON.parse(data));
    else if (event === 'connection') store.setConnection(JSON.parse(data));
    else if (event === 'removed') store.removeConnection(JSON.parse(data).connection);
    else if (data && (event === 'event' || event === 'gap')) store.addEvent(JSON.parse(data));
    else if (event === 'present') {
      store.endStates();
      whole();
    }
  },
});

/** The stream is cut: who is about to say so, or `null` where it is said. @type {ReturnType<typeof setTimeout> | null | undefined} */
let cut;

/** The stream has ended, or could not be opened. @param {string} why */
function broken(why) {
  const { heard } = stream;
  if (cut === null) store.setCut(why, heard);
  if (cut !== undefined) return;
  cut = setTimeout(() => {
    cut = null;
    store.setCut(why, heard);
  }, BREAK);
}

function whole() {
  clearTimeout(cut ?? undefined);
  cut = undefined;
  store.setCut(null);
}

/** Starts, and goes on until the page is closed. */
export function live() {
  document.addEventListener('visibilitychange', visibility);
  window.addEventListener('online', () => stream.hurry());
  setInterval(() => store.touch('second'), 1000);
  poll('the figures of the connections', POLL, connections);
  poll('the sinks', POLL_SINKS, sinks);
  if (document.hidden) {
    isAway = true;
  } else {
    stream.open();
  }
}

let hasPast = false;

/** What was before the page was opened. @param {number} id how far it goes */
function past(id) {
  hasPast = true;
  attempt(() => recent(id));
  attempt(() => gaps(id + 1));
}

/** Asks until it has been answered. @param {() => Promise<void>} ask */
async function attempt(ask) {
  for (;;) {
    try {
      return await ask();
    } catch {
      await new Promise((resolve) => setTimeout(resolve, AGAIN));
    }
  }
}

/** @type {ReturnType<typeof setTimeout> | undefined} */
let leaving;
let isAway = false;

/** With six connections to a host for all tabs together, a sixth stream would leave none to ask by: so a tab that nobody sees has none. */
function visibility() {
  clearTimeout(leaving);
  if (document.hidden) {
    leaving = setTimeout(() => {
      isAway = true;
      stream.close();
      clearTimeout(cut ?? undefined);
      cut = null;
      // Whoever comes back sees at once that it is old, until it is told anew.
      store.setCut('nobody looked at this page', new Date());
    }, GRACE);
  } else if (isAway) {
    isAway = false;
    stream.open();
  }
}

/**
 * Asks again and again, and less often where the answer takes its time.
 * @param {string} what @param {number} every @param {() => Promise<void>} ask
 */
async function poll(what, every, ask) {
  let told = new Date();
  for (;;) {
    const begun = performance.now();
    if (!isAway) {
      try {
        await ask();
        told = new Date();
        store.setLate(what, null);
        if (cut !== undefined) stream.hurry();
      } catch (error) {
        // Streams may live while this is refused, or waits for a connection that the browser's other windows hold.
        const why = error instanceof Problem ? error.message : 'no answer';
        if (!isAway && Date.now() - told.getTime() > LATE) store.setLate(what, { since: told, why });
      }
    } else {
      told = new Date();
    }
    const took = performance.now() - begun;
    await new Promise((resolve) => setTimeout(resolve, Math.max(every - took, took * 5, 100)));
  }
}

async function connections() {
  const all = [];
  for await (const page of pages('/connections')) all.push(...page);
  const now = performance.now();
  for (const info of all) {
    let known = series.get(info.name);
    if (!known) series.set(info.name, (known = new Series()));
    known.push(now, info.events);
  }
  store.setConnections(all);
}

async function sinks() {
  try {
    const { items } = await get('/sinks');
    store.setSinks(items);
  } catch (error) {
    if (error instanceof Problem && error.status === 404) store.setSinks([]);
    else throw error;
  }
}

/** The feed's beginning: the last events that there are. @param {number} last */
async function recent(last) {
  const { items } = await get('/events', { after: Math.max(0, last - RECENT), limit: RECENT });
  store.addPast(items);
}

/**
 * Gaps, the latest first, as far as the journal tells without much ado; of the others, how many there are.
 * @param {number} next behind the last event that is looked at
 */
async function gaps(next) {
  // First: what is counted here is in the journal by then, so what is not found is older.
  const counted = [];
  for await (const page of pages('/connections')) counted.push(...page);
  const [first] = (await get('/events', { since: GAPS_SINCE, limit: 1 })).items;
  /** @type {Map<string, Set<string>>} */
  const found = new Map();
  let end = next;
  for (let asked = 0; first && asked < MUCH && end > Number(first.sequence); asked++) {
    const after = Math.max(Number(first.sequence) - 1, end - 1 - WINDOW);
    const { items } = await get('/events', { type: 'gap', after, limit: 1000 });
    store.addGaps(items);
    for (const gap of items) {
      const known = found.get(gap.connection);
      if (known) known.add(gap.id);
      else found.set(gap.connection, new Set([gap.id]));
    }
    end = after + 1;
  }
  store.setOlderGaps(new Map(counted.map(({ name, gaps }) => [name, Math.max(0, gaps - (found.get(name)?.size ?? 0))])));
}
