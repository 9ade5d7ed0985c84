// The sinks: what was delivered, what waits, what fails.

import { byId, h, setAttribute } from './dom.js';
import { store } from './store.js';
import { Badge } from './tiles.js';
import { clock, count, moment, plural, since } from './time.js';

/** @typedef {import('./store.js').Sink} Sink */

/** How a sink is doing. @param {Sink} sink @returns {[word: string, tone: string]} */
export function verdict(sink) {
  if (sink.link?.state === 'halted') return [`halted ${since(moment(sink.link.since))}`, 'bad'];
  if (sink.failing_since) return [`failing ${since(moment(sink.failing_since))}`, 'bad'];
  if (sink.configured === false) return ['not configured', 'off'];
  if (isAway(sink)) return [`broker away ${since(moment(sink.link?.since))}`, 'bad'];
  if (sink.link?.state === 'connecting') return ['connecting', 'warn'];
  if (sink.dead_letters) return ['refused some', 'warn'];
  if ((sink.behind?.events ?? 0) > 0 && lateness(sink) > 60) return ['behind', 'warn'];
  return ['delivering', 'ok'];
}

/** Whether its broker takes nothing, though perhaps nothing waits. @param {Sink} sink */
export function isAway(sink) {
  return sink.link?.state === 'down' || sink.link?.state === 'halted';
}

/** Why nothing can be delivered, if so. @param {Sink} sink @returns {string | null} */
function trouble(sink) {
  if (!sink.failing_since && !isAway(sink)) return null;
  const next = moment(sink.link?.next_try);
  const again = isAway(sink) && next ? `It is tried again at ${clock(next)} at the latest` : 'It tries again until it works';
  return `${sink.last_error ?? sink.link?.why ?? 'No reason told'}. ${again}; nothing is lost meanwhile.`;
}

/** How old the oldest event is that waits, in seconds. @param {Sink} sink */
function lateness(sink) {
  const oldest = moment(sink.behind?.oldest);
  return oldest ? (Date.now() - oldest.getTime()) / 1000 : 0;
}

/** @param {Sink} sink */
function row(sink) {
  const badge = new Badge();
  badge.show(...verdict(sink));
  const behind = sink.behind?.events ?? 0;
  const oldest = moment(sink.behind?.oldest);
  const last = moment(sink.last_delivered);
  const why = trouble(sink);
  const figures = [
    ['Behind', `${count(behind)}${sink.behind?.more ? '+' : ''}`, behind > 0 && oldest ? `the oldest since ${clock(oldest)}` : ''],
    ['Delivered', count(sink.delivered ?? 0), last ? `last ${since(last)} ago` : ''],
    ['Dead letters', count(sink.dead_letters ?? 0), ''],
  ];
  return h(
    'li',
    { class: 'sink' },
    h('div', { class: 'line' }, h('span', { class: 'title', text: sink.name }), h('span', { class: 'muted', text: sink.kind }), badge.element),
    h('dl', { class: 'figures' }, ...figures.map(([label, value, note]) => h('div', { title: note }, h('dt', { text: label }), h('dd', { text: value })))),
    why ? h('p', { class: 'reason', text: why }) : null,
    ...(sink.remarks ?? []).map((text) => h('p', { class: 'reason', text })),
    sink.dead_letters ? h('p', { class: 'reason', text: `${plural(sink.dead_letters, 'event')} refused for good: see them with “watchpost dead-letters list”, and retry or drop them.` }) : null,
  );
}

export function startSinks() {
  let print = '';
  store.on(['sinks', 'second'], () => {
    const sinks = store.sinks ?? [];
    setAttribute(byId('sinks-empty'), 'hidden', sinks.length > 0 || store.sinks === null);
    setAttribute(document.body, 'data-sinks', sinks.length > 0 ? 'some' : 'none');
    const now = JSON.stringify(sinks.map((sink) => [sink, verdict(sink), since(moment(sink.last_delivered))]));
    if (now === print) return;
    print = now;
    byId('sinks-list').replaceChildren(...sinks.map(row));
  });
}
