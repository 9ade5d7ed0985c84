// Which view is shown: it stands behind the `#` of the address, so that it can be linked to, and outlives a reload.

/** Those that have a link in the head of the page; the first one is shown where the address names none. */
const VIEWS = ['overview', 'items', 'feed', 'connections', 'sinks'];

/**
 * @typedef {object} Route
 * @property {string} view
 * @property {[connection: string, item: string] | null} item
 * @property {URLSearchParams} query
 */

/** @returns {Route} */
export function route() {
  const [path, query = ''] = location.hash.replace(/^#\/?/, '').split('?', 2);
  const [view, ...rest] = path.split('/').map(decoded);
  const item = /** @type {Route['item']} */ (view === 'items' && rest.length === 2 ? rest : null);
  return { view: item ? 'item' : VIEWS.includes(view) ? view : VIEWS[0], item, query: new URLSearchParams(query) };
}

/** An address that somebody has typed may be anything. @param {string} text */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** @param {string} connection @param {string} item */
export function itemAddress(connection, item) {
  return `#/items/${encodeURIComponent(connection)}/${encodeURIComponent(item)}`;
}

/** Notes filters in the address, without a step back for each letter that is typed. @param {Record<string, string>} values */
export function note(values) {
  const { query } = route();
  for (const [key, value] of Object.entries(values)) {
    if (value) query.set(key, value);
    else query.delete(key);
  }
  const path = location.hash.split('?', 1)[0] || '#/';
  history.replaceState(null, '', query.size ? `${path}?${query}` : path);
}
