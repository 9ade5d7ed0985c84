// A state as a tile: its group, its value, a colour and a shape.

import { h, setAttribute, setText } from './dom.js';
import { clock, moment } from './time.js';
import { reading, tone, TONES, words } from './words.js';

/** @typedef {import('./store.js').State} State */

const isStill = matchMedia('(prefers-reduced-motion: reduce)');

export class Tile {
  #mark = h('i', { class: 'mark', 'aria-hidden': 'true' });
  #group = h('span', { class: 'group' });
  #value = h('span', { class: 'value' });
  element = h('span', { class: 'tile' }, this.#mark, this.#group, this.#value);
  #key = '';
  #text = '';

  /** @param {State} state @param {string} key of what it is shown for @param {boolean} isStale */
  show(state, key, isStale) {
    const whole = `${key}\n${state.vendorgroup ?? state.group}`;
    const value = reading(state);
    const isChange = this.#key === whole && this.#text !== value;
    this.#key = whole;
    this.#text = value;
    setAttribute(this.element, 'data-tone', tone(state.group, state.value));
    setAttribute(this.element, 'data-stale', isStale);
    setText(this.#group, words(state.group));
    setText(this.#value, value);
    const vendor = state.text && words(state.text) !== value ? ` (${state.text})` : '';
    setAttribute(this.element, 'title', `${words(state.group)}: ${value}${vendor}, since ${clock(moment(state.time))}${isStale ? '; may be out of date' : ''}`);
    // It costs no layout, and is over before the next one.
    if (isChange && !isStill.matches) this.element.animate([{ boxShadow: '0 0 0 2px var(--accent)' }, { boxShadow: '0 0 0 2px transparent' }], 900);
  }

  /** Stands for those that have no room, with the tone of the worst of them. @param {State[]} states @param {boolean} isStale */
  showMore(states, isStale) {
    this.#key = '';
    const worst = Math.min(...states.map((state) => TONES.indexOf(tone(state.group, state.value))));
    setAttribute(this.element, 'data-tone', TONES[worst]);
    setAttribute(this.element, 'data-stale', isStale);
    setText(this.#group, 'More');
    setText(this.#value, `+${states.length}`);
    setAttribute(this.element, 'title', states.map((state) => `${words(state.group)}: ${reading(state)}`).join('\n'));
  }
}

/** A word with a colour and a shape. */
export class Badge {
  #text = h('span');
  element = h('span', { class: 'badge' }, h('i', { class: 'mark', 'aria-hidden': 'true' }), this.#text);

  /** @param {string} text @param {string} tone */
  show(text, tone) {
    setAttribute(this.element, 'data-tone', tone);
    setText(this.#text, text);
  }
}
