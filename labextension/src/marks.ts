import { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';

import { TranslationBundle } from '@jupyterlab/translation';

import { colourOf } from './changes';
import { BEHIND } from './disk';
import { onCells } from './drawing';
import { oncePerFrame } from './elements';
import { Activity, ICall, IClient } from './model';
import { pathOf } from './reveal';
import { said } from './words';

const WRITES = new Set(['insert_cell', 'overwrite_cell_source', 'edit_cell']);
const RUNS = new Set(['execute_cell', 'insert_execute_code_cell', 'run_cells']);

/** The attribute that the style sheet turns into a mark, by its text alone. */
const MARK = 'data-mcp-client';
/** The attribute of the cells that an agent works on now: its name and what it does. */
const WORKS = 'data-mcp-works';

/** Marks the cells that an agent wrote or ran with the client's name. */
export class Marks {
  constructor(
    private _activity: Activity,
    private _tracker: INotebookTracker,
    private _trans: TranslationBundle
  ) {
    const draw = oncePerFrame(() => this._draw());
    _activity.changed.connect(draw);
    onCells(_tracker, draw);
  }

  private _draw(): void {
    this._read();
    const works = atWork(this._activity.clients);
    if (this._marks.size > 0 || works.size > 0 || this._working) {
      this._tracker.forEach(panel => {
        this._mark(panel);
        this._show(panel, works.get(pathOf(panel)));
      });
    }
    this._working = works.size > 0;
  }

  /** Take note of the calls since the last time. */
  private _read(): void {
    for (const call of this._activity.calls) {
      if (this._seen.has(call)) {
        continue;
      }
      this._seen.add(call);
      for (const cell of touched(call)) {
        const cells = this._marks.get(call.notebook!) ?? new Map<string, string>();
        this._marks.set(call.notebook!, cells.set(cell, call.client));
      }
    }
  }

  private _mark(panel: NotebookPanel): void {
    const cells = this._marks.get(pathOf(panel));
    if (!cells || panel.isDisposed || panel.node.hasAttribute(BEHIND)) {
      return;
    }
    for (const cell of panel.content.widgets) {
      const client = cells.get(cell.model.id);
      if (client !== undefined && cell.node.getAttribute(MARK) !== client) {
        cell.node.setAttribute(MARK, client);
      }
    }
  }

  /** Show the cells that agents work on, and no others any more. */
  private _show(panel: NotebookPanel, works: Map<string, ICall> | undefined): void {
    for (const cell of panel.isDisposed ? [] : panel.content.widgets) {
      const call = works?.get(cell.model.id);
      if (call === undefined) {
        cell.node.removeAttribute(WORKS);
        continue;
      }
      const text = `${call.client} · ${said(call, this._trans)}`;
      if (cell.node.getAttribute(WORKS) !== text) {
        cell.node.setAttribute(WORKS, text);
        cell.node.style.setProperty('--jp-mcp-colour', colourOf(call.client));
        cell.node.style.setProperty('--jp-mcp-works', JSON.stringify(text)); // for the bar, where there is one
      }
    }
  }

  private _working = false;
  private _marks = new Map<string, Map<string, string>>();
  private _seen = new WeakSet<ICall>();
}

/** The cell of each notebook that an agent edits or runs now; nobody need be told of one that looks. */
function atWork(clients: readonly IClient[]): Map<string, Map<string, ICall>> {
  const notebooks = new Map<string, Map<string, ICall>>();
  for (const { doing } of clients) {
    const cell = doing === null ? null : workedOn(doing);
    if (doing !== null && doing.notebook !== null && cell !== null) {
      const cells = notebooks.get(doing.notebook) ?? new Map<string, ICall>();
      notebooks.set(doing.notebook, cells.set(cell, doing));
    }
  }
  return notebooks;
}

/** The cell that a call edits or runs now, as far as that is known. */
export function workedOn(call: ICall): string | null {
  const busy = call.outcome === 'running' || call.outcome === 'waiting';
  return busy && (WRITES.has(call.tool) || RUNS.has(call.tool)) ? (call.now?.[0] ?? call.cell) : null;
}

/** The cells that a call has written or run. */
function touched(call: ICall): readonly string[] {
  if (call.notebook === null || call.proposed) {
    return [];
  }
  const wrote = WRITES.has(call.tool) && call.outcome === 'ok';
  const ran = RUNS.has(call.tool) && call.outcome !== 'refused';
  return call.cells ?? (call.cell !== null && (wrote || ran) ? [call.cell] : []);
}
