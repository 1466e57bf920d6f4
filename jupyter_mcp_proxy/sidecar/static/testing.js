// The test of the connection, and the state of what serves agents.

import { roundTrip } from './client.js';
import { control, element, say } from './elements.js';
import { __ } from './language.js';
import { health, makeToken, revokeToken } from './server.js';
import { ownToken } from './tokens.js';
import { sayWrong } from './trouble.js';

const TEST_DAYS = 10 / (24 * 60);

/**
 * Show the button that tests, and keep the state up to date.
 *
 * @param {boolean} makesTokens
 */
export function showTesting(makesTokens) {
  element('testing').hidden = false;
  const button = control('test', HTMLButtonElement);
  button.addEventListener('click', () => void test(button, makesTokens));
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden) {
      void checkHealth();
    }
  });
}

/**
 * @param {HTMLButtonElement} button
 * @param {boolean} makesTokens
 */
async function test(button, makesTokens) {
  button.disabled = true;
  say('test-status', __('Connecting…'));
  const own = ownToken();
  /** @type {{id: string, token: string} | null} */
  let passing = null;
  try {
    if (makesTokens && !own) {
      const [chance = 0] = crypto.getRandomValues(new Uint32Array(1));
      passing = await makeToken(`connection test ${chance.toString(36)}`, 'read', TEST_DAYS);
    }
    const { server, tools, took } = await roundTrip(own?.secret ?? passing?.token);
    const which = own
      ? __('with the token “%1”', own.name)
      : passing
        ? __('with a token for this test')
        : __('without a token');
    say(
      'test-status',
      __('It works: %1 answered in %2 ms, %3. It has %4 tools.', `${server.name} ${server.version}`, took, which, tools)
    );
  } catch (error) {
    sayWrong('test-status', `${__('It does not work:')} `, error);
  }
  if (passing) {
    await revokeToken(passing.id).catch(() => {}); // it ends by itself
  }
  button.disabled = false;
  await checkHealth();
}

async function checkHealth() {
  try {
    say('sidecar', __('works, version %1', await health()));
  } catch (error) {
    sayWrong('sidecar', '', error);
  }
}
