// The journal, read backwards. The API answers oldest first, so stretches of time are read: longer ones where little happens, shorter ones where much does.

import { get } from './api.js';

/** Each stretch is so many times as long as the one after it, or as short where that was too much. */
const GROWTH = 4;
/** The journal keeps nothing for longer than this, in seconds, or nobody reads so far back. */
const OLDEST = 400 * 86_400;
/** A stretch with more events is too long, and so is one that takes more requests: each looks at some 20,000 events. */
const MOST = 1_000;
const REQUESTS = 5;
/** No stretch is shorter, in seconds. */
const SHORTEST = 1;

/**
 * @typedef {object} Stretch
 * @property {import('./store.js').Event[]} events newest first, all that there are
 * @property {number} from how long ago it begins, in seconds
 * @property {number} requests how many it took
 */

/**
 * Stretch by stretch, the latest first. Times are told as "so long ago": the server's clock decides, and ours may be wrong.
 * @param {Record<string, any>} query
 * @param {{first: number, signal?: AbortSignal}} options `first`: the length of the latest stretch, in seconds
 * @returns {AsyncGenerator<Stretch>}
 */
export async function* backwards(query, { first, signal }) {
  const seen = new Set();
  let [until, length, requests] = [0, first, 0];
  while (until < OLDEST) {
    const from = Math.min(OLDEST, until + length);
    /** @type {import('./store.js').Event[]} */
    const events = [];
    let after;
    let asked = 0;
    do {
      const page = await get('/events', { ...query, since: `${from}s`, until: until ? `${until}s` : undefined, limit: 1000, after }, signal);
      events.push(...page.items);
      after = page.next;
      asked++;
    } while (after && ((asked < REQUESTS && events.length < MOST) || length <= SHORTEST));
    requests += asked;
    if (after) {
      length = Math.max(SHORTEST, Math.floor(length / GROWTH));
      continue;
    }
    // The border of two stretches moves on between two requests, so that what is near it is told twice.
    const found = events.filter((event) => !seen.has(event.sequence));
    for (const event of found) seen.add(event.sequence);
    yield { events: found.reverse(), from, requests };
    requests = 0;
    until = from;
    if (events.length < MOST / GROWTH && asked < REQUESTS) length *= GROWTH;
  }
}
