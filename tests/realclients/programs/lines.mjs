// A call for each line on standard input, its outcome as a line on standard output.
import { createInterface } from 'node:readline';

export async function serve(client) {
  const say = (text, error) => console.log(JSON.stringify({ text, error }));
  say('ready', false);
  for await (const line of createInterface({ input: process.stdin })) {
    const { tool, arguments: given } = JSON.parse(line);
    try {
      const result = await client.callTool({ name: tool, arguments: given });
      say(result.content.map(block => block.text ?? '').join('\n'), Boolean(result.isError));
    } catch (problem) {
      say(`${problem.name}: ${problem.message}`, true);
    }
  }
  process.exit(0);
}
