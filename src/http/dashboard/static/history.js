// The journal, read backwards. The API answers oldest first, so stretches of time are read, each longer than the one after it.

import { pages } from './api.js';

/** Each stretch is so many times as long as the one after it. */
const GROWTH = 4;
/** The journal keeps nothing for longer than this, in seconds, or nobody reads so far back. */
const OLDEST = 400 * 86_400;
/** Of a busy stretch, no more than its newest so many events. */
const MOST = 1_000;

/**
 * @typedef {object} Stretch
 * @property {import('./store.js').Event[]} events newest first
 * @property {number} from how long ago it begins, in seconds
 * @property {number} requests how many it took
 * @property {boolean} isCut it has more events than these, its newest
 */

/**
 * Stretch by stretch, the latest first. Times are told as "so long ago": the server's clock decides, and ours may be wrong.
 * @param {Record<string, any>} query
 * @param {{first: number, signal?: AbortSignal}} options `first`: the length of the latest stretch, in seconds
 * @returns {AsyncGenerator<Stretch>}
 */
export async function* backwards(query, { first, signal }) {
  const seen = new Set();
  let until;
  for (let from = first; from < OLDEST; from *= GROWTH) {
    /** @type {import('./store.js').Event[]} */
    let events = [];
    let requests = 0;
    let isCut = false;
    for await (const page of pages('/events', { ...query, since: `${from}s`, until }, signal)) {
      requests++;
      // The border of two stretches moves on between two requests, so that what is near it is told twice.
      events.push(...page.filter((event) => !seen.has(event.sequence)));
      if (events.length > MOST) {
        isCut = true;
        events = events.slice(-MOST);
      }
    }
    for (const event of events) seen.add(event.sequence);
    yield { events: events.reverse(), from, requests, isCut };
    if (isCut) return;
    until = `${from}s`;
  }
}
