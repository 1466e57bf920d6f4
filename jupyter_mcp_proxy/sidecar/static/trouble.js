// What is wrong between this page and its server, and the next step.

import { element, made } from './elements.js';
import { __ } from './language.js';
import { here, Refusal, words } from './server.js';

/**
 * What is said, and where a link leads that mends it; without one the page tries again by itself.
 *
 * @typedef {{text: string, step?: string, href?: string, retries?: boolean}} Trouble
 */

/**
 * What an error means to a person.
 *
 * A link to the page itself is enough: Jupyter asks for the login and comes back, and a JupyterHub (6) shows in place of
 * a stopped server's page the one that starts it.
 *
 * @param {unknown} error
 * @returns {Trouble}
 */
export function troubleOf(error) {
  if (!(error instanceof Refusal)) {
    const isTimeout = error instanceof DOMException && error.name === 'TimeoutError';
    if (error instanceof TypeError || isTimeout) {
      const text = __(
        'The server does not answer: it has been stopped, or there is no network. Start it again if it was stopped.'
      );
      return { text, retries: true };
    }
    return { text: words(error) };
  }
  if (error.status === 401 || (error.status === 403 && isLogin(error))) {
    return { text: __('You are no longer logged in to this server.'), step: __('Log in again'), href: here };
  }
  if (error.status === 424 || (error.status === 503 && !error.isOurs)) {
    return { text: __('Your server is not running.'), step: __('Start your server'), href: here, retries: true };
  }
  if (error.status === 503) {
    return { text: __('What serves agents is being started again.'), retries: true };
  }
  if (error.status === 502 || error.status === 504) {
    return { text: __('The server does not answer at this moment.'), retries: true };
  }
  return { text: error.message };
}

/**
 * Whether a refusal is for want of a login, or of the cookie that goes with it.
 *
 * @param {Refusal} error
 * @returns {boolean}
 */
function isLogin(error) {
  return !error.isOurs || /^Log in to this server|XSRF/.test(error.message);
}

/**
 * Say at the head of the page what is wrong, or that nothing is.
 *
 * @param {unknown} error null for nothing
 */
export function showTrouble(error) {
  const place = element('trouble');
  const trouble = error === null ? null : troubleOf(error);
  const after = trouble?.retries ? ` ${__('Trying again…')}` : '';
  const text = trouble && `${trouble.text}${after}`;
  if (text !== (place.dataset.text ?? null)) {
    if (text === null) {
      delete place.dataset.text;
    } else {
      place.dataset.text = text; // what is read aloud is read once, not with each attempt
    }
    place.replaceChildren(...(trouble ? said(trouble, after) : []));
  }
  place.hidden = trouble === null;
}

/**
 * Say beside what a person has asked for why it failed, with the next step.
 *
 * @param {string} id
 * @param {string} before
 * @param {unknown} error
 */
export function sayWrong(id, before, error) {
  element(id).replaceChildren(before, ...said(troubleOf(error), ''));
  element(id).classList.add('failed');
}

/**
 * @param {Trouble} trouble
 * @param {string} after
 * @returns {(string | Node)[]}
 */
function said(trouble, after) {
  if (!trouble.href || !trouble.step) {
    return [trouble.text + after];
  }
  const link = made('a', trouble.step);
  link.setAttribute('href', trouble.href);
  return [`${trouble.text} `, link, `.${after}`];
}
