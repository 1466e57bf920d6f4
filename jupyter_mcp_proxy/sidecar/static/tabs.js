// One tab for each client, as the WAI-ARIA pattern has it: one stop for Tab, arrows that go around, Home and End.

import { element, elements } from './elements.js';

/**
 * Show the tabs, and the one that the address names.
 *
 * @param {() => void} chosen what is done whenever one is selected
 */
export function showTabs(chosen) {
  const tabs = elements('[role=tab]');
  for (const [index, tab] of tabs.entries()) {
    const panel = element(controlled(tab));
    panel.setAttribute('role', 'tabpanel');
    panel.setAttribute('aria-labelledby', tab.id);
    panel.tabIndex = 0;
    tab.addEventListener('click', () => choose(tabs, tab));
    tab.addEventListener('keydown', event => {
      const step = stepOf(event.key, index, tabs.length);
      const other = step === undefined ? undefined : tabs[(step + tabs.length) % tabs.length];
      if (other && !event.altKey && !event.ctrlKey && !event.metaKey) {
        event.preventDefault();
        choose(tabs, other);
      }
    });
  }
  document.addEventListener('tabselected', chosen);
  element('tabs').hidden = false;
  const first = tabs.find(tab => `#${controlled(tab)}` === location.hash) ?? tabs[0];
  if (first) {
    select(tabs, first);
  }
}

/**
 * Where a key leads to; it may be one beside either end.
 *
 * @param {string} key
 * @param {number} index
 * @param {number} count
 * @returns {number | undefined}
 */
function stepOf(key, index, count) {
  /** @type {Record<string, number>} */
  const steps = { ArrowRight: index + 1, ArrowLeft: index - 1, Home: 0, End: count - 1 };
  return steps[key];
}

/**
 * Select a tab as a person does: it gets the focus, and the address names it.
 *
 * @param {HTMLElement[]} tabs
 * @param {HTMLElement} tab
 */
function choose(tabs, tab) {
  select(tabs, tab);
  tab.focus();
  history.replaceState(null, '', `#${controlled(tab)}`);
}

/**
 * @param {HTMLElement[]} tabs
 * @param {HTMLElement} tab
 */
function select(tabs, tab) {
  for (const other of tabs) {
    const chosen = other === tab;
    other.setAttribute('aria-selected', String(chosen));
    other.tabIndex = chosen ? 0 : -1;
    element(controlled(other)).hidden = !chosen;
  }
  document.dispatchEvent(new Event('tabselected'));
}

/**
 * The client whose tab is selected: its id and its name.
 *
 * @returns {{id: string, label: string}}
 */
export function selected() {
  const tab = elements('[role=tab][aria-selected=true]')[0];
  return tab ? { id: controlled(tab), label: tab.textContent?.trim() ?? '' } : { id: '', label: '' };
}

/**
 * The id of the panel that a tab shows.
 *
 * @param {HTMLElement} tab
 * @returns {string}
 */
function controlled(tab) {
  return tab.getAttribute('aria-controls') ?? '';
}
