// The connect page's script: what the page is made of, in order.

import { showArrival } from './arrival.js';
import { showCopying } from './copying.js';
import { told } from './elements.js';
import { fill } from './snippets.js';
import { showTabs } from './tabs.js';
import { showTesting } from './testing.js';
import { list, proposeName, showTokens } from './tokens.js';

/** A token with which the page was opened stays in no history and in no bookmark. */
function forgetTokenInAddress() {
  const address = new URL(location.href);
  if (address.searchParams.has('token')) {
    address.searchParams.delete('token');
    history.replaceState(null, '', address);
  }
}

const makesTokens = told(document.body, 'makesTokens') !== '';

forgetTokenInAddress();
fill(null);
showTabs(makesTokens ? proposeName : () => {});
showCopying();
showTesting(makesTokens);
if (makesTokens) {
  showTokens();
  showArrival(list);
}
