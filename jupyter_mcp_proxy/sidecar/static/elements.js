// What is in the page. What comes from elsewhere becomes text and attributes, never markup.

/**
 * The element with this id.
 *
 * @param {string} id
 * @returns {HTMLElement}
 */
export function element(id) {
  return control(id, HTMLElement);
}

/**
 * The element with this id, of a kind that has more to it.
 *
 * @template {HTMLElement} T
 * @param {string} id
 * @param {new () => T} kind
 * @returns {T}
 */
export function control(id, kind) {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) {
    // eslint-disable-next-line own/bare-text -- for who has changed the page, not for who reads it
    throw new Error(`The page has no ${kind.name} “${id}”.`);
  }
  return found;
}

/**
 * All elements that a selector finds.
 *
 * @param {string} selector
 * @returns {HTMLElement[]}
 */
export function elements(selector) {
  return [.../** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll(selector))];
}

/**
 * What the template has written into an attribute `data-…`; empty where it is not there.
 *
 * @param {HTMLElement} of
 * @param {string} name
 * @returns {string}
 */
export function told(of, name) {
  return of.dataset[name] ?? '';
}

/**
 * Make an element of text.
 *
 * @param {string} tag
 * @param {string} text
 * @returns {HTMLElement}
 */
export function made(tag, text) {
  const node = document.createElement(tag);
  node.textContent = text;
  return node;
}

/**
 * Say how something went, where screen readers hear it.
 *
 * @param {string} id
 * @param {string} text
 * @param {boolean} [failed]
 */
export function say(id, text, failed = false) {
  element(id).textContent = text;
  element(id).classList.toggle('failed', failed);
}
