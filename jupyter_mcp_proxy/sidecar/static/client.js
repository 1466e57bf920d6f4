// A client's round trip: what one of the era of 2025 sends, in this browser.

import { __ } from './language.js';
import { parsed, Refusal, request } from './server.js';

/**
 * @typedef {{id?: string | null, version?: string}} Session
 * @typedef {{name: string, version: string}} ServerInfo
 * @typedef {{id?: number, result?: unknown, error?: {message: string}}} Answer
 */

/**
 * Connect, ask for the tools, and leave.
 *
 * @param {string | undefined} token
 * @returns {Promise<{server: ServerInfo, tools: number, took: number}>}
 */
export async function roundTrip(token) {
  const begun = performance.now();
  /** @type {Session} */
  const session = {};
  const opened = /** @type {{serverInfo: ServerInfo, protocolVersion: string}} */ (
    await call(token, session, 'initialize', {
      protocolVersion: '2025-06-18',
      capabilities: {},
      clientInfo: { name: 'connect page', version: '1' }
    })
  );
  session.version = opened.protocolVersion;
  await call(token, session, 'notifications/initialized');
  const { tools } = /** @type {{tools: unknown[]}} */ (await call(token, session, 'tools/list', {}));
  const took = Math.round(performance.now() - begun);
  if (session.id) {
    await send(token, session, 'DELETE').catch(() => {});
  }
  return { server: opened.serverInfo, tools: tools.length, took };
}

/**
 * @param {string | undefined} token
 * @param {Session} session
 * @param {string} method
 * @param {object} [params]
 * @returns {Promise<unknown>}
 */
async function call(token, session, method, params) {
  const isNotification = method.startsWith('notifications/');
  const message = { jsonrpc: '2.0', method, params, ...(isNotification ? {} : { id: 1 }) };
  const response = await send(token, session, 'POST', message);
  session.id ||= response.headers.get('Mcp-Session-Id');
  const text = await response.text();
  if (!response.ok) {
    throw new Refusal(response, text);
  }
  if (isNotification) {
    return null;
  }
  const answer = answersIn(response, text).find(one => one.id === message.id);
  if (!answer || answer.error) {
    throw new Error(answer?.error ? answer.error.message : __('there was no answer to %1', method));
  }
  return answer.result;
}

/**
 * What a reply holds: one answer as JSON, or events.
 *
 * @param {Response} response
 * @param {string} text
 * @returns {Answer[]}
 */
function answersIn(response, text) {
  const isStream = response.headers.get('Content-Type')?.startsWith('text/event-stream');
  const events = text.split(/\r?\n/).filter(line => line.startsWith('data:'));
  const parts = isStream ? events.map(line => line.slice('data:'.length)) : [text];
  return parts.filter(part => part.trim()).map(part => /** @type {Answer} */ (parsed(part)));
}

/**
 * @param {string | undefined} token
 * @param {Session} session
 * @param {string} method
 * @param {object} [message]
 * @returns {Promise<Response>}
 */
function send(token, session, method, message) {
  /** @type {Record<string, string>} */
  const headers = { Accept: 'application/json, text/event-stream' };
  if (message) {
    headers['Content-Type'] = 'application/json';
  }
  if (token) {
    headers['Authorization'] = `Bearer ${token}`;
  }
  if (session.id) {
    headers['Mcp-Session-Id'] = session.id;
  }
  if (session.version) {
    headers['MCP-Protocol-Version'] = session.version;
  }
  return request('mcp', {
    method,
    headers,
    body: message && JSON.stringify(message),
    credentials: token ? 'omit' : 'same-origin' // a client has no cookie either
  });
}
