import { TranslationBundle } from '@jupyterlab/translation';

import { colourOf, named, whose } from './changes';
import { element, setText } from './elements';
import { ICall, IPlace } from './model';
import { said } from './words';

/** The height of a line in pixels, as in the style sheet. */
const LINE = 38;
/** Lines that are drawn above and below those in sight. */
const SPARE = 4;
/** Milliseconds between two calls of one client that still belong to one turn of its work. */
const TURN = 60_000;

/** The log: the newest call first. Only the lines in sight are elements, so that 5,000 cost as little as 50. */
export class Log {
  readonly node = element('div', 'jp-McpLog', '', { role: 'list' });

  constructor(
    private _trans: TranslationBundle,
    private _open: (call: ICall) => void
  ) {
    this.node.setAttribute('aria-label', _trans.__('Calls, the newest first'));
    this.node.appendChild(this._space);
    this.node.addEventListener('scroll', () => this._draw());
    new ResizeObserver(() => this._draw()).observe(this.node);
  }

  /** Show these calls, the oldest of them first. */
  show(calls: readonly ICall[]): void {
    const more = calls.length - this._calls.length;
    this._calls = calls.slice();
    setHeight(this._space, calls.length * LINE);
    if (this.node.scrollTop > 0 && more > 0) {
      this.node.scrollTop += more * LINE; // who reads further down keeps the place
    }
    this._draw();
  }

  private _draw(): void {
    const first = Math.max(0, Math.floor(this.node.scrollTop / LINE) - SPARE);
    const count = Math.ceil(this.node.clientHeight / LINE) + 2 * SPARE;
    const end = Math.min(this._calls.length, first + count);
    while (this._lines.length < end - first) {
      const line = new Line(this._trans, call => this._open(call));
      this._lines.push(line);
      this._space.appendChild(line.node);
    }
    this._lines.forEach((line, slot) => {
      const place = first + slot;
      const call = place < end ? this._calls[this._calls.length - 1 - place] : undefined;
      const above = place > 0 ? this._calls[this._calls.length - place] : undefined;
      line.show(call, place, this._calls.length, call !== undefined && isOneTurn(call, above));
    });
  }

  private _space = element('div', 'jp-McpLog-space');
  private _lines: Line[] = [];
  private _calls: readonly ICall[] = [];
}

class Line {
  readonly node = element('div', 'jp-McpLog-item', '', { role: 'listitem' });

  constructor(
    private _trans: TranslationBundle,
    open: (call: ICall) => void
  ) {
    const what = element('span', 'jp-McpLog-what');
    what.append(this._client, this._where);
    this._button.append(this._time, this._tool, this._outcome, what, this._duration, this._edge);
    this._button.addEventListener('click', () => this._call && open(this._call));
    this.node.appendChild(this._button);
  }

  show(call: ICall | undefined, place: number, of: number, isOneTurn: boolean): void {
    this.node.hidden = call === undefined;
    if (call === undefined) {
      this._call = undefined;
      return;
    }
    this.node.style.transform = `translateY(${place * LINE}px)`;
    this.node.setAttribute('aria-posinset', String(place + 1));
    this.node.setAttribute('aria-setsize', String(of));
    this.node.classList.toggle('jp-mod-sameTurn', isOneTurn);
    if (call === this._call) {
      return;
    }
    this._call = call;
    setText(this._time, clock(call.time));
    setText(this._client, named(call.client, call.token));
    setText(this._tool, said(call, this._trans));
    setText(this._outcome, call.outcome === 'ok' ? '' : outcome(call, this._trans));
    this._edge.style.background = colourOf(call.client);
    this._button.dataset.tool = call.tool;
    this._button.dataset.cell = call.cell ?? '';
    this._button.dataset.outcome = call.outcome;
    setText(this._where, placeOf(call));
    setText(this._duration, duration(call.ms));
    this._button.disabled = call.notebook === null;
    // The line cuts off what is longer than the panel is wide.
    this._button.title = `${named(call.client, call.token)}: ${said(call, this._trans)} (${call.tool}) ${placeOf(call)}`;
  }

  private _button = element('button', 'jp-McpLog-line', '', { type: 'button' });
  private _time = element('span', 'jp-McpLog-time');
  private _client = element('span', 'jp-McpLog-client');
  private _tool = element('span', 'jp-McpLog-tool');
  private _outcome = element('span', 'jp-McpLog-outcome');
  private _where = element('span', 'jp-McpLog-where');
  private _duration = element('span', 'jp-McpLog-duration');
  private _edge = element('span', 'jp-McpLog-edge', '', { 'aria-hidden': 'true' });
  private _call: ICall | undefined;
}

function setHeight(target: HTMLElement, pixels: number): void {
  const height = `${pixels}px`;
  if (target.style.height !== height) {
    target.style.height = height;
  }
}

function clock(time: string): string {
  const date = new Date(time);
  return isNaN(date.getTime()) ? '' : date.toTimeString().slice(0, 8);
}

/** Whether a call and the one behind it are of one turn of the same client's work. */
function isOneTurn(call: ICall, next: ICall | undefined): boolean {
  return next !== undefined && whose(next) === whose(call) && Date.parse(next.time) - Date.parse(call.time) < TURN;
}

function outcome(call: ICall, trans: TranslationBundle): string {
  switch (call.outcome) {
    case 'running':
      return trans.__('running');
    case 'waiting':
      return trans.__('waiting');
    case 'error':
      return trans.__('failed');
    case 'refused':
      return trans.__('refused');
    case 'cancelled':
      return trans.__('stopped');
    default:
      return '';
  }
}

/** The notebook that a call or a question is about. */
export function placeOf(call: IPlace): string {
  return call.notebook ?? '';
}

/** Milliseconds as a person reads them. */
export function duration(ms: number | null): string {
  if (ms === null) {
    return '';
  }
  if (ms < 1000) {
    return `${ms} ms`;
  }
  const seconds = ms / 1000;
  return seconds < 100 ? `${seconds.toFixed(1)} s` : `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}
