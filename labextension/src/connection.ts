import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';
import { createParser, EventSourceMessage } from 'eventsource-parser';

import type { IChange, IPiece } from './changes';
import { trans } from './language';
import { Activity, ICall, IClient, ISnapshot, IState, IWholeRequest, Verdict } from './model';

/** Milliseconds until the first new attempt after the stream was lost; each further one takes twice as long. */
const FIRST_RETRY = 1000;
const LAST_RETRY = 120_000;
/** Milliseconds that a page may be out of sight before its stream is closed. */
const GRACE = 5000;

/** What the server replies: its own words where it refuses, and those of the relay in front of it. */
interface IReply {
  readonly stopped?: number;
  readonly taken?: boolean;
  readonly request?: IWholeRequest | null;
  readonly changes?: readonly IChange[];
  readonly proposals?: readonly IChange[];
  /** Why each proposal that was to be accepted was not. */
  readonly left?: Readonly<Record<string, string>>;
  readonly change?: IChange | null;
  readonly why?: string | null;
  readonly overwritten?: string | null;
  readonly snapshots?: readonly ISnapshot[];
  readonly snapshot?: (ISnapshot & { readonly cells: readonly IPiece[] }) | null;
  readonly message?: string;
  readonly error?: { readonly message?: string };
}

/**
 * The one stream of events, and what can be asked of the server.
 *
 * The stream is read with JupyterLab's own requests, not with an EventSource: that cannot send the XSRF token, without
 * which a JupyterHub takes no cookie.
 *
 * A page that nobody sees has no stream: browsers allow six connections to a server, and Jupyter Notebook opens a page
 * for each notebook.
 */
export class Connection {
  constructor(
    private _activity: Activity,
    private _settings: ServerConnection.ISettings
  ) {}

  /** Watch from now on, for as long as the page is there. */
  start(): void {
    document.addEventListener('visibilitychange', () => this._look());
    window.addEventListener('pagehide', () => this._close());
    window.addEventListener('pageshow', () => this._look());
    this._look();
  }

  /** Refuse edits and runs of agents from now on, or no longer. */
  async pause(paused: boolean): Promise<void> {
    await this._post('pause', { paused });
  }

  /** Interrupt what agents run, and return how much that was. */
  async stop(): Promise<number> {
    return (await this._post('stop', {})).stopped ?? 0;
  }

  /** Give code what it asks for, or refuse it with null; whether it still waited for that. */
  async answer(question: string, answer: string | null): Promise<boolean> {
    const body = answer === null ? { question, refuse: true } : { question, answer };
    return (await this._post('answer', body)).taken === true;
  }

  /** Let code wait for a person from now on, of one client or of all, or no longer. */
  async ask(ask: boolean, client?: IClient): Promise<void> {
    await this._post('asking', client === undefined ? { ask } : { ask, client: client.name, token: client.token });
  }

  /** What an agent wants to run, with its code; null where it does not wait any more. */
  async request(id: string): Promise<IWholeRequest | null> {
    const query = URLExt.objectToQueryString({ id });
    return (await this._reply(`request${query}`, { method: 'GET', cache: 'no-store' })).request ?? null;
  }

  /** Allow or deny that; whether it still waited. */
  async allow(request: string, verdict: Verdict): Promise<boolean> {
    return (await this._post('allow', { request, verdict })).taken === true;
  }

  /** Whether edits are shared live; null where nobody knows. */
  async isLive(): Promise<boolean | null> {
    const response = await this._ask('../healthz', {});
    const told = (await response.json().catch(() => ({}))) as { readonly rtc?: boolean | null };
    return response.ok ? (told.rtc ?? null) : null;
  }

  /**
   * The changes of agents that wait for a person, one of them with what its cells say, or, of a notebook that was saved,
   * the snapshot of what agents had written and that has overwritten.
   */
  changes(query: { readonly id?: string; readonly saved?: string } = {}): Promise<IReply> {
    return this._reply(`changes${URLExt.objectToQueryString(query)}`, { method: 'GET', cache: 'no-store' });
  }

  /** Keep changes, or what they did to one cell. */
  async keep(changes: readonly string[], cell?: string): Promise<void> {
    await this._post('keep', cell === undefined ? { changes } : { changes, cell });
  }

  /** Take a change back, or all of its agent since; what is in the way, or nothing. */
  async undo(change: string, later: boolean): Promise<string> {
    return (await this._post('undo', { change, later })).why ?? '';
  }

  /** Make proposals of the notebooks; why each that was not could not be. */
  async accept(proposals: readonly string[], insist: boolean): Promise<Readonly<Record<string, string>>> {
    return (await this._post('accept', { proposals, insist })).left ?? {};
  }

  /** Drop proposals. */
  async reject(proposals: readonly string[]): Promise<void> {
    await this._post('reject', { proposals });
  }

  /** Have the edits of one client, or of all, wait for a person, or no longer. */
  async review(on: boolean, who?: { readonly client: string; readonly token: string | null }): Promise<void> {
    await this._post('review', who === undefined ? { on } : { on, client: who.client, token: who.token });
  }

  /** The snapshots of one notebook, or of all; the newest first. */
  async snapshots(notebook: string | null): Promise<readonly ISnapshot[]> {
    const query = notebook === null ? '' : URLExt.objectToQueryString({ notebook });
    return (await this._reply(`snapshots${query}`, { method: 'GET', cache: 'no-store' })).snapshots ?? [];
  }

  /** One of them, with what restoring it would change; null where it is not there any more. */
  async snapshot({ notebook, time }: ISnapshot): Promise<IReply['snapshot']> {
    const query = URLExt.objectToQueryString({ notebook, time });
    return (await this._reply(`snapshots${query}`, { method: 'GET', cache: 'no-store' })).snapshot;
  }

  /** Make a notebook what it was; why not, or nothing. */
  async restore({ notebook, time }: ISnapshot): Promise<string> {
    return (await this._post('restore', { notebook, time })).why ?? '';
  }

  private _post(what: string, body: object): Promise<IReply> {
    const headers = { 'Content-Type': 'application/json' };
    return this._reply(what, { method: 'POST', headers, body: JSON.stringify(body) });
  }

  private async _reply(what: string, init: RequestInit): Promise<IReply> {
    const response = await this._ask(what, init);
    const reply = (await response.json().catch(() => ({}))) as IReply;
    if (!response.ok) {
      throw new Error(reply.message ?? reply.error?.message ?? trans.__('The server answered %1.', response.status));
    }
    return reply;
  }

  private _ask(what: string, init: RequestInit): Promise<Response> {
    const url = URLExt.join(this._settings.baseUrl, 'mcp-proxy', 'api', what);
    const settings = this._byLogin ? { ...this._settings, token: '' } : this._settings;
    return ServerConnection.makeRequest(url, init, settings);
  }

  private _look(): void {
    window.clearTimeout(this._leaving);
    if (document.hidden) {
      this._leaving = window.setTimeout(() => this._close(), GRACE);
    } else if (!this._stream) {
      void this._watch();
    }
  }

  private async _watch(): Promise<void> {
    this._close();
    const stream = new AbortController();
    this._stream = stream;
    let reason: unknown = null;
    try {
      await this._read(stream.signal);
    } catch (error) {
      reason = error;
    }
    if (this._stream === stream) {
      console.debug('The stream of what agents do was lost:', reason ?? 'it has ended');
      this._close();
      this._activity.setLink('lost');
      this._waiting = window.setTimeout(() => this._look(), this._retry * (0.75 + Math.random() / 2));
      this._retry = Math.min(this._retry * 2, LAST_RETRY);
    }
  }

  /** Take what the server tells, until it ends or is aborted. */
  private async _read(signal: AbortSignal): Promise<void> {
    const init: RequestInit = { cache: 'no-cache', headers: { Accept: 'text/event-stream' }, signal };
    const response = await this._ask('activity', init);
    if (response.status === 403) {
      this._byLogin = !this._byLogin; // of the token in the page and the person's login one may still hold
    }
    if (!response.ok || !response.body) {
      throw new Error(trans.__('The server answered %1.', response.status));
    }
    const parser = createParser({ onEvent: event => this._take(event) });
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      parser.feed(part.value);
    }
  }

  private _take(event: EventSourceMessage): void {
    if (event.event === 'state') {
      this._retry = FIRST_RETRY;
      this._activity.setState(JSON.parse(event.data) as IState);
    } else if (event.event === 'call') {
      this._activity.setCall(JSON.parse(event.data) as ICall);
    }
  }

  private _close(): void {
    window.clearTimeout(this._waiting);
    const stream = this._stream;
    this._stream = null;
    stream?.abort();
  }

  private _stream: AbortController | null = null;
  /** Whether to ask without the token that the page came with: after a restart the server may have another. */
  private _byLogin = false;
  private _retry = FIRST_RETRY;
  private _waiting = 0;
  private _leaving = 0;
}
