// Events per second of each connection, as small charts.

import { setAttribute, svg } from './dom.js';
import { rate } from './time.js';

/** Readings that are kept: five minutes of them, one in two seconds. */
const LENGTH = 150;
/** The width is that of so many at least. */
const SPAN = 30;
const WIDTH = 120;
const HEIGHT = 28;

/** How many events came between one reading of a counter and the next. */
export class Series {
  /** Events per second, from the oldest. @type {number[]} */
  rates = [];
  /** @type {{time: number, count: number} | null} */
  #last = null;

  /** @param {number} time in milliseconds @param {number} count events so far */
  push(time, count) {
    const last = this.#last;
    this.#last = { time, count };
    // The first reading tells nothing of before it; a counter that has gone back is another program's.
    if (!last || count < last.count || time <= last.time) return;
    this.rates.push(((count - last.count) / (time - last.time)) * 1000);
    if (this.rates.length > LENGTH) this.rates.shift();
  }

  /** Events per second, over the last ten seconds or so; not known before there are two readings. @returns {number | null} */
  get now() {
    const recent = this.rates.slice(-5);
    return recent.length ? recent.reduce((sum, one) => sum + one, 0) / recent.length : null;
  }

  /** @returns {number | null} */
  get most() {
    return this.rates.length ? Math.max(...this.rates) : null;
  }
}

/** Of every connection, by its name. @type {Map<string, Series>} */
export const series = new Map();

/** A chart that can be drawn again and again. */
export class Chart {
  #area = svg('path', { class: 'area' });
  #line = svg('path', { class: 'line' });
  element = svg('svg', { class: 'chart', viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', role: 'img' }, this.#area, this.#line);

  /** @param {Series | undefined} of */
  draw(of) {
    const rates = of?.rates ?? [];
    const most = Math.max(1, of?.most ?? 0);
    const step = WIDTH / (Math.max(rates.length, SPAN) - 1);
    const points = rates.map((one, index) => {
      const x = WIDTH - (rates.length - 1 - index) * step;
      const y = HEIGHT - 1.5 - (one / most) * (HEIGHT - 4);
      return `${x.toFixed(1)},${y.toFixed(1)}`;
    });
    const line = points.length > 1 ? `M${points.join('L')}` : '';
    setAttribute(this.#line, 'd', line);
    setAttribute(this.#area, 'd', line && `${line}V${HEIGHT}H${points[0].split(',')[0]}Z`);
    const label = of?.rates.length ? `${rate(of.now)} events per second now, ${rate(of.most)} at most in five minutes` : 'events per second, not known yet';
    setAttribute(this.element, 'aria-label', label);
  }
}
