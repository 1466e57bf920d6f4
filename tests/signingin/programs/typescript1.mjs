// The TypeScript SDK, version 1.
import { UnauthorizedError } from '@modelcontextprotocol/sdk/client/auth.js';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { application, show } from './application.mjs';

const url = process.argv[2];
const { provider, answer } = await application('TypeScript SDK 1');
const transport = () => new StreamableHTTPClientTransport(new URL(url), { authProvider: provider });
const client = new Client({ name: 'typescript 1', version: '1' });
const first = transport();
try {
  await client.connect(first);
} catch (problem) {
  if (!(problem instanceof UnauthorizedError)) throw problem;
  await first.finishAuth((await answer).get('code'));
  await client.connect(transport());
}
await show(client);
