// What needs a person: on every view, in words, with what to do. It goes when it is mended; a gap, which cannot be, when somebody has taken note.

import { byId, h, setAttribute, setText } from './dom.js';
import { showEvent } from './event.js';
import { restart } from './restart.js';
import { isAway } from './sinks.js';
import { store } from './store.js';
import { clock, count, duration, moment, plural, since } from './time.js';
import { explain } from './words.js';

/** @typedef {import('./store.js').Event} Event */
/** @typedef {{key: string, tone: 'bad' | 'warn', title: string, text: string, remedy: string, actions: [label: string, act: string | (() => void)][]}} Alert */

/** A break that lasts for longer than this is worth a word, in seconds. */
const PATIENCE = 30;
/** So many are shown at first. */
const FEW = 3;
const KEY = 'watchpost.noted-gaps';
const NOTED_MOST = 500;

const region = byId('alerts');
const listed = byId('alerts-list');
const more = byId('alerts-more');
let isOpen = false;

/** Gaps that somebody has taken note of, in this browser. */
const noted = new Set(read());

/** @returns {string[]} */
function read() {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? '[]');
  } catch {
    return [];
  }
}

/** @param {string[]} ids */
function note(ids) {
  for (const id of ids) noted.add(id);
  localStorage.setItem(KEY, JSON.stringify([...noted].slice(-NOTED_MOST)));
  draw();
}

/** @returns {Alert[]} */
function halted() {
  const all = [...store.connections.values()].filter((info) => info.state === 'halted');
  return all.map((info) => ({
    key: `halted\n${info.name}`,
    tone: 'bad',
    title: `${store.titleOf(info.name)} is halted since ${clock(moment(info.since))}`,
    text: info.reason || info.last_error || 'No reason was told.',
    remedy: 'Nothing is received from it until a person acts. Put right what is named here, in the configuration or at the vendor; then restart it.',
    actions: [['Restart', () => restart(info.name)]],
  }));
}

/** @returns {Alert[]} */
function delayed() {
  const now = Date.now();
  const all = [...store.connections.values()].filter((info) => {
    const from = moment(info.since);
    return (info.state === 'delayed' || info.state === 'connecting') && from && now - from.getTime() > PATIENCE * 1000;
  });
  return all.map((info) => ({
    key: `delayed\n${info.name}`,
    tone: 'warn',
    title: `${store.titleOf(info.name)} is ${info.state} for ${since(moment(info.since))}`,
    text: info.reason || info.last_error || 'No reason was told.',
    remedy: 'It tries again by itself. If that does not help, look at the network and at the vendor’s server.',
    actions: [['Show', `#/connections`]],
  }));
}

/** @returns {Alert[]} */
function gaps() {
  /** @type {Map<string, Event[]>} */
  const byConnection = new Map();
  for (const gap of store.gaps) {
    if (noted.has(gap.id)) continue;
    const known = byConnection.get(gap.connection);
    if (known) known.push(gap);
    else byConnection.set(gap.connection, [gap]);
  }
  return [...byConnection].map(([connection, all]) => {
    const data = all[all.length - 1].data ?? {};
    const [from, to] = [moment(data.from), moment(data.to)];
    const length = from && to ? ` (${duration(Math.round((to.getTime() - from.getTime()) / 1000))})` : '';
    const { what, recovered, remedy } = explain(data);
    const others = all.length > 1 ? ` Before it, ${plural(all.length - 1, 'more gap')} since ${clock(moment(all[0].data?.from))}.` : '';
    return {
      key: `gap\n${connection}`,
      tone: 'bad',
      title: `Gap: events of ${store.titleOf(connection)} from ${clock(from)} to ${clock(to)} may be missing${length}`,
      text: `Why: ${what}. ${recovered}${others}`,
      remedy,
      actions: [['Show', () => showEvent(all[all.length - 1])], ['Show in feed', `#/feed?kind=engine&of=${encodeURIComponent(connection)}`], ['Take note', () => note(all.map((gap) => gap.id))]],
    };
  });
}

/** Gaps of which only the number is known. @returns {Alert[]} */
function older() {
  const counted = [...store.olderGaps].map(([name, number]) => ({ name, number, id: `${name}\n${number}` }));
  return counted.filter(({ number, id }) => number && !noted.has(id)).map(({ name, number, id }) => ({
    key: `older\n${name}`,
    tone: 'bad',
    title: `${plural(number, 'older gap')}: events of ${store.titleOf(name)} may be missing`,
    text: 'Since watchpost was started; longer ago than this page has read the journal.',
    remedy: `They are listed by: watchpost events --since 720h connection=${name} type=gap`,
    actions: [['Take note', () => note([id])]],
  }));
}

/** @returns {Alert[]} */
function failing() {
  const all = (store.sinks ?? []).filter((sink) => sink.failing_since || isAway(sink));
  return all.map((sink) => ({
    key: `sink\n${sink.name}`,
    tone: sink.link?.state === 'halted' ? 'bad' : 'warn',
    title: `Sink ${sink.name} cannot deliver since ${clock(moment(sink.failing_since ?? sink.link?.since))}; ${plural(sink.behind?.events ?? 0, 'event')} waiting`,
    text: sink.last_error ?? sink.link?.why ?? 'No reason was told.',
    remedy: 'Nothing is lost: it tries until it works. Look at the receiver.',
    actions: [['Show', '#/sinks']],
  }));
}

/** An alert in the page, which is changed in place: a button must not vanish under a finger. */
class Shown {
  #title = h('strong');
  #text = h('span');
  #remedy = h('span', { class: 'remedy' });
  #actions = h('div', { class: 'actions' });
  #print = '';
  element = h('li', { class: 'alert' }, h('i', { class: 'mark', 'aria-hidden': 'true' }), h('div', { class: 'words' }, this.#title, this.#text, this.#remedy), this.#actions);
  /** @type {Alert['actions']} */
  #current = [];

  /** @param {Alert} alert */
  update(alert) {
    setAttribute(this.element, 'data-tone', alert.tone);
    setText(this.#title, alert.title);
    setText(this.#text, alert.text);
    setText(this.#remedy, alert.remedy);
    this.#current = alert.actions;
    const print = JSON.stringify(alert.actions.map(([label, act]) => [label, typeof act === 'string' && act]));
    if (print === this.#print) return;
    this.#print = print;
    this.#actions.replaceChildren(
      ...alert.actions.map(([label, act], index) =>
        typeof act === 'string'
          ? h('a', { class: 'button small', href: act, text: label })
          : h('button', { type: 'button', class: 'small', text: label, on: { click: () => /** @type {() => void} */ (this.#current[index][1])() } }),
      ),
    );
  }
}

/** @type {Map<string, Shown>} */
const shown = new Map();

function draw() {
  const all = [...halted(), ...gaps(), ...older(), ...failing(), ...delayed()];
  const few = isOpen ? all.slice(0, 50) : all.slice(0, FEW);
  const keys = new Set(few.map((alert) => alert.key));
  for (const [key, { element }] of shown) {
    if (keys.has(key)) continue;
    element.remove();
    shown.delete(key);
  }
  few.forEach((alert, index) => {
    let one = shown.get(alert.key);
    if (!one) shown.set(alert.key, (one = new Shown()));
    one.update(alert);
    if (listed.children[index] !== one.element) listed.insertBefore(one.element, listed.children[index] ?? null);
  });
  setAttribute(region, 'hidden', all.length === 0);
  setAttribute(more, 'hidden', all.length <= FEW);
  setText(more, isOpen ? 'Show fewer' : `${count(all.length - FEW)} more`);
  setAttribute(more, 'aria-expanded', String(isOpen));
  const name = store.cut ? 'cut off' : all.length ? `(${count(all.length)})` : '';
  document.title = [name, 'watchpost'].filter(Boolean).join(' ');
}

function banner() {
  const { cut } = store;
  const late = [...store.late];
  setAttribute(byId('banner'), 'hidden', cut === null && late.length === 0);
  setAttribute(document.body, 'data-cut', cut !== null);
  if (cut) setText(byId('banner-text'), `Cut off from watchpost since ${clock(cut.since)} (${cut.why}). What you see is as it was then. It tries again by itself.`);
  else if (late.length) {
    const told = late.map(([what, { since, why }]) => `${what} as of ${clock(since)} (${why})`).join('; ');
    setText(byId('banner-text'), `Not up to date: ${told}. It tries again by itself. A browser that has many windows of this page open has no connection left for them: close some.`);
  }
}

export function startAlerts() {
  more.addEventListener('click', () => {
    isOpen = !isOpen;
    draw();
  });
  store.on(['link'], banner);
  store.on(['connections', 'gaps', 'sinks', 'second', 'link'], draw);
}
