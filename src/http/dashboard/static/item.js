// One item: its states, and its history out of the journal.

import { get, Problem } from './api.js';
import { byId, h, setAttribute, setText } from './dom.js';
import { showEvent } from './event.js';
import { backwards } from './history.js';
import { store } from './store.js';
import { Badge, Tile } from './tiles.js';
import { clock, count, duration, moment } from './time.js';
import { ORIGINS, reading, title, toneOf, VENDORS, words } from './words.js';

/** @typedef {import('./store.js').Event} Event */

/** Events that are enough for a first look. */
const ENOUGH = 30;
/** The latest stretch that is read, in seconds. */
const FIRST = 300;
/** Requests that a look may take before somebody is asked whether to go on. */
const MUCH = 10;
/** Events that are in the page at most, where it stays open while more come. */
const MOST = 5_000;

const panel = byId('item');
const history = byId('item-history');
const older = byId('item-older');
const status = byId('item-status');
const states = byId('item-states');

/** @type {{connection: string, id: string, leave: AbortController, stretches: AsyncGenerator<import('./history.js').Stretch>, seen: Set<string>, heard: number} | null} */
let open = null;
/** @type {Tile[]} */
let tiles = [];

/** @param {[connection: string, item: string] | null} which */
export function showItem(which) {
  open?.leave.abort();
  open = null;
  setAttribute(panel, 'hidden', which === null);
  if (!which) return;
  const [connection, id] = which;
  const leave = new AbortController();
  // A glob matches an id that is written as it is, but for what means something in a glob.
  const exact = (/** @type {string} */ text) => text.replace(/[*?[\]{}!\\]/g, '?').replaceAll(',', '?');
  const stretches = backwards({ connection: exact(connection), item: exact(id) }, { first: FIRST, signal: leave.signal });
  open = { connection, id, leave, stretches, seen: new Set(), heard: store.heard };
  history.replaceChildren();
  tiles = [];
  states.replaceChildren();
  head();
  known(connection, id);
  look();
  panel.scrollTop = 0;
  byId('item-name').focus({ preventScroll: true });
}

/** The states, as far as the stream has not told them yet. @param {string} connection @param {string} id */
async function known(connection, id) {
  try {
    const item = await get(`/items/${encodeURIComponent(connection)}/${encodeURIComponent(id)}`);
    if (!store.item(connection, id)) for (const state of item.states) store.setState(state);
  } catch (error) {
    if (error instanceof Problem && error.status === 404 && open?.id === id && !store.item(connection, id)) setText(byId('item-about'), 'Nothing is known of this item now.');
  }
}

/** Name and states. */
function head() {
  if (!open) return;
  const item = store.item(open.connection, open.id);
  const info = store.connections.get(open.connection);
  setText(byId('item-name'), item?.name ?? open.id);
  const vendor = VENDORS[info?.vendor ?? ''] ?? info?.vendor;
  setText(byId('item-about'), [store.titleOf(open.connection), info?.title && open.connection, vendor, open.id].filter(Boolean).join(' · '));
  setAttribute(byId('item-site'), 'href', `#/items?site=${encodeURIComponent(open.connection)}`);
  if (!item) return;
  const all = item.states;
  const isStale = store.isStale(item.connection, all[0]?.stale);
  setText(byId('item-stale'), isStale ? `Out of date: the connection is ${store.cut ? 'cut off' : (info?.state ?? 'not there')}.` : '');
  while (tiles.length < all.length) {
    const tile = new Tile();
    tiles.push(tile);
    states.append(h('li', {}, tile.element, h('span', { class: 'muted' })));
  }
  tiles.forEach((tile, index) => {
    const state = all[index];
    const row = tile.element.parentElement;
    if (!row) return;
    setAttribute(row, 'hidden', !state);
    if (!state) return;
    tile.show(state, item.key, isStale);
    const told = state.text && words(state.text) !== reading(state) ? `“${state.text}”, ` : '';
    if (row.lastElementChild) setText(row.lastElementChild, `${told}since ${clock(moment(state.time))}`);
  });
}

/** Reads on into the past, until there is enough to see. */
async function look() {
  const mine = open;
  if (!mine) return;
  setAttribute(older, 'hidden', true);
  setText(status, 'Reading the journal …');
  let [found, asked] = [0, 0];
  try {
    for (;;) {
      const { value: stretch, done } = await mine.stretches.next();
      if (open !== mine) return;
      if (done) {
        setText(status, history.childElementCount ? 'That is all that the journal has.' : 'The journal has no event of this item.');
        return;
      }
      for (const event of stretch.events) found += add(event, false) ? 1 : 0;
      asked += stretch.requests;
      setText(status, `Back to ${duration(stretch.from)} ago.`);
      if (found >= ENOUGH || asked >= MUCH) break;
    }
    setAttribute(older, 'hidden', false);
  } catch (error) {
    if (open === mine) setText(status, `The journal could not be read: ${error instanceof Error ? error.message : error}`);
  }
}

/** @param {Event} event @param {boolean} isNew */
function add(event, isNew) {
  if (!open || open.seen.has(event.sequence)) return false;
  open.seen.add(event.sequence);
  const badge = new Badge();
  badge.show(event.stategroup ? words(event.state ?? '') : title(event), toneOf(event));
  const when = moment(event.time) ?? moment(event.recordedtime);
  const row = h(
    'li',
    { 'data-sequence': event.sequence },
    h('button', { type: 'button', class: 'event', on: { click: () => showEvent(event) } }, h('time', { datetime: when?.toISOString(), text: clock(when) }), h('span', { class: 'what', text: title(event) }), h('span', { class: 'origin', text: ORIGINS[event.origin] ?? '', hidden: !(event.origin in ORIGINS) }), badge.element),
  );
  if (isNew) history.prepend(row);
  else history.append(row);
  if (isNew && history.childElementCount > MOST) forget();
  return true;
}

/** Lets go of the oldest event, and says so: the line below claims no more than is there. */
function forget() {
  const last = /** @type {HTMLElement | null} */ (history.lastElementChild);
  last?.remove();
  open?.seen.delete(last?.dataset.sequence ?? '');
  setText(status, `The newest ${count(MOST)}. For what was before, open this item anew.`);
  setAttribute(older, 'hidden', true);
}

/** What has happened to it since it is shown. */
function follow() {
  if (!open) return;
  const fresh = Math.min(store.heard - open.heard, store.events.length);
  open.heard = store.heard;
  for (const event of fresh ? store.events.slice(-fresh) : []) {
    if (event.connection === open.connection && event.subject === open.id) add(event, true);
  }
}

export function startItem() {
  older.addEventListener('click', look);
  store.on(['states', 'items', 'connections', 'link'], head);
  store.on(['events'], follow);
}
