// Keeps the store up to date: two streams, and what is polled because it has none.

import { get, pages, Problem } from './api.js';
import { Series, series } from './charts.js';
import { backwards } from './history.js';
import { Stream } from './sse.js';
import { store } from './store.js';

/** How often counters are asked for, in milliseconds, and how often sinks. */
const POLL = 2_000;
const POLL_SINKS = 5_000;
/** A hidden tab lets go after so long: to switch back and forth costs nothing. */
const GRACE = 5_000;
/** Short breaks are nobody's business. */
const BREAK = 1_000;
/** Events that the feed begins with. */
const RECENT = 100;

const states = new Stream('/states/stream', {
  opened: () => store.beginStates(),
  lost: (why) => broken(states, why),
  frame: ({ event, data }) => {
    if (event === 'state') store.setState(JSON.parse(data));
    else if (event === 'connection') store.setConnection(JSON.parse(data));
    else if (event === 'present') {
      store.endStates();
      whole(states);
    }
  },
});

const events = new Stream('/events/stream', {
  opened: () => {
    whole(events);
    // What comes from here on comes by the stream, and what was before is in the journal: so none is between the two.
    if (!hasPast) past();
  },
  lost: (why) => broken(events, why),
  frame: ({ event, data }) => {
    if (event === 'event' || event === 'gap') store.addEvent(JSON.parse(data));
  },
});

/** @type {Map<Stream, ReturnType<typeof setTimeout> | null>} streams that are cut, and who is about to say so */
const cut = new Map();

/** @param {Stream} stream @param {string} why */
function broken(stream, why) {
  if (cut.has(stream)) return;
  cut.set(stream, setTimeout(() => store.setCut(why), BREAK));
}

/** @param {Stream} stream */
function whole(stream) {
  const timer = cut.get(stream);
  if (timer) clearTimeout(timer);
  cut.delete(stream);
  if (!cut.size) store.setCut(null);
}

/** Starts, and goes on until the page is closed. */
export function live() {
  document.addEventListener('visibilitychange', visibility);
  window.addEventListener('online', hurry);
  setInterval(() => store.touch('second'), 1000);
  poll(POLL, connections);
  poll(POLL_SINKS, sinks);
  states.open();
  events.open();
}

let hasPast = false;

/** What was before the page was opened; asked for again at the next opening, where it could not be had. */
async function past() {
  hasPast = true;
  try {
    await recent();
    await gaps();
  } catch {
    hasPast = false;
  }
}

function hurry() {
  states.hurry();
  events.hurry();
}

/** @type {ReturnType<typeof setTimeout> | undefined} */
let leaving;
let isAway = false;

/**
 * A browser opens six connections to a host, for all tabs together. Two streams a tab would leave none for the fourth one, which
 * would hang without a word: so a tab that nobody sees has none.
 */
function visibility() {
  clearTimeout(leaving);
  if (document.hidden) {
    leaving = setTimeout(() => {
      isAway = true;
      states.close();
      events.close();
    }, GRACE);
  } else if (isAway) {
    isAway = false;
    states.open();
    events.open();
  }
}

/**
 * Asks again and again, and less often where the answer takes its time.
 * @param {number} every @param {() => Promise<void>} ask
 */
async function poll(every, ask) {
  for (;;) {
    const begun = performance.now();
    if (!isAway) {
      try {
        await ask();
        if (cut.size) hurry();
      } catch {
        // The streams tell that we are cut off.
      }
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

/** The feed's beginning: the last events that there are. */
async function recent() {
  let count = 0;
  for await (const { events: found } of backwards({}, { first: 2 })) {
    store.addPast(found);
    count += found.length;
    if (count >= RECENT) break;
  }
  // Where nothing has come yet, a broken stream goes on behind what was there.
  events.lastId ||= store.events.at(-1)?.sequence ?? '';
}

/** Gaps of the last day, as far as the journal tells without much ado. */
async function gaps() {
  let asked = 0;
  for await (const { events: found, requests, from } of backwards({ type: 'gap' }, { first: 300 })) {
    store.addGaps(found);
    asked += requests;
    if (asked > 12 || from > 86_400) break;
  }
}
