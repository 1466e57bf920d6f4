// A call for each line on standard input, its outcome as a line on standard output; or the list of tools, or a cancel.
import { createInterface } from 'node:readline';

// What a client without HTTP is told to start.
export function program() {
  const [command, ...args] = JSON.parse(process.env.STDIO);
  return { command, args, env: process.env, stderr: 'ignore' };
}

// `call` has the client's own order of arguments: a request and its options.
export async function serve(client, call) {
  const say = told => console.log(JSON.stringify(told));
  let running;
  const carryOut = async ({ list, tool, arguments: given }) => {
    running = new AbortController();
    try {
      if (list) {
        const { tools } = await client.listTools();
        say({ text: tools.map(({ name }) => name).sort().join(' '), error: false, images: 0 });
        return;
      }
      const onprogress = told => say({ progress: JSON.stringify(told) });
      const options = { signal: running.signal, onprogress, timeout: 120_000 };
      const { content, isError } = await call({ name: tool, arguments: given }, options);
      const images = content.filter(({ type }) => type === 'image').length;
      say({ text: content.map(block => block.text ?? '').join('\n'), error: Boolean(isError), images });
    } catch (problem) {
      say({ text: `${problem.name}: ${problem.message}`, error: true, images: 0 });
    }
  };
  say({ text: 'ready', error: false, images: 0 });
  for await (const line of createInterface({ input: process.stdin })) {
    const wanted = JSON.parse(line);
    if (wanted.cancel) running.abort();
    else carryOut(wanted);
  }
  process.exit(0);
}
