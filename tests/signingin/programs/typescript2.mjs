// The TypeScript SDK, version 2.
import { Client, StreamableHTTPClientTransport, UnauthorizedError } from '@modelcontextprotocol/client';
import { application, show } from './application.mjs';

const url = process.argv[2];
const { provider, answer } = await application('TypeScript client 2');
const transport = () => new StreamableHTTPClientTransport(new URL(url), { authProvider: provider });
const client = new Client({ name: 'typescript 2', version: '1' });
const first = transport();
try {
  await client.connect(first);
} catch (problem) {
  if (!(problem instanceof UnauthorizedError)) throw problem;
  await first.finishAuth(await answer);
  await client.connect(transport());
}
await show(client);
