// The token of `[engine]`, where one is wanted: asked for once, kept for this tab, or in this browser if the user says so.

import { byId, setText } from './dom.js';

const KEY = 'watchpost.token';

class Token {
  /** @type {Promise<void> | null} while the user is asked */
  #asking = null;

  /** @returns {string | null} */
  get value() {
    return sessionStorage.getItem(KEY) ?? localStorage.getItem(KEY);
  }

  /**
   * Somebody was refused with this token: asks for another one, unless that has happened meanwhile.
   * @param {string | null} refused
   */
  async replace(refused) {
    if (this.value !== refused) return;
    this.#asking ??= this.#ask(refused !== null).finally(() => (this.#asking = null));
    await this.#asking;
  }

  /** @param {boolean} wasWrong */
  #ask(wasWrong) {
    const dialog = byId('token-dialog');
    const field = byId('token-field');
    const keep = byId('token-keep');
    this.forget();
    setText(byId('token-error'), wasWrong ? 'This token was refused. It is `token` in [engine] of the configuration.' : '');
    field.value = '';
    // Nothing can be shown without it, so there is no way out but a token.
    dialog.oncancel = (/** @type {Event} */ event) => event.preventDefault();
    // A browser may close it all the same, where Escape is pressed twice.
    dialog.onclose = () => dialog.showModal();
    dialog.showModal();
    field.focus();
    return /** @type {Promise<void>} */ (
      new Promise((resolve) => {
        byId('token-form').onsubmit = (/** @type {Event} */ event) => {
          event.preventDefault();
          const given = field.value.trim();
          if (!given) return;
          (keep.checked ? localStorage : sessionStorage).setItem(KEY, given);
          dialog.onclose = null;
          dialog.close();
          resolve();
        };
      })
    );
  }

  forget() {
    sessionStorage.removeItem(KEY);
    localStorage.removeItem(KEY);
  }
}

export const token = new Token();
