// What the page says, in the language in which the server has sent it.

import { told } from './elements.js';

/** @type {unknown} */
const sent = JSON.parse(told(document.body, 'texts') || '{}');
/** Each text of the script as it is said in that language; none where it is English. */
const texts = /** @type {Record<string, string>} */ (sent);

/**
 * Say a text in the person's language, with what belongs in the places of %1, %2 ….
 *
 * @param {string} text
 * @param {...(string | number)} given
 * @returns {string}
 */
export function __(text, ...given) {
  return (texts[text] ?? text).replace(/%(\d)/g, (place, number) => String(given[Number(number) - 1] ?? place));
}
