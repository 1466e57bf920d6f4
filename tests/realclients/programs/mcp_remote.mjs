// mcp-remote, as a client that knows only standard input and output starts it.
import { join } from 'node:path';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { serve } from './lines.mjs';

const [url, token] = process.argv.slice(2);
const proxy = join(process.cwd(), 'node_modules', 'mcp-remote', 'dist', 'proxy.js');
const args = [proxy, url, '--header', `Authorization: Bearer ${token}`, '--allow-http', '--transport', 'http-only'];
const client = new Client({ name: 'mcp-remote', version: '1' });
await client.connect(new StdioClientTransport({ command: process.execPath, args, stderr: 'ignore' }));
await serve(client, (request, options) => client.callTool(request, undefined, options));
