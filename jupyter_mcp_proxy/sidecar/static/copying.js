// Buttons that copy what is shown beside them.

import { element, elements, say, told } from './elements.js';

/** Show the buttons: without a script they would do nothing. */
export function showCopying() {
  for (const button of elements('[data-copies]')) {
    button.hidden = false;
    button.setAttribute('aria-label', `Copy the ${told(button, 'what')}`);
    button.addEventListener('click', () => void copyBeside(button));
  }
}

/** @param {HTMLElement} button */
async function copyBeside(button) {
  const copied = await copy(element(told(button, 'copies')));
  button.textContent = copied ? 'Copied' : 'Press Ctrl+C';
  say('copied', copied ? `Copied the ${told(button, 'what')}.` : 'Selected: press Ctrl+C to copy.');
  setTimeout(() => {
    button.textContent = 'Copy';
  }, 2000);
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
