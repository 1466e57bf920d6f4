// What connects each client: the endpoint as this browser reaches it, and a token where one was made.

import { element, elements, told } from './elements.js';
import { here } from './server.js';

/** What the template says of the server: the endpoint as the server has it, and where a token goes. */
const server = {
  endpoint: told(document.body, 'endpoint'),
  slot: told(document.body, 'slot'),
  placeholder: told(document.body, 'placeholder'),
  /** Whether a client can do without a token, until one is made. */
  signsIn: told(document.body, 'signsIn') !== ''
};

/**
 * Fill every client's part in, with a token or with the place for one.
 *
 * @param {string | null} secret
 */
export function fill(secret) {
  const token = secret ?? server.placeholder;
  const form = secret === null && server.signsIn ? 'plain' : 'template';
  const url = endpoint();
  element('endpoint').textContent = url;
  for (const snippet of elements('.snippet')) {
    snippet.textContent = filled(told(snippet, form), url, token);
  }
  for (const link of elements('.install')) {
    const text = told(link, form === 'plain' ? 'plain' : 'payload');
    link.setAttribute('href', told(link, 'prefix') + payload(text, told(link, 'encoding'), url, token));
  }
  for (const hint of elements('.needs-token')) {
    hint.hidden = secret !== null;
  }
}

/** @returns {string} */
function endpoint() {
  const seen = `${here}mcp`;
  // An address with other characters stays as the server has it, since it is quoted for each format there.
  return /^[A-Za-z0-9%._~:/@-]+$/.test(seen) ? seen : server.endpoint;
}

/**
 * @param {string} template
 * @param {string} encoding
 * @param {string} url
 * @param {string} token
 * @returns {string}
 */
function payload(template, encoding, url, token) {
  if (encoding === 'none') {
    const from = encodeURIComponent(server.endpoint);
    return template
      .replaceAll(from, encodeURIComponent(url))
      .replaceAll(server.slot, encodeURIComponent(encodeURIComponent(token)));
  }
  const text = filled(template, url, token);
  return encodeURIComponent(encoding === 'base64' ? btoa(text) : text);
}

/**
 * @param {string} template
 * @param {string} url
 * @param {string} token
 * @returns {string}
 */
function filled(template, url, token) {
  return template.replaceAll(server.endpoint, url).replaceAll(server.slot, token);
}
