import { RuleTester } from 'eslint';

import { bareText } from './bare-text.mjs';

const options = [{ names: ['MCP'], takes: { element: 2, setText: 1, say: 0 } }];
const bare = code => ({ code, errors: [{ messageId: 'bare' }], options });
const fine = code => ({ code, options });

// What a rule finds is told by throwing.
new RuleTester().run('bare-text', bareText, {
  valid: [
    "const said = trans.__('No agent has called yet.');",
    "element('div', 'jp-McpLog', trans.__('%1 cells', count), { role: 'list', title: this._trans.__('Calls') });",
    "element('button', 'jp-McpStatus-button', 'MCP', { type: 'button' });",
    "console.debug('The stream was lost:', `it is tried ${times} times`);",
    "const plugin = { id: 'jupyter-mcp-proxy:panel', description: 'Shows what agents do.' };",
    "const init = { headers: { 'Content-Type': 'application/json', Accept: 'text/event-stream' } };",
    "node.classList.toggle('jp-mod-busy', call.outcome === 'running');",
    "switch (link) { case 'connecting': draw(); }",
    'const icon = \'<svg viewBox="0 0 16 16"><path d="M8 7h22"/></svg>\';',
    'const text = `${client}: ${count} ${place}`;'
  ].map(fine),
  invalid: [
    "const LINKS = { connecting: 'Connecting…' };",
    "const TIERS = { read: 'Agents may look.' };",
    "setText(this._pause, paused ? 'Release' : trans.__('Pause'));",
    "setText(this._name, 'ask');",
    'setText(this._name, `of ${name}`);',
    "element('span', '', 'review');",
    "element('input', '', '', { title: 'days' });",
    "node.setAttribute('aria-label', 'calls');",
    "button.title = count > 1 ? trans.__('%1 cells', count) : 'cell';",
    "activity.say('Stopped.');",
    'throw new Error(`The server answered ${status}.`);',
    "const said = trans.__(one) + ' of this notebook';"
  ].map(bare)
});
