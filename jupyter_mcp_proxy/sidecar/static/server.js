// What the page asks of the server.

import { __ } from './language.js';

/**
 * A token, as the server lists it.
 *
 * @typedef {object} Token
 * @property {string} id
 * @property {string} name
 * @property {string} tier
 * @property {string} expires
 * @property {string} state
 * @property {string} maker
 * @property {string} kind "token", or "signin" for what somebody has allowed on the sign-in page
 * @property {string} used when a sign-in was last used; empty for never
 */

/**
 * What there is, what a new one may be, and what is wrong with the rest.
 *
 * @typedef {{tokens: Token[], tiers: string[], longest_days: number, problem?: string}} TokenList
 */

/** A request that the server, or who stands before it, has answered with a refusal. */
export class Refusal extends Error {
  /**
   * @param {Response} response
   * @param {string} text
   */
  constructor(response, text) {
    super(reason(response, text));
    this.status = response.status;
    /** Whether it is our own server that answers, and no proxy's page: its errors are JSON. */
    this.isOurs = response.headers.get('Content-Type')?.includes('json') ?? false;
  }
}

/**
 * What somebody may do, in a word.
 *
 * @param {{tier: string}} who
 * @returns {string}
 */
export function tierOf({ tier }) {
  return tier === 'read' ? __('look') : tier === 'edit' ? __('edit') : tier === 'run' ? __('run') : tier;
}

/** The folder of the page, as this browser reaches it. */
export const here = `${location.origin}${location.pathname.replace(/[^/]*$/, '')}`;

const TIMEOUT = 60000;

/**
 * Send a request below the page's folder; what it says is in no cache, and it does not wait for ever.
 *
 * @param {string} path
 * @param {RequestInit} options
 * @returns {Promise<Response>}
 */
export function request(path, options) {
  return fetch(`${here}${path}`, { cache: 'no-store', signal: AbortSignal.timeout(TIMEOUT), ...options });
}

/**
 * Make a token. The answer is the only place where its secret is.
 *
 * @param {string} name
 * @param {string} tier
 * @param {number} days
 * @returns {Promise<Token & {token: string}>}
 */
export async function makeToken(name, tier, days) {
  return /** @type {Token & {token: string}} */ (await api('POST', '', { name, tier, days }));
}

/**
 * The tokens of this server.
 *
 * @returns {Promise<TokenList>}
 */
export async function allTokens() {
  return /** @type {TokenList} */ (await api('GET', ''));
}

/**
 * End a token.
 *
 * @param {string} id
 */
export async function revokeToken(id) {
  await api('DELETE', `/${encodeURIComponent(id)}`);
}

/**
 * A client that calls, as the panel's stream tells of it.
 *
 * @typedef {object} Caller
 * @property {string} name
 * @property {string | null} token
 * @property {string} tier
 */

/**
 * Tell of all clients, now and whenever something has changed, until the stream ends.
 *
 * Read with `fetch`: an EventSource cannot send the XSRF token, without which a JupyterHub takes no cookie.
 *
 * @param {AbortSignal} signal
 * @param {(clients: Caller[]) => void} tell
 */
export async function clients(signal, tell) {
  const response = await request('api/activity?only=state', { headers: xsrfHeader(), signal });
  if (!response.ok || !response.body) {
    throw new Refusal(response, await response.text());
  }
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (let { done, value } = await reader.read(); !done; { done, value } = await reader.read()) {
    const events = (rest + (value ?? '')).split('\n\n');
    rest = events.pop() ?? '';
    for (const event of events) {
      const data = /^data: ?(.*)$/m.exec(event)?.[1];
      if (data !== undefined) {
        tell(/** @type {{clients: Caller[]}} */ (parsed(data)).clients);
      }
    }
  }
}

/**
 * The version of what serves agents; thrown is why it does not.
 *
 * @returns {Promise<string>}
 */
export async function health() {
  const response = await request('healthz', { headers: xsrfHeader() });
  const text = await response.text();
  if (!response.ok) {
    throw new Refusal(response, text);
  }
  return /** @type {{version: string}} */ (parsed(text)).version;
}

/**
 * Why the server refuses: its own words, or the relay's in front of it.
 *
 * @param {Response} response
 * @param {string} text
 * @returns {string}
 */
export function reason(response, text) {
  try {
    const answer = /** @type {{error?: {message?: string}, message?: string}} */ (parsed(text));
    return answer.error?.message || answer.message || text;
  } catch {
    // a page of some proxy's
    return __('the server answers %1', `${response.status} ${response.statusText}`.trim());
  }
}

/**
 * What a text of JSON holds: unknown, so that whoever reads it has to say what they expect.
 *
 * @param {string} text
 * @returns {unknown}
 */
export function parsed(text) {
  /** @type {unknown} */
  const value = JSON.parse(text);
  return value;
}

/**
 * What is said of something that was thrown.
 *
 * @param {unknown} error
 * @returns {string}
 */
export function words(error) {
  return error instanceof Error ? error.message : String(error);
}

/**
 * @param {string} method
 * @param {string} path
 * @param {object} [body]
 * @returns {Promise<unknown>}
 */
async function api(method, path, body) {
  /** @type {Record<string, string>} */
  const headers = xsrfHeader();
  if (body) {
    headers['Content-Type'] = 'application/json';
  }
  const response = await request(`api/tokens${path}`, { method, headers, body: body && JSON.stringify(body) });
  const text = await response.text();
  if (!response.ok) {
    throw new Refusal(response, text);
  }
  return text ? parsed(text) : {};
}

/**
 * The header without which a login cookie is not enough. Of several such cookies Jupyter takes the last.
 *
 * @returns {Record<string, string>}
 */
function xsrfHeader() {
  const found = [...document.cookie.matchAll(/(?:^|;\s*)_xsrf=([^;]*)/g)].at(-1);
  return { 'X-XSRFToken': found?.[1] ?? '' };
}
