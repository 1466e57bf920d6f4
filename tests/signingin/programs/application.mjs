// What an application brings to the TypeScript SDK's sign-in: a browser, a place to come back to, and a memory.
import { spawn } from 'node:child_process';
import { createServer } from 'node:http';

export async function application(name) {
  let arrived;
  const answer = new Promise(resolve => { arrived = resolve; });
  const server = createServer((request, response) => {
    response.end('back in the client');
    const url = new URL(request.url, 'http://127.0.0.1');
    if (url.pathname === '/callback') arrived(url.searchParams);
  });
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve));
  const redirectUrl = `http://127.0.0.1:${server.address().port}/callback`;
  const kept = {};
  const provider = {
    redirectUrl,
    clientMetadata: { client_name: name, redirect_uris: [redirectUrl] },
    clientInformation: () => kept.client,
    saveClientInformation: client => { kept.client = client; },
    tokens: () => kept.tokens,
    saveTokens: tokens => { kept.tokens = tokens; },
    codeVerifier: () => kept.verifier,
    saveCodeVerifier: verifier => { kept.verifier = verifier; },
    redirectToAuthorization: url => { spawn('xdg-open', [url.href]); },
  };
  return { provider, answer };
}

// The call whose answer has an image.
export function wanted(notebook, png) {
  const source = `import base64, IPython.display as d\nd.display(d.Image(base64.b64decode("${png}")))`;
  return { name: 'insert_execute_code_cell', arguments: { notebook, source } };
}

export function tell({ content, isError }) {
  console.log(JSON.stringify({ content, isError }));
}

export async function show(client) {
  tell(await client.callTool(wanted(...process.argv.slice(3))));
  process.exit(0);
}
