// Tokens of this server: make, list, revoke. One that is made here is kept in memory only.

import { copied, copy } from './copying.js';
import { control, element, elements, made, say, told } from './elements.js';
import { __ } from './language.js';
import { allTokens, makeToken, revokeToken, tierOf } from './server.js';
import { fill } from './snippets.js';
import { selected } from './tabs.js';
import { sayWrong } from './trouble.js';

/** @import { Token } from './server.js' */

/**
 * The token that was made here.
 *
 * @type {{id: string, name: string, secret: string} | null}
 */
let own = null;

/** The names that are taken, and what was last proposed: a name that a person has typed is left alone. */
const names = { taken: new Set(/** @type {string[]} */ ([])), proposed: '' };

/** Fill in a name for the client that is chosen, and say on the button what is copied. */
export function proposeName() {
  const { label } = selected();
  const field = control('name', HTMLInputElement);
  let free = label;
  for (let count = 2; names.taken.has(free); count++) {
    free = `${label} ${count}`;
  }
  if (field.value === '' || field.value === names.proposed) {
    field.value = names.proposed = free;
  }
  element('make-button').textContent =
    told(snippetButton(), 'what') === 'command'
      ? __('Make the token and copy the command')
      : __('Make the token and copy the configuration');
}

/** @returns {HTMLElement} */
function snippetButton() {
  return /** @type {HTMLElement} */ (elements(`[data-copies="snippet-${selected().id}"]`)[0]);
}

/**
 * The token that was made here, if it still holds.
 *
 * @returns {{id: string, name: string, secret: string} | null}
 */
export function ownToken() {
  return own;
}

/** Show what there is, and let a person make and revoke. */
export function showTokens() {
  element('tokens').hidden = false;
  element('listed').hidden = false;
  const form = control('make', HTMLFormElement);
  form.addEventListener('submit', event => {
    event.preventDefault();
    void make(form);
  });
  void list();
}

/** @param {HTMLFormElement} form */
async function make(form) {
  const name = control('name', HTMLInputElement).value;
  const tier = control('tier', HTMLSelectElement).value;
  const days = Number(control('days', HTMLInputElement).value);
  const submit = /** @type {HTMLButtonElement} */ (form.querySelector('[type=submit]'));
  submit.disabled = true;
  try {
    const answer = await makeToken(name, tier, days);
    own = { id: answer.id, name: answer.name, secret: answer.token };
    element('secret').textContent = answer.token;
    element('made-heading').textContent = __('The token “%1”', answer.name);
    element('made').hidden = false;
    form.reset();
    names.proposed = '';
    fill(own.secret);
    const done = await copy(element(`snippet-${selected().id}`));
    const what = copied(snippetButton());
    say('make-status', done ? __('Made, and %1 is copied: paste it now.', what) : __('Made: %1 has it.', what));
    await list();
    element('made-heading').focus();
  } catch (error) {
    control('choices', HTMLDetailsElement).open = true;
    sayWrong('make-status', `${__('Not made:')} `, error);
  } finally {
    submit.disabled = false;
  }
}

/** List what may connect. */
export async function list() {
  try {
    const { tokens, tiers, longest_days: longest, problem = '' } = await allTokens();
    element('list').replaceChildren(...tokens.map(line));
    limit(tiers, longest);
    names.taken = new Set(tokens.map(token => token.name));
    proposeName();
    say('list-status', problem || (tokens.length ? '' : __('None yet.')), Boolean(problem));
  } catch (error) {
    sayWrong('list-status', `${__('The list cannot be had now:')} `, error);
  }
}

/**
 * Offer what the person may give.
 *
 * @param {string[]} tiers
 * @param {number} longest
 */
function limit(tiers, longest) {
  const tier = control('tier', HTMLSelectElement);
  for (const option of tier.options) {
    option.disabled = !tiers.includes(option.value);
  }
  if (tier.selectedOptions[0]?.disabled) {
    tier.value = tiers.at(-1) ?? '';
  }
  control('days', HTMLInputElement).max = String(longest);
}

/**
 * @param {string} time
 * @returns {string}
 */
function shownTime(time) {
  return new Date(time).toLocaleString([], { dateStyle: 'medium', timeStyle: 'short' });
}

/**
 * @param {Token} token
 * @returns {HTMLLIElement}
 */
function line(token) {
  const end = shownTime(token.expires);
  const what = [tierOf(token), token.state === 'expired' ? __('ended %1', end) : __('until %1', end)];
  // Jupyter makes up such a name where nobody has one, or we.
  if (!/^([0-9a-f]{32}|anonymous)?$/.test(token.maker)) {
    what.push(token.kind === 'signin' ? __('signed in by %1', token.maker) : __('made by %1', token.maker));
  } else if (token.kind === 'signin') {
    what.push(__('signed in'));
  }
  if (token.used) {
    what.push(__('last used %1', shownTime(token.used)));
  }
  const text = document.createElement('div');
  text.append(made('strong', token.name), ' ', made('small', what.join(', ')));
  const button = document.createElement('button');
  button.type = 'button';
  button.textContent = __('Revoke');
  button.setAttribute('aria-label', __('Revoke %1', token.name));
  button.addEventListener('click', () => void revoke(token, button));
  const item = document.createElement('li');
  item.append(text, button);
  return item;
}

/**
 * @param {Token} token
 * @param {HTMLButtonElement} button
 */
async function revoke(token, button) {
  if (!confirm(__('Revoke “%1”? Whoever uses it is refused from now on.', token.name))) {
    return;
  }
  button.disabled = true;
  /** @type {unknown} */
  let wrong = null;
  try {
    await revokeToken(token.id);
    if (own?.id === token.id) {
      forget();
    }
  } catch (error) {
    wrong = error;
  }
  await list();
  if (wrong === null) {
    say('list-status', __('Revoked “%1”.', token.name));
  } else {
    sayWrong('list-status', `${__('Not revoked:')} `, wrong);
  }
  element('list-heading').focus();
}

function forget() {
  own = null;
  element('made').hidden = true;
  element('secret').textContent = '';
  fill(null);
}
