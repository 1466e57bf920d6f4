// Tokens of this server: make, list, revoke. One that is made here is kept in memory only.

import { control, element, made, say } from './elements.js';
import { allTokens, makeToken, revokeToken, words } from './server.js';
import { fill } from './snippets.js';

/** @import { Token } from './server.js' */

/**
 * The token that was made here.
 *
 * @type {{id: string, name: string, secret: string} | null}
 */
let own = null;

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
    element('made-heading').textContent = `The token “${answer.name}”`;
    element('made').hidden = false;
    say('make-status', 'Made.');
    form.reset();
    fill(own.secret);
    await list();
    element('made-heading').focus();
  } catch (error) {
    say('make-status', `Not made: ${words(error)}`, true);
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
    say('list-status', problem || (tokens.length ? '' : 'None yet.'), Boolean(problem));
  } catch (error) {
    say('list-status', `The tokens could not be listed: ${words(error)}`, true);
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
  const what = [token.tier, `${token.state === 'expired' ? 'ended' : 'until'} ${end}`];
  // Jupyter makes up such a name where nobody has one, or we.
  if (!/^([0-9a-f]{32}|anonymous)?$/.test(token.maker)) {
    what.push(`${token.kind === 'signin' ? 'signed in' : 'made'} by ${token.maker}`);
  } else if (token.kind === 'signin') {
    what.push('signed in');
  }
  if (token.used) {
    what.push(`last used ${shownTime(token.used)}`);
  }
  const text = document.createElement('div');
  text.append(made('strong', token.name), ' ', made('small', what.join(', ')));
  const button = document.createElement('button');
  button.type = 'button';
  button.textContent = 'Revoke';
  button.setAttribute('aria-label', `Revoke ${token.name}`);
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
  if (!confirm(`Revoke “${token.name}”? Whoever uses it is refused from now on.`)) {
    return;
  }
  button.disabled = true;
  let said = `Revoked “${token.name}”.`;
  let failed = false;
  try {
    await revokeToken(token.id);
    if (own?.id === token.id) {
      forget();
    }
  } catch (error) {
    said = `Not revoked: ${words(error)}`;
    failed = true;
  }
  await list();
  say('list-status', said, failed);
  element('list-heading').focus();
}

function forget() {
  own = null;
  element('made').hidden = true;
  element('secret').textContent = '';
  fill(null);
}
