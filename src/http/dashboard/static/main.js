// The page of a running watchpost.
//
//   live.js ─► store.js ─► connections.js, items.js, feed.js, item.js, sinks.js, alerts.js
//
// `live` keeps the store up to date, by two streams (`sse`) and a few polls (`api`, with the `token` where one is wanted). The views draw
// what has changed, once a frame; long lists hold only what can be seen (`virtual`). `words` says what things mean, `router` which view is shown.

import { startAlerts } from './alerts.js';
import { startConnections } from './connections.js';
import { byId, setAttribute } from './dom.js';
import { chooseFeed, startFeed, togglePause } from './feed.js';
import { showItem, startItem } from './item.js';
import { chooseItems, startItems } from './items.js';
import { live } from './live.js';
import { route } from './router.js';
import { startSinks } from './sinks.js';

function navigate() {
  const { view, item } = route();
  document.body.dataset.view = view;
  for (const link of document.querySelectorAll('nav a')) {
    setAttribute(link, 'aria-current', link.getAttribute('data-view') === (view === 'item' ? 'items' : view) && 'page');
  }
  chooseItems();
  chooseFeed();
  showItem(item);
}

/** Keys for those who use the page all day; none where somebody types. @param {KeyboardEvent} event */
function shortcut(event) {
  const isTyping = event.target instanceof Element && event.target.closest('input, select, textarea, dialog');
  if (isTyping || event.altKey || event.ctrlKey || event.metaKey) return;
  if (event.key === '/') {
    const { view } = route();
    if (view !== 'feed' && view !== 'items' && view !== 'overview') location.hash = '#/items';
    byId(view === 'feed' ? 'feed-search' : 'items-search').focus();
  } else if (event.key === 'p') {
    togglePause();
  } else {
    return;
  }
  event.preventDefault();
}

startAlerts();
startConnections();
startItems();
startFeed();
startItem();
startSinks();
window.addEventListener('hashchange', navigate);
document.addEventListener('keydown', shortcut);
for (const close of document.querySelectorAll('dialog [data-close]')) close.addEventListener('click', () => close.closest('dialog')?.close());
navigate();
live();
