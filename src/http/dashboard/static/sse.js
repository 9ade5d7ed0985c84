// Server-sent events, read by fetch: the browser's own EventSource cannot send a token. One reader for every stream.

import { Problem, request } from './api.js';

/** The first pause before another try, and the longest, in milliseconds. */
const PAUSE = 500;
const PAUSE_MOST = 10_000;
/** The server sends a comment every 15 s; a stream that is silent for so long is dead, whatever the socket says. */
const SILENCE = 25_000;

/**
 * @typedef {object} Frame
 * @property {string} event
 * @property {string} data empty where it tells an id alone
 * @property {string} id
 */

/** Cuts a text that comes in pieces into frames. */
export class Frames {
  #rest = '';
  #event = '';
  /** @type {string[]} */
  #data = [];
  #id = '';
  /** An id has come, which counts without data, too: it tells how far the stream is. */
  #isMoved = false;

  /**
   * @param {string} piece
   * @returns {Generator<Frame>}
   */
  *push(piece) {
    const text = this.#rest + piece;
    let from = 0;
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', from)) {
      const line = text.slice(from, text[end - 1] === '\r' ? end - 1 : end);
      from = end + 1;
      if (line) {
        this.#take(line);
      } else if (this.#data.length || this.#isMoved) {
        yield { event: this.#event || 'message', data: this.#data.join('\n'), id: this.#id };
        this.#data = [];
        this.#event = '';
        this.#isMoved = false;
      }
    }
    this.#rest = text.slice(from);
  }

  /** @param {string} line */
  #take(line) {
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1);
    if (field === 'data') this.#data.push(value);
    else if (field === 'event') this.#event = value;
    else if (field === 'id') {
      this.#id = value;
      this.#isMoved = true;
    }
  }
}

/** A stream that opens itself anew, and goes on where it was, until it is closed. */
export class Stream {
  /** @type {AbortController | null} */
  #running = null;
  /** @type {(() => void) | null} ends the pause before another try */
  #hurry = null;
  /** When something last came. */
  heard = new Date();
  /** The last event that came; the stream goes on behind it. */
  lastId = '';

  /**
   * @param {string} path
   * @param {object} hooks
   * @param {(frame: Frame) => void} hooks.frame something has come
   * @param {() => void} hooks.opened it is open, and what comes is new
   * @param {(closed: AbortSignal) => Promise<void>} [hooks.before] before it is opened again behind `lastId`
   * @param {(why: string) => void} hooks.lost it is cut, and opened again by and by
   */
  constructor(path, hooks) {
    this.path = path;
    this.hooks = hooks;
  }

  open() {
    if (this.#running) return;
    this.#running = new AbortController();
    this.#run(this.#running.signal);
  }

  close() {
    this.#running?.abort();
    this.#running = null;
    this.#hurry?.();
  }

  /** Tries again now, where it waits. */
  hurry() {
    this.#hurry?.();
  }

  /** @param {AbortSignal} closed */
  async #run(closed) {
    let pause = PAUSE;
    while (!closed.aborted) {
      try {
        await this.#read(closed, () => (pause = PAUSE));
        this.hooks.lost('the server has ended the stream');
      } catch (error) {
        if (closed.aborted) return;
        this.hooks.lost(error instanceof Problem ? error.message : 'no answer');
      }
      // Not all tabs at the same moment.
      await this.#wait(pause * (0.5 + Math.random() / 2));
      pause = Math.min(pause * 2, PAUSE_MOST);
    }
  }

  /** @param {AbortSignal} closed @param {() => void} alive */
  async #read(closed, alive) {
    if (this.lastId) await this.hooks.before?.(closed);
    closed.throwIfAborted();
    const silent = new AbortController();
    let timer = setTimeout(() => silent.abort(), SILENCE);
    try {
      const headers = { Accept: 'text/event-stream', ...(this.lastId && { 'Last-Event-ID': this.lastId }) };
      const response = await request(this.path, { headers, signal: AbortSignal.any([closed, silent.signal]) });
      if (!response.body) return;
      this.hooks.opened();
      const frames = new Frames();
      const decoder = new TextDecoder();
      const reader = response.body.getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done || closed.aborted) return;
        clearTimeout(timer);
        timer = setTimeout(() => silent.abort(), SILENCE);
        this.heard = new Date();
        alive();
        for (const frame of frames.push(decoder.decode(value, { stream: true }))) {
          if (frame.id) this.lastId = frame.id;
          this.hooks.frame(frame);
        }
      }
    } finally {
      clearTimeout(timer);
      silent.abort();
    }
  }

  /** @param {number} milliseconds */
  #wait(milliseconds) {
    return /** @type {Promise<void>} */ (
      new Promise((resolve) => {
        const timer = setTimeout(resolve, milliseconds);
        this.#hurry = () => {
          clearTimeout(timer);
          resolve();
        };
      })
    );
  }
}
