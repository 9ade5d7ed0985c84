// The vocabulary as people read it: what a value means to somebody who watches, and what to do about what went wrong.

/** @typedef {'bad' | 'warn' | 'active' | 'ok' | 'off' | 'unknown'} Tone how much a value asks for attention; each has a colour and a shape */

/** From the one that asks most. @type {Tone[]} */
export const TONES = ['bad', 'warn', 'unknown', 'active', 'ok', 'off'];

/** What an item shows first; the other groups follow by name. */
const GROUPS = ['status', 'connection', 'alarm', 'lock', 'contact', 'enabled', 'recording', 'motion', 'streaming', 'output', 'power', 'battery', 'wifi', 'rf', 'tamper'];

/** @type {Record<string, Tone>} by group and value, else by value */
const VALUES = {
  online: 'ok', ok: 'ok', mains: 'ok', locked: 'ok', normal: 'ok', running: 'ok', started: 'ok',
  detected: 'active', on: 'active', armed_home: 'active', armed_away: 'active',
  exit_delay_home: 'warn', exit_delay_away: 'warn', entry_delay: 'warn', unlocked: 'warn', open: 'warn', battery: 'warn', low: 'warn',
  warning: 'warn', password_needed: 'warn', internet_offline: 'warn', 'enabled/off': 'warn',
  offline: 'bad', error: 'bad', triggered: 'bad', jammed: 'bad', tampered: 'bad', critical: 'bad', failed: 'bad', not_responding: 'bad',
  off: 'off', clear: 'off', closed: 'off', unknown: 'unknown', undefined: 'unknown', 'triggered/on': 'bad',
  'enabled/on': 'ok', 'rf/clear': 'ok', 'contact/closed': 'ok', 'status/off': 'off',
};

/** How much a tone asks for attention: the less, the more. @type {Record<string, number>} */
export const RANK = Object.fromEntries(TONES.map((tone, index) => [tone, index]));

/** @param {string} group @param {string} value @returns {Tone} */
export function tone(group, value) {
  return VALUES[`${group}/${value}`] ?? VALUES[value] ?? 'off';
}

/** Words that are not written like others. @type {Record<string, string>} */
const PROPER = { ok: 'OK', rf: 'RF', wifi: 'Wi-Fi', cpu: 'CPU', gpu: 'GPU', fps: 'FPS', url: 'URL', vpn: 'VPN' };

/** @param {string} slug `exit_delay_away` */
export function words(slug) {
  const text = slug.split(/[_ ]+/).map((word) => PROPER[word] ?? word).join(' ').trim();
  return text ? text[0].toUpperCase() + text.slice(1) : 'Unknown';
}

/**
 * A state's value; of a number what the vendor says of it, which may have a unit.
 * @param {{value: string, text?: string | null}} state
 */
export function reading({ value, text }) {
  return words(/^[+-]?\d+(\.\d+)?$/.test(value) && text ? text : value);
}

/** The order in which an item's states stand. @param {string} a @param {string} b */
export function byGroup(a, b) {
  const place = (/** @type {string} */ group) => (GROUPS.indexOf(group) + GROUPS.length + 1) % (GROUPS.length + 1);
  return place(a) - place(b) || (a < b ? -1 : a > b ? 1 : 0);
}

/** @type {Record<string, string>} */
export const VENDORS = { milestone: 'Milestone', een: 'Eagle Eye', simplisafe: 'SimpliSafe', vxg: 'VXG' };

/** @type {Record<string, string>} what is not `live` is said */
export const ORIGINS = { resumed: 'resumed', backfill: 'recovered', snapshot: 'from snapshot' };

/** @type {Record<string, Tone>} */
export const CONNECTION_TONES = { online: 'ok', connecting: 'active', delayed: 'warn', halted: 'bad', stopped: 'off' };

/**
 * What happened, in the vendor's words if it has any.
 * @param {{type: string, typename?: string, data?: any}} event
 */
export function title(event) {
  if (event.type === 'gap') return 'Gap: events may be missing';
  if (event.type === 'engine.connection') return `Connection ${event.data?.new ?? 'changed'}`;
  if (event.typename) return event.typename;
  const [first, ...rest] = event.type.split('.');
  return words(first in VENDORS ? rest.join(' ') : event.type.replaceAll('.', ' '));
}

/**
 * How much an event asks for attention.
 * @param {{type: string, stategroup?: string, state?: string, data?: any}} event
 * @returns {Tone}
 */
export function toneOf(event) {
  if (event.type === 'gap') return 'bad';
  if (event.type === 'engine.connection') return CONNECTION_TONES[event.data?.new] ?? 'off';
  return event.stategroup ? tone(event.stategroup, event.state ?? '') : 'off';
}

/** @type {Record<string, [what: string, remedy: string]>} */
const GAPS = {
  session_expired: ['the break lasted longer than the gateway keeps a session, or the gateway was restarted', 'Look at the network between the two; set resume_window if the server’s is shorter.'],
  gateway_changed: ['the gateway was away, and another one did not know the session', 'Look why it was away; nothing else, if your gateways do not share sessions.'],
  nothing_to_resume_from: ['the socket broke before the session had sent its first event', 'Nothing: on a quiet system this gap is most likely empty.'],
  subscription_changed: ['the connection subscribes to something else than before', 'Nothing.'],
  unreadable_frame: ['the server sent something that nobody can read', 'Report it; the log has the reason.'],
  connection_lost: ['there was no connection for a while, and what happened then cannot be had from the vendor', 'Nothing if it is rare and short; else look at the network.'],
  session_lost: ['the server ended the session', 'If it comes often, see whether another program logs this user out.'],
  device_unanswered: ['devices were not followed while others were', 'Nothing if it is rare; else ask the vendor what is wrong with these devices.'],
  lost_pushes: ['events were never pushed, and the history does not tell all of them', 'Report it.'],
  not_listed: ['the list of systems lacked this system for a while', 'Look at the account’s rights on that system.'],
  retention: ['what happened is not kept any more', 'Keep events for longer, or keep outages shorter.'],
  window_failed: ['a stretch of time cannot be read, however often it is tried', 'Ask the vendor about the time given here.'],
  clock_set_back: ['a clock was ahead and has been put right', 'Look at the server’s clock.'],
  checkpoint_unreadable: ['what was kept of the connection cannot be read', 'Report it.'],
  unstable_list: ['the list of a stretch of time does not fit together', 'Report it.'],
  journal_lost: ['the journal was damaged and had to be begun anew', 'Look at the disk and the log.'],
  unknown_id: ['watchpost has begun a new journal, which does not know what this page has shown', 'Nothing, if its data folder was replaced on purpose; a demo keeps none.'],
};

/** @type {Record<string, string>} */
const RECOVERED = {
  states: 'The states were taken anew and are right again.',
  latest_states: 'The states were taken anew and are right again.',
  later_events: 'The later part of it was recovered.',
  nothing: 'Nothing could be recovered.',
};

/**
 * A gap's cause, what is known all the same, and what to do.
 * @param {{reason?: string, recovered?: string}} data
 */
export function explain(data) {
  const [what, remedy] = GAPS[data.reason ?? ''] ?? [`reason: ${words(data.reason ?? 'unknown').toLowerCase()}`, 'See the log and the vendor’s page in the guide.'];
  return { what, recovered: RECOVERED[data.recovered ?? ''] ?? '', remedy };
}
