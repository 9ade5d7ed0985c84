// The connections: how each is doing, how much comes, and what to do about one that has halted.

import { Chart, series } from './charts.js';
import { byId, h, setAttribute, setText } from './dom.js';
import { restart } from './restart.js';
import { sortable, store } from './store.js';
import { Badge } from './tiles.js';
import { count, duration, moment, plural, rate, since } from './time.js';
import { CONNECTION_TONES, TONES, VENDORS } from './words.js';
import { VirtualList } from './virtual.js';

/** @typedef {import('./store.js').Connection} Connection */
/** @typedef {{kind: 'connection', key: string, name: string}} Line */

const ROW = 56;
const ROW_NARROW = 92;
const NARROW = 620;
/** Which share of the window the list may take on the overview, where others stand below it. */
const SHARE = 0.4;

const panel = byId('connections');
const scroller = byId('connections-scroller');

class ConnectionRow {
  #name = '';
  #badge = new Badge();
  #link = h('a', { class: 'title' });
  #vendor = h('span', { class: 'muted' });
  #reason = h('span', { class: 'reason' });
  #chart = new Chart();
  #figures = new Map(['Events/s', 'Lag', 'Events', 'Gaps', 'Restarts'].map((label) => [label, h('dd')]));
  #restart = h('button', { type: 'button', class: 'small', text: 'Restart', on: { click: () => restart(this.#name) } });
  element = h(
    'div',
    { class: 'row connection' },
    h('div', { class: 'state' }, this.#badge.element, this.#restart),
    h('div', { class: 'name' }, h('span', { class: 'line' }, this.#link, this.#vendor), this.#reason),
    this.#chart.element,
    h('dl', { class: 'figures' }, ...[...this.#figures].map(([label, value]) => h('div', { class: label.replace(/\W/g, '').toLowerCase() }, h('dt', { text: label }), value))),
  );

  /** @param {Line} line */
  update({ name }) {
    const info = store.connections.get(name);
    if (!info) return;
    this.#name = name;
    this.#badge.show(`${info.state} ${since(moment(info.since))}`, CONNECTION_TONES[info.state] ?? 'off');
    setText(this.#link, store.titleOf(name));
    setAttribute(this.#link, 'href', `#/items?site=${encodeURIComponent(name)}`);
    setAttribute(this.#link, 'title', name);
    setText(this.#vendor, [info.title ? name : '', VENDORS[info.vendor] ?? info.vendor].filter(Boolean).join(' · '));
    const reason = info.state === 'online' ? detail(info) : info.reason || info.last_error || 'no reason told';
    setText(this.#reason, reason);
    setAttribute(this.#reason, 'title', reason);
    setAttribute(this.#restart, 'hidden', info.state !== 'halted');
    setAttribute(this.#restart, 'aria-label', `Restart ${store.titleOf(name)}`);
    const own = series.get(name);
    this.#chart.draw(own);
    this.#set('Events/s', rate(own?.now));
    this.#set('Lag', info.lag === null || info.lag === undefined ? '–' : duration(info.lag));
    this.#set('Events', count(info.events));
    this.#set('Gaps', count(info.gaps), info.gaps > 0);
    this.#set('Restarts', count(info.restarts));
    setAttribute(this.#figures.get('Restarts')?.parentElement ?? this.element, 'title', `${plural(info.tries, 'try', 'tries')} to connect, ${plural(info.restarts, 'restart')} after a fault`);
  }

  /** @param {string} label @param {string} text @param {boolean} [isBad] */
  #set(label, text, isBad = false) {
    const value = this.#figures.get(label);
    if (!value) return;
    setText(value, text);
    setAttribute(value, 'data-tone', isBad && 'bad');
  }
}

/** @param {Connection} info */
function detail(info) {
  const last = moment(info.last_event);
  return [plural(info.states, 'state'), last ? `last event ${since(last)} ago` : 'no event yet', info.repeats && `${plural(info.repeats, 'repeat')} left out`].filter(Boolean).join(' · ');
}

const list = /** @type {VirtualList<Line>} */ (
  new VirtualList(scroller, {
    label: 'Connections',
    create: () => new ConnectionRow(),
    height: (_, width) => (width < NARROW ? ROW_NARROW : ROW),
  })
);

/** Those that ask for attention first, then by name. */
function layout() {
  const place = (/** @type {Connection} */ info) => TONES.indexOf(CONNECTION_TONES[info.state] ?? 'off') % (TONES.length - 1);
  const keyed = [...store.connections.values()].map((info) => ({ info, place: place(info), name: sortable(store.titleOf(info.name)) }));
  keyed.sort((a, b) => a.place - b.place || (a.name < b.name ? -1 : 1));
  list.setRows(keyed.map(({ info }) => ({ kind: 'connection', key: info.name, name: info.name })));
  size();
  setAttribute(byId('connections-empty'), 'hidden', store.connections.size > 0);
}

/** On the overview the list is as high as it needs to be, within bounds. */
function size() {
  const isWhole = document.body.dataset.view === 'connections';
  const high = isWhole ? '' : `${Math.min(list.height, Math.max(3 * ROW, Math.round(window.innerHeight * SHARE)))}px`;
  if (scroller.style.height !== high) scroller.style.height = high;
}

/** All that came in, over all connections, and how they are. */
function sum() {
  const all = [...store.connections.values()];
  const online = all.filter((info) => info.state === 'online').length;
  const rates = all.map((info) => series.get(info.name)?.now ?? null).filter((now) => now !== null);
  const total = rates.length ? rates.reduce((sum, one) => sum + one, 0) : null;
  setText(byId('figure-online'), all.length ? `${count(online)}/${count(all.length)}` : '–');
  setAttribute(byId('figure-online'), 'data-tone', online < all.length && 'warn');
  setText(byId('figure-rate'), rate(total));
  setText(byId('figure-items'), count(store.items.size));
}

export function startConnections() {
  store.on(['connections', 'link'], layout);
  store.on(['connections', 'items'], sum);
  store.on(['second'], () => list.draw());
  window.addEventListener('resize', size);
  // The list has its new height by then.
  new ResizeObserver(size).observe(scroller);
  window.addEventListener('hashchange', () => requestAnimationFrame(layout));
  setAttribute(panel, 'aria-busy', false);
}
