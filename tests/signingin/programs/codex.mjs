// Codex, which has signed in: its server for editors makes the call, for which no model is needed.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { tell, wanted } from './application.mjs';

const program = join(import.meta.dirname, 'node_modules', '.bin', 'codex');
const codex = spawn(program, ['app-server'], { stdio: ['pipe', 'pipe', 'inherit'] });
const waiting = new Map();
createInterface({ input: codex.stdout }).on('line', line => {
  const { id, result, error } = JSON.parse(line);
  const done = waiting.get(id);
  if (done && error) {
    console.log(`error: ${error.message}`);
    process.exit(1);
  }
  done?.(result);
});
let last = 0;
const ask = (method, params) => new Promise(done => {
  waiting.set(++last, done);
  codex.stdin.write(`${JSON.stringify({ id: last, method, params })}\n`);
});
await ask('initialize', { clientInfo: { name: 'editor', version: '1' } });
codex.stdin.write('{"method":"initialized"}\n');
const { thread } = await ask('thread/start', { cwd: process.cwd() });
const { name: tool, arguments: given } = wanted(...process.argv.slice(2));
tell(await ask('mcpServer/tool/call', { threadId: thread.id, server: 'jup', tool, arguments: given }));
codex.kill();
