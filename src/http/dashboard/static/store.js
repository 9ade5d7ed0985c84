// What is known, and who wants to hear of changes. Whatever comes is taken at once; listeners are called once a frame, for all that came since.

import { byGroup, RANK, tone, TONES, toneOf } from './words.js';

/**
 * @typedef {'link' | 'connections' | 'states' | 'items' | 'events' | 'gaps' | 'sinks' | 'second'} Topic
 *   `states`: values of items that were there; `items`: the list of items itself
 * @typedef {{connection: string, item: string, itemname?: string, group: string, value: string, vendorgroup?: string, text?: string,
 *   time: string, sequence: string, origin: string, stale: boolean, round?: number}} State
 * @typedef {{name: string, title?: string, vendor: string, state: string, since: string, reason: string, events: number, repeats: number,
 *   gaps: number, last_event: string | null, restarts: number, tries: number, last_error: string | null, states: number, lag?: number | null}} Connection
 * @typedef {{id: string, type: string, connection: string, vendor: string, origin: string, sequence: string, time?: string, recordedtime: string,
 *   key: string, kind: 'event', subject?: string, itemname?: string, typename?: string, stategroup?: string, state?: string, data?: any}} Event
 * @typedef {{name: string, kind: string, configured?: boolean, delivered?: number, last_delivered?: string | null,
 *   behind?: {events: number, more?: boolean, oldest?: string | null}, failing_since?: string | null, last_error?: string | null, dead_letters?: number,
 *   link?: {state: string, since: string, why?: string | null, tries?: number, next_try?: string | null} | null, remarks?: string[]}} Sink
 */

/** Events that are kept to be shown. */
const EVENTS = 2_000;
/** Events that are kept for longer, as they ask for attention or are the engine's own: motion must not sweep them away. */
const NOTABLE = 1_000;
/** Gaps that are kept to be shown. */
const GAPS = 200;

/** Values of a group that can be chosen from at most. */
const VALUES = 100;

/** One item with its states. */
export class Item {
  kind = /** @type {const} */ ('item');
  /** @type {Map<string, State>} by the vendor's group */
  #states = new Map();
  /** @type {State[] | null} */
  #sorted = null;
  /** @type {import('./words.js').Tone | null} */
  #tone = null;
  /** Grows with each change, so that a row knows whether it is out of date. */
  version = 0;

  /** @param {string} key @param {State} state */
  constructor(key, state) {
    this.key = key;
    this.connection = state.connection;
    this.id = state.item;
    this.name = state.itemname || state.item;
    this.sortKey = sortable(this.name);
    this.haystack = `${this.name}\n${this.id}`.toLowerCase();
  }

  /** Takes on a state; whether that changes its place in the list. @param {State} state */
  set(state) {
    this.#states.set(state.vendorgroup ?? state.group, state);
    this.#changed();
    if (!state.itemname || state.itemname === this.name) return false;
    this.name = state.itemname;
    this.sortKey = sortable(this.name);
    this.haystack = `${this.name}\n${this.id}`.toLowerCase();
    return true;
  }

  /** Drops what was not told in this round; whether anything is left. @param {number} round */
  prune(round) {
    for (const [group, state] of this.#states) {
      if (state.round === round) continue;
      this.#states.delete(group);
      this.#changed();
    }
    return this.#states.size > 0;
  }

  #changed() {
    this.#sorted = null;
    this.#tone = null;
    this.version++;
  }

  /** In the order in which they are shown. */
  get states() {
    this.#sorted ??= [...this.#states.values()].sort((a, b) => byGroup(a.group, b.group));
    return this.#sorted;
  }

  /** The tone of the state that asks most for attention. */
  get tone() {
    if (this.#tone) return this.#tone;
    let worst = TONES.length - 1;
    for (const state of this.#states.values()) worst = Math.min(worst, RANK[tone(state.group, state.value)]);
    return (this.#tone = TONES[worst]);
  }
}

/** Text that sorts as people count: camera 2 before camera 10. @param {string} text */
export function sortable(text) {
  return text.toLowerCase().replace(/\d+/g, (digits) => digits.padStart(10, '0'));
}

/** Makes an event a row of a list. @param {Event} event */
function row(event) {
  // What the stream itself tells, that this page has missed something, is of no one connection.
  event.connection ??= '';
  event.key = event.sequence;
  event.kind = 'event';
  return event;
}

/** @param {Event} event */
function isNotable(event) {
  return event.origin === 'engine' || ['bad', 'warn'].includes(toneOf(event));
}

class Store {
  /** @type {Map<string, Connection>} */
  connections = new Map();
  /** @type {Map<string, Item>} */
  items = new Map();
  /** The values that were told, by their group: what can be chosen from. @type {Map<string, Set<string>>} */
  values = new Map();
  /** From the oldest. @type {Event[]} */
  events = [];
  /** Those that ask for attention, and the engine's own, from the oldest. @type {Event[]} */
  notable = [];
  /** From the oldest. @type {Event[]} */
  gaps = [];
  /** @type {Sink[] | null} `null` where nobody has told yet */
  sinks = null;
  /** Events that have come, ever: so that a reader of `events` knows how many are new. */
  heard = 0;
  /** Events that came while nobody looked, and were too many to be brought. */
  passed = 0;
  /** Gaps of each connection that were counted and are older than those in `gaps`. @type {Map<string, number>} */
  olderGaps = new Map();
  /** Whether every state has been told. */
  isPresent = false;
  /** What is asked for again and again and has not been told for a while: since when, and why. @type {Map<string, {since: Date, why: string}>} */
  late = new Map();
  /** When we last heard something before we were cut off, and why we are. @type {{since: Date, why: string} | null} */
  cut = null;

  #round = 0;
  #areConnectionsTold = false;
  /** @type {Set<Topic>} */
  #dirty = new Set();
  /** @type {[Set<Topic>, () => void][]} */
  #listeners = [];
  #isWaiting = false;

  /** Calls back in the frame after a change. @param {Topic[]} topics @param {() => void} listener */
  on(topics, listener) {
    this.#listeners.push([new Set(topics), listener]);
  }

  /** @param {Topic} topic */
  touch(topic) {
    this.#dirty.add(topic);
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    requestAnimationFrame(() => {
      this.#isWaiting = false;
      const dirty = this.#dirty;
      this.#dirty = new Set();
      for (const [topics, listener] of this.#listeners) if (!topics.isDisjointFrom(dirty)) listener();
    });
  }

  /** @param {string} connection @param {string} id */
  item(connection, id) {
    return this.items.get(`${connection}\n${id}`);
  }

  /** What people call a connection. @param {string} name */
  titleOf(name) {
    return this.connections.get(name)?.title || name || 'watchpost';
  }

  /** Whether what is known of a connection's items may be out of date. @param {string} connection @param {boolean} [told] */
  isStale(connection, told = false) {
    const known = this.connections.get(connection);
    // One that is not there any more tells nothing, whatever it last told.
    return this.cut !== null || (known ? known.state !== 'online' : told || this.#areConnectionsTold);
  }

  /** @param {Connection[]} all */
  setConnections(all) {
    this.#areConnectionsTold = true;
    const before = this.connections;
    this.connections = new Map(all.map((info) => [info.name, info]));
    const isSame = before.size === all.length && all.every((info) => before.get(info.name)?.state === info.state && before.get(info.name)?.title === info.title);
    if (!isSame) this.touch('items');
    this.touch('connections');
  }

  /** @param {Connection} info */
  setConnection(info) {
    this.connections.set(info.name, info);
    this.touch('items');
    this.touch('connections');
  }

  /** It is not there any more, and nor is what it has told. @param {string} name */
  removeConnection(name) {
    this.connections.delete(name);
    for (const [key, item] of this.items) if (item.connection === name) this.items.delete(key);
    this.touch('items');
    this.touch('connections');
  }

  /** All states are told from the beginning; what is not among them is gone. */
  beginStates() {
    this.#round++;
    this.isPresent = false;
  }

  /** @param {State} state */
  setState(state) {
    state.round = this.#round;
    const key = `${state.connection}\n${state.item}`;
    let item = this.items.get(key);
    if (!item) {
      item = new Item(key, state);
      this.items.set(key, item);
      this.touch('items');
    }
    if (item.set(state)) this.touch('items');
    this.#choice(state);
    this.touch('states');
  }

  /** Notes a value that can be chosen. @param {State} state */
  #choice({ group, value }) {
    const values = this.values.get(group);
    if (!values) this.values.set(group, new Set([value]));
    // Of free text nobody chooses.
    else if (values.size < VALUES) values.add(value);
  }

  /** Every state has been told. */
  endStates() {
    for (const [key, item] of this.items) if (!item.prune(this.#round)) this.items.delete(key);
    this.values.clear();
    for (const item of this.items.values()) for (const state of item.states) this.#choice(state);
    this.isPresent = true;
    this.touch('items');
    this.touch('states');
  }

  /** What happened before, in any order; some of it may be known. @param {Event[]} events */
  addPast(events) {
    const known = new Set(this.events.map((event) => event.sequence));
    this.events.push(...events.filter((event) => !known.has(event.sequence)).map(row));
    this.events.sort((a, b) => (a.sequence < b.sequence ? -1 : 1));
    this.#remember(events);
    this.touch('events');
  }

  /** @param {Event} event */
  addEvent(event) {
    row(event);
    this.events.push(event);
    // Not one by one: to shift a long list for each event is what makes pages slow.
    if (this.events.length > EVENTS * 1.5) this.events.splice(0, this.events.length - EVENTS);
    this.heard++;
    if (event.type === 'gap') this.addGaps([event]);
    else if (isNotable(event)) this.#remember([event]);
    this.touch('events');
  }

  /** @param {Event[]} events */
  #remember(events) {
    const known = new Set(this.notable.map((event) => event.sequence));
    const found = events.filter((event) => isNotable(event) && !known.has(event.sequence));
    if (!found.length) return;
    const isLast = found.length === 1 && found[0].sequence > (this.notable.at(-1)?.sequence ?? '');
    this.notable.push(...found.map(row));
    if (!isLast) this.notable.sort((a, b) => (a.sequence < b.sequence ? -1 : 1));
    if (this.notable.length > NOTABLE) this.notable.splice(0, this.notable.length - NOTABLE);
    this.touch('events');
  }

  /** @param {Event[]} gaps */
  addGaps(gaps) {
    this.#remember(gaps);
    const known = new Set(this.gaps.map((gap) => gap.id));
    this.gaps.push(...gaps.filter((gap) => !known.has(gap.id)).map(row));
    this.gaps.sort((a, b) => (a.recordedtime < b.recordedtime ? -1 : 1));
    this.gaps.splice(0, this.gaps.length - GAPS);
    this.touch('gaps');
  }

  /** So many events are not brought: those before them would look as if they came just before what comes now. @param {number} count */
  passOver(count) {
    this.events = [];
    this.passed += count;
    this.touch('events');
  }

  /** @param {Map<string, number>} counts */
  setOlderGaps(counts) {
    this.olderGaps = counts;
    this.touch('gaps');
  }

  /** @param {Sink[]} sinks */
  setSinks(sinks) {
    this.sinks = sinks;
    this.touch('sinks');
  }

  /**
   * @param {string | null} why nothing comes any more; `null` where it does
   * @param {Date} [since] when something last came
   */
  setCut(why, since = new Date()) {
    if (why === null && this.cut === null) return;
    const before = this.cut;
    this.cut = why === null ? null : { since: before && before.since < since ? before.since : since, why };
    for (const topic of /** @type {Topic[]} */ (['link', 'items', 'states', 'connections'])) this.touch(topic);
  }

  /** @param {string} what is asked for @param {{since: Date, why: string} | null} late `null` where it is told */
  setLate(what, late) {
    if (late) this.late.set(what, late);
    else if (!this.late.delete(what)) return;
    this.touch('link');
  }
}

export const store = new Store();
