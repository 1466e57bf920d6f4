// Buttons that copy what is shown beside them.

import { element, elements, say, told } from './elements.js';
import { __ } from './language.js';

/** Show the buttons: without a script they would do nothing. */
export function showCopying() {
  for (const button of elements('[data-copies]')) {
    button.hidden = false;
    button.setAttribute('aria-label', __('Copy %1', copied(button)));
    button.addEventListener('click', () => void copyBeside(button));
  }
}

/** @param {HTMLElement} button */
async function copyBeside(button) {
  const done = await copy(element(told(button, 'copies')));
  button.textContent = done ? __('Copied') : __('Press Ctrl+C');
  say('copied', done ? __('Copied %1.', copied(button)) : __('Selected: press Ctrl+C to copy.'));
  setTimeout(() => {
    button.textContent = __('Copy');
  }, 2000);
}

/**
 * What a button copies, as a person says it.
 *
 * @param {HTMLElement} button
 * @returns {string}
 */
export function copied(button) {
  const client = told(button, 'client');
  switch (told(button, 'what')) {
    case 'command':
      return __('the command for %1', client);
    case 'configuration':
      return __('the configuration for %1', client);
    case 'address':
      return __('the address');
    default:
      return __('the token');
  }
}

/**
 * Whether it was copied; where not, it is selected.
 *
 * @param {HTMLElement} source
 * @returns {Promise<boolean>}
 */
export async function copy(source) {
  try {
    await navigator.clipboard.writeText(source.textContent ?? '');
    return true;
  } catch {
    // over plain HTTP there is no clipboard
    getSelection()?.selectAllChildren(source);
    return document.execCommand('copy');
  }
}
