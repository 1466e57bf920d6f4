// The TypeScript SDK, version 2.
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { serve } from './lines.mjs';

const [url, token] = process.argv.slice(2);
const client = new Client({ name: 'typescript 2', version: '1' });
const headers = { Authorization: `Bearer ${token}` };
await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } }));
await serve(client, (request, options) => client.callTool(request, options));
