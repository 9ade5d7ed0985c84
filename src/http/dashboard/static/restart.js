// Beginning a connection anew, by somebody who means it.

import { request } from './api.js';
import { byId, setText } from './dom.js';
import { store } from './store.js';

const dialog = byId('restart-dialog');
const problem = byId('restart-problem');

/** @param {string} name */
export function restart(name) {
  const title = store.titleOf(name);
  setText(byId('restart-title'), `Restart ${title}?`);
  setText(problem, '');
  byId('restart-confirm').onclick = async () => {
    try {
      await request(`/connections/${encodeURIComponent(name)}/restart`, { method: 'POST' });
      dialog.close();
      byId('announcer').textContent = `${title} is restarting.`;
    } catch (error) {
      setText(problem, `It could not be restarted: ${error instanceof Error ? error.message : error}`);
    }
  };
  byId('restart-cancel').onclick = () => dialog.close();
  dialog.showModal();
}
