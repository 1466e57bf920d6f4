import { ISignal, Signal } from '@lumino/signaling';

export type Outcome = 'running' | 'waiting' | 'ok' | 'error' | 'refused' | 'cancelled';

/** A notebook and a cell in it. */
export interface IPlace {
  readonly notebook: string | null;
  readonly cell: string | null;
}

/** One tool call. The names in it are chosen by clients: text, never markup. */
export interface ICall extends IPlace {
  readonly id: number;
  /** When it began: ISO 8601. */
  readonly time: string;
  readonly user: string;
  readonly client: string;
  /** The scoped token that it came with; null for Jupyter's own. */
  readonly token: string | null;
  readonly tool: string;
  /** What it wrote or ran, where that is more than one cell. */
  readonly cells: readonly string[] | null;
  /** Where the cell was then; missing where the server runs an older version than the page, as the next two. */
  readonly index?: number | null;
  /** What it has changed that a person may keep or undo. */
  readonly changes?: readonly string[] | null;
  /** Of a run of several cells that is under way: the cell that runs, which of them it is, and how many they are. */
  readonly now?: readonly [string | null, number, number] | null;
  /** Whether what it would change waits for a person; missing where the server runs an older version than the page. */
  readonly proposed?: boolean;
  readonly outcome: Outcome;
  readonly ms: number | null;
}

/** A client that has called lately. */
export interface IClient {
  readonly name: string;
  readonly token: string | null;
  /** What it may do: read, edit or run. */
  readonly tier: string;
  /** Whether a person is asked before it runs code; missing where the server runs an older version than the page. */
  readonly asking?: boolean;
  readonly since: string;
  readonly last: string;
  readonly doing: ICall | null;
  /** Whether its edits wait for a person; missing where the server runs an older version than the page. */
  readonly review?: boolean;
}

/** What the code of an agent asks a person. The prompt is what the code wrote: text, never markup. */
export interface IQuestion extends IPlace {
  readonly id: string;
  /** Since when it waits: ISO 8601. */
  readonly time: string;
  readonly client: string;
  readonly prompt: string;
  readonly password: boolean;
}

/** A notebook as it was; `time` is its name. */
export interface ISnapshot {
  readonly notebook: string;
  readonly time: string;
}

export type Verdict = 'once' | 'notebook' | 'deny';

/** What an agent wants to run and a person is to allow. */
export interface IRequest extends IPlace {
  readonly id: string;
  readonly time: string;
  readonly client: string;
  readonly token: string | null;
}

/** The same with the code: text, never markup. */
export interface IWholeRequest extends IRequest {
  readonly pieces: readonly { readonly cell: string | null; readonly index: number | null; readonly code: string }[];
  readonly answers: readonly string[];
}

/** What the server says of itself; the first time with the newest calls. */
export interface IState {
  readonly paused: boolean;
  readonly tier: string;
  readonly clients: readonly IClient[];
  /** Whether the edits of all agents wait for a person; missing where the server runs an older version than the page. */
  readonly review?: boolean;
  /** As that. */
  readonly questions?: readonly IQuestion[];
  /** Whether a person is asked before agents run code, and what waits for that; missing as above. */
  readonly asking?: boolean;
  readonly requests?: readonly IRequest[];
  /** Grows whenever the changes that wait for a person are others. */
  readonly changes?: number;
  readonly calls?: readonly ICall[];
}

export type Link = 'connecting' | 'open' | 'lost';

/** Calls that are kept for the log. */
export const KEPT = 5000;

/** What agents do, as far as the server has told. */
export class Activity {
  link: Link = 'connecting';
  paused = false;
  tier = '';
  clients: readonly IClient[] = [];
  /** Whether the edits of all agents wait for a person; null where the server has no such thing. */
  review: boolean | null = null;
  questions: readonly IQuestion[] = [];
  asking = false;
  requests: readonly IRequest[] = [];
  /** Another number than before: the changes that wait for a person are others. */
  changes: number | null = null;
  /** Whether the cell that an agent works on is kept in view. */
  follows = false;
  /** What came of what the person has just asked for. */
  note = '';

  /** Something has changed; many changes of one moment may come one by one. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** A call has begun, changed or ended while we watched. */
  get called(): ISignal<this, ICall> {
    return this._called;
  }

  /** All calls that are kept, the oldest first. */
  get calls(): readonly ICall[] {
    return this._calls;
  }

  /** What is shown of all this has to be drawn anew. */
  announce(): void {
    this._changed.emit();
  }

  setLink(link: Link): void {
    if (link !== this.link) {
      this.link = link;
      this.questions = link === 'open' ? this.questions : []; // nobody can be answered
      this.requests = link === 'open' ? this.requests : [];
      this._changed.emit();
    }
  }

  /** Say something for some seconds. */
  say(note: string): void {
    this.note = note;
    this._changed.emit();
    window.clearTimeout(this._saying);
    this._saying = window.setTimeout(() => {
      this.note = '';
      this._changed.emit();
    }, 5000);
  }

  setFollow(follows: boolean): void {
    this.follows = follows;
    this._changed.emit();
  }

  setState(state: IState): void {
    this.link = 'open';
    this.paused = state.paused;
    this.tier = state.tier;
    this.clients = state.clients;
    this.review = state.review ?? null;
    this.questions = state.questions ?? [];
    this.asking = state.asking ?? false;
    this.requests = state.requests ?? [];
    this.changes = state.changes ?? null;
    state.calls?.forEach(call => this._keep(call));
    this._changed.emit();
  }

  setCall(call: ICall): void {
    this._keep(call);
    this._called.emit(call);
    this._changed.emit();
  }

  private _keep(call: ICall): void {
    // A sidecar that was started anew counts from 1 again; the time tells its calls from those before.
    const key = `${call.time} ${call.id}`;
    const place = this._places.get(key);
    if (place !== undefined) {
      this._calls[place - this._dropped] = call;
      return;
    }
    this._places.set(key, this._dropped + this._calls.length);
    this._calls.push(call);
    if (this._calls.length > KEPT * 1.1) {
      for (const gone of this._calls.splice(0, this._calls.length - KEPT)) {
        this._places.delete(`${gone.time} ${gone.id}`);
        this._dropped++;
      }
    }
  }

  private _calls: ICall[] = [];
  private _places = new Map<string, number>();
  private _dropped = 0;
  private _saying = 0;
  private _changed = new Signal<this, void>(this);
  private _called = new Signal<this, ICall>(this);
}
