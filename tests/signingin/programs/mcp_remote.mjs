// mcp-remote, as a client that knows only standard input and output starts it.
import { join } from 'node:path';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { show } from './application.mjs';

const url = process.argv[2];
const args = [join(process.cwd(), 'node_modules', 'mcp-remote', 'dist', 'proxy.js'), url, '--allow-http'];
const client = new Client({ name: 'mcp-remote', version: '1' });
const transport = new StdioClientTransport({ command: process.execPath, args, env: process.env });
await client.connect(transport, { timeout: 120_000 });
await show(client);
