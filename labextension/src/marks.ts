import { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';

import { BEHIND } from './disk';
import { oncePerFrame } from './elements';
import { Activity, ICall } from './model';
import { pathOf } from './reveal';

const WRITES = new Set(['insert_cell', 'overwrite_cell_source', 'edit_cell']);
const RUNS = new Set(['execute_cell', 'insert_execute_code_cell', 'run_cells']);

/** The attribute that the style sheet turns into a mark, by its text alone. */
const MARK = 'data-mcp-client';

/** Marks the cells that an agent wrote or ran with the client's name. */
export class Marks {
  constructor(
    private _activity: Activity,
    private _tracker: INotebookTracker
  ) {
    const draw = oncePerFrame(() => this._draw());
    _activity.changed.connect(draw);
    _tracker.widgetAdded.connect((_, panel) => {
      void panel.context.ready.then(() => {
        const follow = (): void => {
          panel.content.model?.cells.changed.connect(draw);
          draw();
        };
        panel.content.modelChanged.connect(follow);
        follow();
      });
    });
  }

  private _draw(): void {
    this._read();
    if (this._marks.size > 0) {
      this._tracker.forEach(panel => this._mark(panel));
    }
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

  private _marks = new Map<string, Map<string, string>>();
  private _seen = new WeakSet<ICall>();
}

/** The cells that a call has written or run. */
function touched(call: ICall): readonly string[] {
  if (call.notebook === null) {
    return [];
  }
  const wrote = WRITES.has(call.tool) && call.outcome === 'ok';
  const ran = RUNS.has(call.tool) && call.outcome !== 'refused';
  return call.cells ?? (call.cell !== null && (wrote || ran) ? [call.cell] : []);
}
