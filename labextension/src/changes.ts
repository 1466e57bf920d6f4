import { ISignal, Signal } from '@lumino/signaling';

import { Connection } from './connection';
import { Activity } from './model';

const PORTION = 400;
/** Milliseconds after which a reading that has failed is repeated. */
const AGAIN = 5000;

export type Action = 'added' | 'edited' | 'deleted' | 'moved';

/** What a change did to one cell. The sources are there where the change was asked for by itself. */
export interface IPiece {
  readonly cell: string;
  readonly index: number;
  readonly action: Action;
  /** The cell's source before the change; null where it was not there. */
  readonly before?: string | null;
  readonly after?: string | null;
  readonly now?: string | null;
}

/** A change of an agent that waits for a person to keep it or to take it back. */
export interface IChange {
  readonly id: string;
  readonly notebook: string;
  readonly client: string;
  readonly token: string | null;
  /** Seconds since 1970. */
  readonly time: number;
  /** Whether the server could still take it back. */
  readonly undoable: boolean;
  /** Whether it waits to be accepted and is not in the notebook yet. */
  readonly proposed?: boolean;
  /** Why it cannot be accepted as it is; there where it was asked for by itself. */
  readonly clash?: string | null;
  readonly cells: readonly IPiece[];
}

/** The changes that wait, to be kept and to be accepted, as the server knows them. */
export class Changes {
  constructor(
    private _connection: Connection,
    private _activity: Activity
  ) {
    _activity.changed.connect(() => this._look());
  }

  /** The list is another one. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** Those that wait, the oldest first. */
  get all(): readonly IChange[] {
    return this._all;
  }

  /** One with what its cells said before and after it, and say now; null where it does not wait any more. */
  async whole(id: string): Promise<IChange | null> {
    return (await this._connection.changes({ id })).change ?? null;
  }

  /** Keep changes, or what they did to one cell. */
  async keep(ids: readonly string[], cell?: string): Promise<void> {
    await this._connection.keep(ids, cell);
    await this._read();
  }

  /** Take one back, or all of its agent since; what is in the way, or nothing. */
  async undo(id: string, later: boolean): Promise<string> {
    const why = await this._connection.undo(id, later);
    await this._read();
    return why;
  }

  /** Make proposals of the notebooks; what is in the way of the first that could not be, or nothing. */
  async accept(ids: readonly string[], insist = false): Promise<string> {
    let why = '';
    for (const some of portions(ids)) {
      why ||= Object.values(await this._connection.accept(some, insist))[0] ?? '';
    }
    await this._read();
    return why;
  }

  /** Drop proposals. */
  async reject(ids: readonly string[]): Promise<void> {
    for (const some of portions(ids)) {
      await this._connection.reject(some);
    }
    await this._read();
  }

  private _look(): void {
    const { changes, link } = this._activity;
    const stamp = link === 'open' ? changes : null;
    if (stamp === this._stamp) {
      return;
    }
    this._stamp = stamp;
    if (stamp === null) {
      this._show([]);
    } else {
      void this._read().catch(error => {
        console.warn('What agents have changed could not be read:', error);
        this._stamp = NaN;
        window.setTimeout(() => this._look(), AGAIN);
      });
    }
  }

  private async _read(): Promise<void> {
    const number = ++this._reading;
    const { changes = [], proposals = [] } = await this._connection.changes();
    const all = [...changes, ...proposals];
    if (number === this._reading) {
      this._show(all); // a later answer may have come before this one
    }
  }

  private _show(all: readonly IChange[]): void {
    if (all.length > 0 || this._all.length > 0) {
      this._all = all;
      this._changed.emit();
    }
  }

  private _all: readonly IChange[] = [];
  private _stamp: number | null = null;
  private _reading = 0;
  private _changed = new Signal<this, void>(this);
}

/** Ids in portions: the server takes 10,000 bytes at once. */
function portions(ids: readonly string[]): string[][] {
  const count = Math.ceil(ids.length / PORTION);
  return Array.from({ length: count }, (_, place) => ids.slice(place * PORTION, (place + 1) * PORTION));
}

/** Who has made a change, as a key: two clients of one name with two tokens are two. */
export function whose(of: { readonly client: string; readonly token: string | null }): string {
  return JSON.stringify([of.client, of.token]);
}

/** A client as people know it: its name, and that of its token. */
export function named(client: string, token: string | null): string {
  return token === null || token === client ? client : `${client} · ${token}`;
}

/** The colour of a client, one of those that JupyterLab has for people who work together. */
export function colourOf(client: string): string {
  let sum = 0;
  for (const character of client) {
    sum += character.codePointAt(0) ?? 0;
  }
  return `var(--jp-collaborator-color${(sum % 7) + 1})`;
}
