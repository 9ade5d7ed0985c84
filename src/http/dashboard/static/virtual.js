// A list of any length of which only what can be seen is in the page.

import { h, setAttribute } from './dom.js';

/** Rows above and below the window that are there already when somebody scrolls. */
const BEYOND = 6;

/**
 * @template R
 * @typedef {object} Row an element that shows now this thing and now that one
 * @property {HTMLElement} element
 * @property {(thing: R) => void} update
 */

/** @template {{key: string, kind: string}} R */
export class VirtualList {
  /** @type {R[]} */
  #rows = [];
  /** Where each row begins, and at last where the list ends. @type {number[]} */
  #tops = [0];
  /** What is in the page, by its key. @type {Map<string, {row: Row<R>, kind: string}>} */
  #shown = new Map();
  /** Rows that nobody uses, by kind. @type {Map<string, Row<R>[]>} */
  #spare = new Map();
  #body = h('div', { class: 'rows', role: 'list' });
  /** The window, as it was when it last changed: to ask the page for it would make it lay out what is not yet finished. */
  #top = 0;
  #height = 0;
  width = 0;
  /** Called when the window has another size, before rows are drawn. */
  resized = () => {};
  /** The key of the row that the keyboard is at. */
  #active = '';
  /** The key of the row that Tab comes to. @type {string | undefined} */
  #stop;

  /**
   * @param {HTMLElement} scroller
   * @param {object} options
   * @param {string} options.label
   * @param {(kind: string) => Row<R>} options.create
   * @param {(row: R, width: number) => number} options.height in pixels, in a list of this width
   * @param {(first: number, top: number) => void} [options.scrolled] the first row of the window, and where it begins
   */
  constructor(scroller, options) {
    this.scroller = scroller;
    this.options = options;
    setAttribute(this.#body, 'aria-label', options.label);
    scroller.append(this.#body);
    scroller.addEventListener('scroll', () => this.#scrolled(), { passive: true });
    scroller.addEventListener('keydown', (event) => this.#key(event));
    scroller.addEventListener('focusin', (event) => this.#focused(event));
    new ResizeObserver(() => this.#sized()).observe(scroller);
  }

  #scrolled() {
    this.#top = this.scroller.scrollTop;
    this.draw();
  }

  #sized() {
    this.width = this.scroller.clientWidth;
    this.#height = this.scroller.clientHeight;
    this.#top = this.scroller.scrollTop;
    this.resized();
    this.setRows(this.#rows);
  }

  get length() {
    return this.#rows.length;
  }

  /** How high all of it is. */
  get height() {
    return this.#tops[this.#rows.length];
  }

  /** @param {number} index */
  at(index) {
    return this.#rows[index];
  }

  /**
   * @param {R[]} rows
   * @param {number} [added] so many of them are new and at the top: whoever has scrolled away from there stays where he is
   */
  setRows(rows, added = 0) {
    this.#rows = rows;
    this.#tops = new Array(rows.length + 1);
    let top = 0;
    for (let index = 0; index < rows.length; index++) {
      this.#tops[index] = top;
      top += this.options.height(rows[index], this.width);
    }
    this.#tops[rows.length] = top;
    this.#body.style.height = `${top}px`;
    if (added && this.#top > 0) this.#scrollTo(this.#top + this.#tops[Math.min(added, rows.length)]);
    else if (this.#top > top - this.#height) this.#scrollTo(Math.max(0, top - this.#height));
    this.draw();
  }

  /** @param {number} top */
  #scrollTo(top) {
    if (top === this.#top) return;
    this.#top = top;
    this.scroller.scrollTop = top;
  }

  /** Puts into the page what can be seen, and brings it up to date. */
  draw() {
    if (!this.#height) return;
    const first = this.#indexAt(this.#top);
    this.options.scrolled?.(first, this.#top);
    const from = Math.max(0, first - BEYOND);
    const to = Math.min(this.#rows.length, this.#indexAt(this.#top + this.#height) + 1 + BEYOND);
    const wanted = new Set();
    for (let index = from; index < to; index++) wanted.add(this.#rows[index].key);
    for (const [key, { row, kind }] of this.#shown) {
      if (wanted.has(key) || this.#isHeld(key, row)) continue;
      this.#shown.delete(key);
      row.element.remove();
      const spare = this.#spare.get(kind);
      if (spare) spare.push(row);
      else this.#spare.set(kind, [row]);
    }
    // One row is where Tab comes to: the one that the keyboard was at, or else the first that can be seen.
    this.#stop = this.#shown.has(this.#active) || wanted.has(this.#active) ? this.#active : this.#rows[first]?.key;
    let next = this.#body.firstElementChild;
    for (let index = from; index < to; index++) {
      const { element } = this.#show(index);
      if (element === next) next = next.nextElementSibling;
      else this.#body.insertBefore(element, next);
    }
  }

  /** What has the focus stays while it is in the list, or the keyboard would be nowhere. @param {string} key @param {Row<R>} row */
  #isHeld(key, row) {
    return row.element.contains(document.activeElement) && this.#rows.some((thing) => thing.key === key);
  }

  /** @param {number} index */
  #show(index) {
    const thing = this.#rows[index];
    let shown = this.#shown.get(thing.key);
    if (!shown) {
      const row = this.#spare.get(thing.kind)?.pop() ?? this.options.create(thing.kind);
      shown = { row, kind: thing.kind };
      setAttribute(row.element, 'role', 'listitem');
      row.element.dataset.key = thing.key;
      this.#shown.set(thing.key, shown);
    }
    const { row } = shown;
    const place = `translateY(${this.#tops[index]}px)`;
    if (row.element.style.transform !== place) row.element.style.transform = place;
    setAttribute(row.element, 'aria-posinset', index + 1);
    setAttribute(row.element, 'aria-setsize', this.#rows.length);
    row.update(thing);
    for (const target of targets(row.element)) setAttribute(target, 'tabindex', thing.key === this.#stop ? 0 : -1);
    return row;
  }

  /** The row at a height. @param {number} height */
  #indexAt(height) {
    let [low, high] = [0, this.#rows.length];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#tops[middle] <= height) low = middle;
      else high = middle - 1;
    }
    return Math.min(low, Math.max(0, this.#rows.length - 1));
  }

  /** Arrow keys go from row to row; with Tab one leaves the list. @param {KeyboardEvent} event */
  #key(event) {
    const target = /** @type {HTMLElement} */ (event.target);
    if (event.altKey || event.ctrlKey || event.metaKey || !this.#body.contains(target)) return;
    const page = Math.max(1, Math.floor(this.#height / 60));
    /** @type {Record<string, number>} */
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
    const step = steps[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const here = this.#rows.findIndex((row) => row.key === this.#active);
    this.#focus(Math.min(this.#rows.length - 1, Math.max(0, here + step)));
  }

  /** @param {number} index */
  #focus(index) {
    const thing = this.#rows[index];
    if (!thing) return;
    const [top, bottom] = [this.#tops[index], this.#tops[index + 1]];
    // Below what sticks to the top.
    if (top < this.#top + 40) this.#scrollTo(Math.max(0, top - 40));
    else if (bottom > this.#top + this.#height) this.#scrollTo(bottom - this.#height);
    this.#active = thing.key;
    this.draw();
    const element = this.#shown.get(thing.key)?.row.element;
    if (element) targets(element)[0]?.focus({ preventScroll: true });
    this.draw();
  }

  /** @param {FocusEvent} event */
  #focused(event) {
    const row = /** @type {HTMLElement} */ (event.target).closest('[data-key]');
    if (row instanceof HTMLElement && row.dataset.key !== undefined && this.#body.contains(row)) this.#active = row.dataset.key;
  }
}

/** What the keyboard can reach in a row. @param {HTMLElement} element @returns {NodeListOf<HTMLElement>} */
function targets(element) {
  return element.querySelectorAll('a, button');
}
