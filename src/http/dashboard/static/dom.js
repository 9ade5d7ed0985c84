// Elements. Text reaches the page through `textContent` alone, so that nothing a server sends can become markup.

/** @typedef {Node | string | number | null | undefined | false} Child */

/**
 * Makes an element.
 * @param {string} tag
 * @param {Record<string, any>} [props] attributes; `class`, `text`, `on: {event: handler}`; `false` and `null` are left out
 * @param {...Child} children
 * @returns {HTMLElement}
 */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  fill(element, props, children);
  return element;
}

/**
 * The same for drawings.
 * @param {string} tag
 * @param {Record<string, any>} [props]
 * @param {...Child} children
 * @returns {SVGElement}
 */
export function svg(tag, props = {}, ...children) {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
  fill(element, props, children);
  return element;
}

/** @param {Element} element @param {Record<string, any>} props @param {Child[]} children */
function fill(element, props, children) {
  for (const [name, value] of Object.entries(props)) {
    if (name === 'on') for (const [event, handler] of Object.entries(value)) element.addEventListener(event, handler);
    else if (name === 'text') element.textContent = String(value);
    else setAttribute(element, name, value);
  }
  for (const child of children) if (child !== null && child !== undefined && child !== false) element.append(/** @type {any} */ (child));
}

/**
 * Sets, changes or removes an attribute, and leaves alone what is as it should be: what is not touched is not laid out anew.
 * @param {Element} element @param {string} name @param {string | number | boolean | null | undefined} value
 */
export function setAttribute(element, name, value) {
  if (value === false || value === null || value === undefined) {
    if (element.hasAttribute(name)) element.removeAttribute(name);
    return;
  }
  const text = value === true ? '' : String(value);
  if (element.getAttribute(name) !== text) element.setAttribute(name, text);
}

/** @param {Element} element @param {string | number} text */
export function setText(element, text) {
  const wanted = String(text);
  if (element.textContent !== wanted) element.textContent = wanted;
}

/**
 * The element of the page with this id.
 * @param {string} id
 * @returns {any}
 */
export function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no #${id}`);
  return found;
}

/**
 * Makes the options of a selection anew, where they have changed, and keeps what is chosen.
 * @param {HTMLSelectElement} select @param {[value: string, label: string][]} options the first one means "all"
 */
export function setOptions(select, options) {
  const print = JSON.stringify(options);
  if (select.dataset.print === print) return;
  const chosen = select.value;
  select.dataset.print = print;
  select.replaceChildren(...options.map(([value, text]) => h('option', { value, text })));
  if (options.some(([value]) => value === chosen)) select.value = chosen;
}
