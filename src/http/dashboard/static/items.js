// Every item, grouped by site, with its states as tiles.

import { byId, h, setAttribute, setOptions, setText } from './dom.js';
import { itemAddress, note, route } from './router.js';
import { sortable, store } from './store.js';
import { Badge, Tile } from './tiles.js';
import { clock, count, moment, plural } from './time.js';
import { CONNECTION_TONES, VENDORS, words } from './words.js';
import { VirtualList } from './virtual.js';

/** @typedef {import('./store.js').Item} Item */
/** @typedef {{kind: 'site', key: string, connection: string, shown: number, bad: number, warn: number, isClosed: boolean}} Site */

/** Sizes in pixels, as in the style sheet. */
const SITE = 38;
const ROW = 48;
const ROW_NARROW = 76;
const NAME = 232;
const TILE = 98;
const NARROW = 620;
/** The list is put together anew no more often than this, in milliseconds: for new items, while all are told, and for values that a filter asks for. */
const SOON = 150;
const FILLING = 600;
const LATER = 1000;

const panel = byId('items');
const scroller = byId('items-scroller');
const search = byId('items-search');
const sites = byId('items-site');
const states = byId('items-state');
const figure = byId('items-count');
const empty = byId('items-empty');

/** Sites whose items are folded away. @type {Set<string>} */
const closed = new Set();

class SiteRow {
  #badge = new Badge();
  #title = h('span', { class: 'title' });
  #vendor = h('span', { class: 'muted' });
  #counts = h('span', { class: 'counts' });
  #connection = '';
  #button = h('button', { type: 'button', class: 'site', on: { click: () => fold(this.#connection) } }, h('i', { class: 'fold', 'aria-hidden': 'true' }), this.#title, this.#vendor, this.#badge.element, this.#counts);
  element = h('div', { class: 'row' }, this.#button);

  /** @param {Site} site */
  update(site) {
    this.#connection = site.connection;
    const info = store.connections.get(site.connection);
    setText(this.#title, store.titleOf(site.connection));
    setText(this.#vendor, [VENDORS[info?.vendor ?? ''] ?? info?.vendor, info?.title ? site.connection : ''].filter(Boolean).join(' · '));
    const state = info?.state ?? 'unknown';
    const since = info && state !== 'online' ? `${state} since ${clock(moment(info.since))}` : state;
    this.#badge.show(since, CONNECTION_TONES[state] ?? 'unknown');
    const problems = [site.bad && `${plural(site.bad, 'item')} in trouble`, site.warn && `${count(site.warn)} to look at`].filter(Boolean);
    setText(this.#counts, [plural(site.shown, 'item'), ...problems].join(' · '));
    setAttribute(this.#button, 'aria-expanded', String(!site.isClosed));
  }
}

class ItemRow {
  #name = h('span', { class: 'title' });
  #id = h('span', { class: 'muted id' });
  #tiles = h('span', { class: 'tiles' });
  #link = h('a', { class: 'item' }, h('span', { class: 'name' }, this.#name, this.#id), this.#tiles);
  element = h('div', { class: 'row' }, this.#link);
  /** @type {Tile[]} */
  #made = [];
  #print = '';

  /** @param {Item} item */
  update(item) {
    const isStale = store.isStale(item.connection, item.states[0]?.stale);
    const print = `${item.key}\n${item.version}\n${isStale}\n${room}`;
    if (print === this.#print) return;
    this.#print = print;
    setText(this.#name, item.name);
    setText(this.#id, item.id === item.name ? '' : item.id);
    setAttribute(this.#name, 'title', item.name);
    setAttribute(this.#link, 'href', itemAddress(item.connection, item.id));
    const all = item.states;
    const fits = all.length > room ? room - 1 : all.length;
    const wanted = Math.min(all.length, room);
    while (this.#made.length < wanted) {
      const tile = new Tile();
      this.#made.push(tile);
      this.#tiles.append(tile.element);
    }
    this.#made.forEach((tile, index) => {
      setAttribute(tile.element, 'hidden', index >= wanted);
      if (index < fits) tile.show(all[index], item.key, isStale);
      else if (index < wanted) tile.showMore(all.slice(fits), isStale);
    });
  }
}

/** How many tiles have room in a row. */
let room = 6;

const list = /** @type {VirtualList<Item | Site>} */ (
  new VirtualList(scroller, {
    label: 'Items by site',
    create: (kind) => /** @type {any} */ (kind === 'site' ? new SiteRow() : new ItemRow()),
    height: (row, width) => (row.kind === 'site' ? SITE : width < NARROW ? ROW_NARROW : ROW),
    scrolled: stick,
  })
);

/** The head of the site in which the window begins. */
const stuck = new SiteRow();
const stuckFrame = h('div', { class: 'stuck', 'aria-hidden': 'true', inert: true, hidden: true }, stuck.element);
scroller.prepend(stuckFrame);

/** Where each site begins in the list. @type {{index: number, site: Site}[]} */
let heads = [];

/** @param {number} first @param {number} top */
function stick(first, top) {
  const site = heads.findLast(({ index }) => index <= first)?.site;
  setAttribute(stuckFrame, 'hidden', !site || top <= 0);
  if (site) stuck.update(site);
}

/** @param {string} connection */
function fold(connection) {
  if (!closed.delete(connection)) closed.add(connection);
  layout();
}

/** Whether an item is wanted, by its states. @param {Item} item @param {string} wanted */
function isWanted(item, wanted) {
  if (wanted === '') return true;
  if (wanted === 'attention') return item.tone === 'bad' || item.tone === 'warn';
  if (wanted === 'stale') return store.isStale(item.connection, item.states[0]?.stale);
  return item.states.some((state) => `${state.group}=${state.value}` === wanted);
}

/** All items in the order in which they are shown; none where that has to be found again. @type {Item[] | null} */
let sorted = null;

/** Puts the list together. */
function layout() {
  sorted ??= [...store.items.values()].sort((a, b) => (a.sortKey < b.sortKey ? -1 : a.sortKey > b.sortKey ? 1 : 0));
  const terms = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  /** @type {Map<string, Item[]>} */
  const bySite = new Map();
  const [site, wanted] = [sites.value, states.value];
  for (const item of sorted) {
    if (site && item.connection !== site) continue;
    if (!isWanted(item, wanted)) continue;
    if (terms.length) {
      const title = store.titleOf(item.connection).toLowerCase();
      if (!terms.every((/** @type {string} */ term) => item.haystack.includes(term) || title.includes(term))) continue;
    }
    const group = bySite.get(item.connection);
    if (group) group.push(item);
    else bySite.set(item.connection, [item]);
  }
  const order = [...bySite.keys()].map((name) => /** @type {const} */ ([sortable(store.titleOf(name)), name]));
  order.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  /** @type {(Item | Site)[]} */
  const rows = [];
  heads = [];
  let shown = 0;
  for (const [, connection] of order) {
    const items = bySite.get(connection) ?? [];
    shown += items.length;
    const isClosed = closed.has(connection);
    const bad = items.filter((item) => item.tone === 'bad').length;
    const warn = items.filter((item) => item.tone === 'warn').length;
    const head = /** @type {Site} */ ({ kind: 'site', key: `site\n${connection}`, connection, shown: items.length, bad, warn, isClosed });
    heads.push({ index: rows.length, site: head });
    rows.push(head);
    if (isClosed) continue;
    // Not by spreading: arguments have a bound, lists have none.
    for (const item of items) rows.push(item);
  }
  measure();
  list.setRows(rows);
  const all = store.items.size;
  setText(figure, shown === all ? plural(all, 'item') : `${count(shown)} of ${plural(all, 'item')}`);
  setAttribute(empty, 'hidden', rows.length > 0);
  setText(empty, all ? 'No item is like that.' : store.isPresent ? 'No states are known yet.' : 'Reading the states …');
  options();
}

function measure() {
  const { width } = list;
  room = Math.max(2, Math.floor((width < NARROW ? width - 24 : width - NAME - 36) / TILE));
}

/** What can be filtered by: what there is. */
function options() {
  const names = [...store.connections.keys()].filter((name) => (store.connections.get(name)?.states ?? 0) > 0);
  setOptions(sites, [['', 'All sites'], ...names.map((name) => /** @type {[string, string]} */ ([name, store.titleOf(name)]))]);
  /** @type {[string, string][]} */
  const found = [];
  for (const [group, values] of store.values) {
    // Numbers are no states to choose by.
    for (const value of values) if (/\D/.test(value)) found.push([`${group}=${value}`, `${words(group)}: ${words(value)}`]);
  }
  found.sort(([, a], [, b]) => (a < b ? -1 : 1));
  setOptions(states, [['', 'Any state'], ['attention', 'Needs attention'], ['stale', 'Out of date'], ...found]);
  restore();
}

/** Filters that the address asks for, and that could not be chosen until there was such a thing. @type {Record<string, string>} */
let wished = {};

/** Chooses what the address says. */
export function chooseItems() {
  const { query } = route();
  search.value = query.get('q') ?? '';
  wished = { site: query.get('site') ?? '', state: query.get('state') ?? '' };
  sites.value = '';
  states.value = '';
  restore();
  layout();
}

function restore() {
  for (const [key, select] of [['site', sites], ['state', states]]) {
    const wish = wished[key];
    if (!wish || select.value === wish || ![...select.options].some((option) => option.value === wish)) continue;
    select.value = wish;
    delete wished[key];
    soon(0);
  }
}

/** @type {ReturnType<typeof setTimeout> | null} */
let timer = null;
let due = 0;

/** Puts the list together by and by. @param {number} delay */
function soon(delay) {
  const at = performance.now() + delay;
  if (timer && at >= due) return;
  if (timer) clearTimeout(timer);
  due = at;
  timer = setTimeout(() => {
    timer = null;
    layout();
  }, delay);
}

export function startItems() {
  for (const field of [search, sites, states]) {
    field.addEventListener('input', () => {
      wished = {};
      note({ q: search.value.trim(), site: sites.value, state: states.value });
      layout();
    });
  }
  list.resized = measure;
  store.on(['items'], () => {
    sorted = null;
    setAttribute(panel, 'aria-busy', !store.isPresent);
    soon(store.isPresent || !list.length ? SOON : FILLING);
  });
  store.on(['states', 'connections', 'link'], () => {
    list.draw();
    soon(LATER);
  });
}
