// What happens, as it happens.

import { byId, h, setAttribute, setOptions, setText } from './dom.js';
import { showEvent } from './event.js';
import { note, route } from './router.js';
import { store } from './store.js';
import { Badge } from './tiles.js';
import { clock, count, moment, plural } from './time.js';
import { ORIGINS, title, toneOf, words } from './words.js';
import { VirtualList } from './virtual.js';

/** @typedef {import('./store.js').Event} Event */

const ROW = 52;

const scroller = byId('feed-scroller');
const search = byId('feed-search');
const sites = byId('feed-site');
const kinds = byId('feed-kind');
const pause = byId('feed-pause');
const status = byId('feed-status');
const empty = byId('feed-empty');

class EventRow {
  #time = h('time');
  #item = h('span', { class: 'title' });
  #what = h('span', { class: 'what' });
  #site = h('span', { class: 'muted site' });
  #origin = h('span', { class: 'origin' });
  #badge = new Badge();
  /** @type {Event | null} */
  #event = null;
  #button = h(
    'button',
    { type: 'button', class: 'event', on: { click: () => this.#event && showEvent(this.#event) } },
    this.#time, h('span', { class: 'line' }, this.#item, this.#badge.element), h('span', { class: 'line second' }, this.#what, this.#origin, this.#site),
  );
  element = h('div', { class: 'row' }, this.#button);

  /** @param {Event} event */
  update(event) {
    if (this.#event === event) return;
    this.#event = event;
    const when = moment(event.time) ?? moment(event.recordedtime);
    setText(this.#time, clock(when));
    setAttribute(this.#time, 'datetime', when?.toISOString());
    setText(this.#item, event.itemname ?? event.subject ?? store.titleOf(event.connection));
    setText(this.#what, title(event));
    setText(this.#site, store.titleOf(event.connection));
    setText(this.#origin, ORIGINS[event.origin] ?? '');
    setAttribute(this.#origin, 'hidden', !ORIGINS[event.origin]);
    const tone = toneOf(event);
    setAttribute(this.#button, 'data-tone', event.type === 'gap' ? 'bad' : null);
    const value = event.stategroup ? words(event.state ?? '') : event.type === 'gap' ? 'Gap' : event.type === 'engine.connection' ? words(event.data?.new ?? '') : '';
    setAttribute(this.#badge.element, 'hidden', !value);
    this.#badge.show(value, tone);
  }
}

/** What kinds there are to choose from. @type {[string, string, (event: Event) => boolean][]} */
const KINDS = [
  ['', 'All events', () => true],
  ['attention', 'Needs attention', (event) => ['bad', 'warn'].includes(toneOf(event))],
  ['engine', 'Gaps and connections', (event) => event.origin === 'engine'],
  ['quiet', 'Without motion', (event) => !event.type.startsWith('motion.')],
  ['recovered', 'Recovered later', (event) => event.origin in ORIGINS],
];

/** Kinds all of whose events are notable. */
const NOTABLE = ['attention', 'engine'];

const list = /** @type {VirtualList<Event>} */ (
  new VirtualList(scroller, { label: 'Events, the newest first', create: () => new EventRow(), height: () => ROW })
);

/** The events that are shown while it is paused. @type {Record<'events' | 'notable', Event[]> | null} */
let held = null;
/** Events heard when it was paused, and when it was last put together. */
let heardAtPause = 0;
/** What is shown first now. */
let newest = '';

function layout() {
  const terms = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  const isOfKind = KINDS.find(([value]) => value === kinds.value)?.[2] ?? (() => true);
  /** @type {Event[]} */
  const lines = [];
  let added = -1;
  const { events: last, notable } = held ?? store;
  // Of what asks for attention older ones are kept, too.
  const from = last[0]?.sequence ?? '';
  const events = NOTABLE.includes(kinds.value) ? [...notable.filter((event) => !last.length || event.sequence < from), ...last] : last;
  for (let index = events.length - 1; index >= 0; index--) {
    const event = events[index];
    if ((sites.value && event.connection !== sites.value) || !isOfKind(event)) continue;
    if (terms.length) {
      const text = haystack(event);
      if (!terms.every((/** @type {string} */ term) => text.includes(term))) continue;
    }
    if (event.sequence === newest) added = lines.length;
    lines.push(event);
  }
  newest = lines[0]?.sequence ?? '';
  list.setRows(lines, Math.max(0, added));
  setAttribute(empty, 'hidden', lines.length > 0);
  setText(empty, events.length ? 'No event of those here is like that.' : 'Nothing has happened yet.');
  tell();
}

/** @type {WeakMap<Event, string>} what is searched, made once for each event */
const haystacks = new WeakMap();

/** @param {Event} event */
function haystack(event) {
  let text = haystacks.get(event);
  if (text === undefined) {
    text = [event.itemname, event.subject, title(event), event.type, event.state, event.connection, store.titleOf(event.connection)].join('\n').toLowerCase();
    haystacks.set(event, text);
  }
  return text;
}

/** Says how many wait. */
function tell() {
  const waiting = held ? store.heard - heardAtPause : 0;
  const passed = store.passed ? `; ${count(store.passed)} of while this page was away are not` : '';
  setText(status, held ? `Paused: ${plural(waiting, 'event')} waiting` : `${count(list.length)} shown${passed}`);
  setAttribute(status, 'data-tone', held ? 'warn' : null);
  setText(pause, held ? 'Resume' : 'Pause');
  setAttribute(pause, 'aria-pressed', String(held !== null));
}

export function togglePause() {
  held = held ? null : { events: [...store.events], notable: [...store.notable] };
  heardAtPause = store.heard;
  layout();
}

/** Chooses what the address says. */
export function chooseFeed() {
  const { query } = route();
  search.value = query.get('text') ?? '';
  kinds.value = query.get('kind') ?? '';
  sites.value = query.get('of') ?? '';
  layout();
}

export function startFeed() {
  setOptions(kinds, KINDS.map(([value, label]) => [value, label]));
  for (const field of [search, sites, kinds]) {
    field.addEventListener('input', () => {
      note({ text: search.value.trim(), of: sites.value, kind: kinds.value });
      layout();
    });
  }
  pause.addEventListener('click', togglePause);
  store.on(['events'], () => {
    if (held) tell();
    // Nobody sees it elsewhere; it is put together when somebody comes.
    else if (['overview', 'feed'].includes(document.body.dataset.view ?? '')) layout();
  });
  store.on(['connections'], () => {
    setOptions(sites, [['', 'All connections'], ...[...store.connections.keys()].map((name) => /** @type {[string, string]} */ ([name, store.titleOf(name)]))]);
    const wish = route().query.get('of') ?? '';
    if (sites.value !== wish) {
      sites.value = wish;
      layout();
    }
  });
}
