// The TypeScript SDK, version 1, over HTTP or with `stdio`.
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { program, serve } from './lines.mjs';

const [url, token, way] = process.argv.slice(2);
const client = new Client({ name: 'typescript 1', version: '1' });
const headers = { Authorization: `Bearer ${token}` };
const http = () => new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } });
await client.connect(way === 'stdio' ? new StdioClientTransport(program()) : http());
await serve(client, (request, options) => client.callTool(request, undefined, options));
