// Whether the agent has come: what the panel's stream says of clients, and the list of sign-ins.

import { element, say } from './elements.js';
import { __ } from './language.js';
import { allTokens, clients, tierOf } from './server.js';
import { showTrouble } from './trouble.js';

/** @import { Caller, Token } from './server.js' */

/** Milliseconds until the stream is asked for again after it was lost; each further time twice as long. */
const FIRST_RETRY = 1000;
const LAST_RETRY = 10000;
/** Seconds for which the time since the first call is counted. */
const COUNTED = 60;
/**
 * Who had called when this page came: none of them is who is waited for.
 *
 * @type {Set<string> | null}
 */
let before = null;
/**
 * What had been allowed by then.
 *
 * @type {Set<string> | null}
 */
let signins = null;
let counting = 0;

/**
 * Wait for an agent for as long as the page is seen.
 *
 * @param {() => Promise<void>} relist what lists the tokens and sign-ins anew
 */
export function showArrival(relist) {
  element('arrival').hidden = false;
  /** @type {AbortController | null} */
  let stream = null;
  const look = async () => {
    stream?.abort();
    stream = null;
    if (document.hidden) {
      return; // a browser has six connections to a server, and nobody looks
    }
    stream = new AbortController();
    const { signal } = stream;
    void signedIn(relist);
    for (let wait = FIRST_RETRY; !signal.aborted; wait = Math.min(2 * wait, LAST_RETRY)) {
      try {
        await clients(signal, all => {
          wait = FIRST_RETRY / 2;
          showTrouble(null);
          arrived(all, relist);
        });
      } catch (error) {
        if (!signal.aborted) {
          showTrouble(error);
        }
      }
      await new Promise(resolve => setTimeout(resolve, wait));
    }
  };
  // Who allows a client in comes back to this page from another window.
  document.addEventListener('visibilitychange', () => void look());
  window.addEventListener('focus', () => void signedIn(relist));
  void look();
}

/**
 * @param {Caller[]} all
 * @param {() => Promise<void>} relist
 */
function arrived(all, relist) {
  const known = before ?? new Set(all.map(key));
  before = known;
  const fresh = all.find(client => !known.has(key(client)));
  if (!fresh) {
    return;
  }
  known.add(key(fresh));
  said(__('✓ %1 is connected (%2).', fresh.name, tierOf(fresh)));
  count(Date.now());
  void relist();
}

/**
 * @param {Caller} client
 * @returns {string}
 */
function key(client) {
  return JSON.stringify([client.name, client.token]);
}

/** @param {() => Promise<void>} relist */
async function signedIn(relist) {
  /** @type {Token[]} */
  let all;
  try {
    all = (await allTokens()).tokens.filter(token => token.kind === 'signin');
  } catch {
    return;
  }
  const known = signins ?? new Set(all.map(token => token.id));
  signins = known;
  const fresh = all.find(token => !known.has(token.id));
  if (fresh) {
    known.add(fresh.id);
    said(__('✓ %1 has signed in (%2). Its first call is waited for.', fresh.name, tierOf(fresh)));
    await relist();
  }
}

/** @param {string} text */
function said(text) {
  say('arrived', text);
  element('arrived').classList.add('done');
}

/**
 * Count the seconds since the first call, beside the text that is read aloud and not in it.
 *
 * @param {number} since
 */
function count(since) {
  window.clearInterval(counting);
  const show = () => {
    const seconds = (Date.now() - since) / 1000;
    if (seconds > COUNTED) {
      window.clearInterval(counting);
    }
    const ago = seconds < 10 ? seconds.toFixed(1) : seconds.toFixed(0);
    element('since').textContent = __('First call %1 s ago.', ago);
  };
  show();
  counting = window.setInterval(show, 1000);
}
