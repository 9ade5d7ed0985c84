// Moments and durations, as people read them.

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });
const DAY = new Intl.DateTimeFormat(undefined, { month: 'short', day: 'numeric' });

/**
 * A vendor's or our own moment. Some write seven digits of a fraction, which not every browser reads.
 * @param {string | null | undefined} text
 * @returns {Date | null}
 */
export function moment(text) {
  if (!text) return null;
  const date = new Date(text.replace(/(\.\d{3})\d+/, '$1'));
  return Number.isNaN(date.getTime()) ? null : date;
}

/**
 * The time of day, with the day where it is not today.
 * @param {Date | null} date
 */
export function clock(date) {
  if (!date) return '';
  const isToday = date.toDateString() === new Date().toDateString();
  return isToday ? CLOCK.format(date) : `${DAY.format(date)} ${CLOCK.format(date)}`;
}

/**
 * How long ago, in whole seconds at least: a number that flickers tells nothing.
 * @param {Date | null} date
 */
export function since(date) {
  return date ? duration(Math.round((Date.now() - date.getTime()) / 1000)) : '';
}

/**
 * A duration in its largest unit, or the two largest where the first is small.
 * @param {number} seconds
 */
export function duration(seconds) {
  const s = Math.max(0, seconds);
  if (s < 10 && s !== Math.round(s)) return `${s.toFixed(1)} s`;
  if (s < 60) return `${Math.round(s)} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

const WHOLE = new Intl.NumberFormat();

/** @param {number} n */
export function count(n) {
  return WHOLE.format(n);
}

/**
 * Events per second: exact where there are few, a dash where it is not known.
 * @param {number | null | undefined} n
 */
export function rate(n) {
  if (n === null || n === undefined) return '–';
  if (n === 0) return '0';
  return n < 10 ? n.toFixed(1) : WHOLE.format(Math.round(n));
}

/** @param {number} n @param {string} one @param {string} [many] */
export function plural(n, one, many = `${one}s`) {
  return `${count(n)} ${n === 1 ? one : many}`;
}
