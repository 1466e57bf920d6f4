import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

import { Activity, ICall, IState } from './model';

/** Milliseconds until the first new attempt after the stream was lost; each further one takes twice as long. */
const FIRST_RETRY = 1000;
const LAST_RETRY = 120_000;
/** Milliseconds that a page may be out of sight before its stream is closed. */
const GRACE = 5000;

/** What the server replies: its own words where it refuses, and those of the relay in front of it. */
interface IReply {
  readonly stopped?: number;
  readonly message?: string;
  readonly error?: { readonly message?: string };
}

/**
 * The one stream of events, and what can be asked of the server.
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

  private async _post(what: string, body: object): Promise<IReply> {
    const headers = { 'Content-Type': 'application/json' };
    const init = { method: 'POST', headers, body: JSON.stringify(body) };
    const response = await ServerConnection.makeRequest(this._url(what), init, this._settings);
    const reply = (await response.json().catch(() => ({}))) as IReply;
    if (!response.ok) {
      throw new Error(reply.message ?? reply.error?.message ?? `The server answered ${response.status}.`);
    }
    return reply;
  }

  private _url(what: string): string {
    return URLExt.join(this._settings.baseUrl, 'mcp-proxy', 'api', what);
  }

  private _look(): void {
    window.clearTimeout(this._leaving);
    if (document.hidden) {
      this._leaving = window.setTimeout(() => this._close(), GRACE);
    } else if (!this._source) {
      this._open();
    }
  }

  private _open(): void {
    this._close();
    const source = new EventSource(this._url('activity'), { withCredentials: true });
    this._source = source;
    source.addEventListener('state', (event: MessageEvent<string>) => {
      this._retry = FIRST_RETRY;
      this._activity.setState(JSON.parse(event.data) as IState);
    });
    source.addEventListener('call', (event: MessageEvent<string>) => {
      this._activity.setCall(JSON.parse(event.data) as ICall);
    });
    source.addEventListener('error', () => {
      // The browser's own attempts come every few seconds for ever: ours become rare.
      this._close();
      this._activity.setLink('lost');
      this._waiting = window.setTimeout(() => this._look(), this._retry * (0.75 + Math.random() / 2));
      this._retry = Math.min(this._retry * 2, LAST_RETRY);
    });
  }

  private _close(): void {
    window.clearTimeout(this._waiting);
    this._source?.close();
    this._source = null;
  }

  private _source: EventSource | null = null;
  private _retry = FIRST_RETRY;
  private _waiting = 0;
  private _leaving = 0;
}
