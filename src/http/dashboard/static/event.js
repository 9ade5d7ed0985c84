// One event, whole.

import { byId, h } from './dom.js';
import { itemAddress } from './router.js';
import { store } from './store.js';
import { clock, moment } from './time.js';
import { explain, title, VENDORS, words } from './words.js';

/** @typedef {import('./store.js').Event} Event */

const dialog = byId('event-dialog');

/** @param {Event} event */
export function showEvent(event) {
  /** @type {[string, any][]} */
  const rows = [
    ['Item', event.subject && h('a', { href: itemAddress(event.connection, event.subject), text: event.itemname ?? event.subject, on: { click: () => dialog.close() } })],
    ['Connection', `${store.titleOf(event.connection)} ${event.vendor ? ` (${VENDORS[event.vendor] ?? event.vendor})` : ''}`],
    ['Happened', clock(moment(event.time))],
    ['Recorded', clock(moment(event.recordedtime))],
    ['State', event.stategroup && `${words(event.stategroup)}: ${words(event.state ?? '')}`],
    ['Type', event.type],
    ['Origin', event.origin],
    ['Sequence', event.sequence],
    ['Id', event.id],
  ];
  if (event.type === 'gap') {
    const { what, recovered, remedy } = explain(event.data ?? {});
    rows.unshift(['From', clock(moment(event.data?.from))], ['To', clock(moment(event.data?.to))], ['Why', what], ['Recovered', recovered], ['What to do', remedy]);
  }
  byId('event-title').textContent = title(event);
  byId('event-body').replaceChildren(
    h('dl', { class: 'facts' }, ...rows.filter(([, value]) => value).flatMap(([label, value]) => [h('dt', { text: label }), h('dd', {}, value)])),
    h('h3', { text: 'As the vendor sent it' }),
    h('pre', { tabindex: 0, text: JSON.stringify(event.data ?? null, null, 2) }),
  );
  dialog.showModal();
}
