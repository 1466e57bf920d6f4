import { Cell } from '@jupyterlab/cells';
import { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import { TranslationBundle } from '@jupyterlab/translation';

import { Changes, IChange, IPiece, colourOf, named, whose } from './changes';
import { attempt } from './commands';
import { Diff } from './diff';
import { onCells } from './drawing';
import { element, oncePerFrame, setText } from './elements';
import { pathOf } from './reveal';

/** What waits in one cell, of one client: the oldest first. */
interface IWaiting {
  readonly changes: readonly IChange[];
  readonly pieces: readonly IPiece[];
}

/** The bars in the cells that agents have changed, until a person keeps that or takes it back. */
export class Bars {
  constructor(
    private _changes: Changes,
    private _tracker: INotebookTracker,
    private _trans: TranslationBundle
  ) {
    const draw = oncePerFrame(() => this._draw());
    _changes.changed.connect(draw);
    onCells(_tracker, draw);
  }

  private _draw(): void {
    const waiting = byNotebookAndCell(this._changes.all);
    this._tracker.forEach(panel => this._mark(panel, waiting.get(pathOf(panel))));
  }

  private _mark(panel: NotebookPanel, waiting: Map<string, IWaiting> | undefined): void {
    if (panel.isDisposed) {
      return;
    }
    for (const cell of panel.content.widgets) {
      const found = waiting?.get(cell.model.id);
      const bar = this._bars.get(cell);
      if (found === undefined) {
        bar?.remove();
        this._bars.delete(cell);
      } else if (bar !== undefined) {
        bar.show(found);
      } else {
        const made = new Bar(cell, this._changes, this._trans);
        this._bars.set(cell, made);
        made.show(found);
      }
    }
  }

  private _bars = new WeakMap<Cell, Bar>();
}

/** The bar in one cell. */
class Bar {
  constructor(
    private _cell: Cell,
    private _changes: Changes,
    private _trans: TranslationBundle
  ) {
    const button = { type: 'button' };
    this._show = element('button', 'jp-McpBar-diff', _trans.__('What changed'), {
      ...button,
      'aria-expanded': 'false'
    });
    this._keep = element('button', 'jp-McpBar-keep', _trans.__('Keep'), button);
    this._undo = element('button', 'jp-McpBar-undo', '', button);
    this._diff = new Diff(_trans);
    this._line.append(this._dot, this._who, this._show, this._keep, this._undo);
    // A key that is pressed on a button is for the button, not for the notebook.
    this._node.dataset.lmSuppressShortcuts = 'true';
    this._node.append(this._line, this._refused, this._diff.node);
    this._show.addEventListener('click', () => void this._toggle());
    this._keep.addEventListener('click', () => void this._accept());
    this._undo.addEventListener('click', () => void this._take());
    // Lumino counts the children of a cell's element: what is not its own stands behind them, and is shown above them.
    _cell.node.append(this._node);
    _cell.addClass('jp-mod-mcpWaits');
  }

  show(waiting: IWaiting): void {
    this._waiting = waiting;
    const [first] = waiting.changes;
    if (first === undefined) {
      return;
    }
    const who = named(first.client, first.token);
    const isNew = waiting.pieces[0]?.action === 'added';
    const isMoved = waiting.pieces.every(piece => piece.action === 'moved');
    const isDeleted = waiting.pieces[0]?.action === 'deleted';
    this._proposed = first.proposed === true;
    this._node.classList.toggle('jp-mod-proposed', this._proposed);
    setText(this._keep, this._proposed ? this._trans.__('Accept') : this._trans.__('Keep'));
    setText(this._show, this._proposed ? this._trans.__('What would change') : this._trans.__('What changed'));
    if (first.id !== this._shown && this._diff.isOpen) {
      this._close(); // what it shows is not what would be accepted
    }
    this._shown = first.id;
    const said = this._proposed
      ? isDeleted
        ? this._trans.__('%1 proposes to delete this cell', who)
        : isMoved
          ? this._trans.__('%1 proposes to move this cell', who)
          : this._trans.__('%1 proposes to edit this cell', who)
      : isNew
        ? this._trans.__('%1 added this cell', who)
        : isMoved
          ? this._trans.__('%1 moved this cell', who)
          : this._trans.__('%1 edited this cell', who);
    setText(this._who, said);
    this._node.setAttribute('aria-label', said);
    this._node.style.setProperty('--jp-mcp-colour', colourOf(first.client));
    const cells = new Set(waiting.changes.flatMap(change => change.cells.map(piece => piece.cell)));
    setText(this._undo, cells.size > 1 ? this._trans.__('Undo (%1 cells)', cells.size) : this._trans.__('Undo'));
    if (this._proposed) {
      setText(this._undo, this._trans.__('Reject'));
    }
    this._undo.disabled = !this._proposed && !waiting.changes.every(change => change.undoable);
  }

  remove(): void {
    this._diff.close();
    this._node.remove();
    this._cell.removeClass('jp-mod-mcpWaits');
  }

  private async _toggle(): Promise<void> {
    if (this._diff.isOpen) {
      this._diff.close();
    } else {
      await attempt(async () => {
        const [first] = this._waiting?.changes ?? [];
        const whole = first === undefined ? null : await this._changes.whole(first.id);
        const piece = whole?.cells.find(each => each.cell === this._cell.model.id);
        if (piece !== undefined) {
          const now = this._cell.model.sharedModel.getSource();
          await (this._proposed
            ? this._diff.show(now, piece.after ?? null)
            : this._diff.show(piece.before ?? null, now));
          setText(this._refused, whole?.clash ?? '');
        }
      });
    }
    this._show.ariaExpanded = String(this._diff.isOpen);
  }

  private _close(): void {
    this._diff.close();
    setText(this._refused, '');
    this._show.ariaExpanded = 'false';
  }

  /** Keep what was made of the cell, or have made of it what is proposed. */
  private async _accept(): Promise<void> {
    const ids = this._waiting?.changes.map(change => change.id) ?? [];
    await attempt(async () => {
      if (this._proposed) {
        setText(this._refused, await this._changes.accept(ids));
      } else {
        await this._changes.keep(ids, this._cell.model.id);
      }
    });
  }

  private async _take(): Promise<void> {
    const [first] = this._waiting?.changes ?? [];
    if (first !== undefined && this._proposed) {
      await attempt(() => this._changes.reject([first.id]));
    } else if (first !== undefined) {
      await attempt(async () => setText(this._refused, await this._changes.undo(first.id, false)));
    }
  }

  private _waiting: IWaiting | null = null;
  private _proposed = false;
  /** The id of the change that is shown. */
  private _shown = '';
  private _node = element('div', 'jp-McpBar', '', { role: 'group' });
  private _line = element('div', 'jp-McpBar-line');
  private _dot = element('span', 'jp-McpDot', '', { 'aria-hidden': 'true' });
  private _who = element('span', 'jp-McpBar-who');
  private _refused = element('div', 'jp-McpChange-refused', '', { role: 'alert' });
  private _show: HTMLButtonElement;
  private _keep: HTMLButtonElement;
  private _undo: HTMLButtonElement;
  private _diff: Diff;
}

/** What waits in each cell of each notebook, of the client that has changed it last. */
function byNotebookAndCell(all: readonly IChange[]): Map<string, Map<string, IWaiting>> {
  const notebooks = new Map<string, Map<string, IWaiting>>();
  for (const change of all) {
    const cells = notebooks.get(change.notebook) ?? new Map<string, IWaiting>();
    notebooks.set(change.notebook, cells);
    for (const piece of change.cells) {
      const before = cells.get(piece.cell);
      const [first] = before?.changes ?? [];
      // What is proposed comes behind what was made, and is asked for by itself.
      const same = first !== undefined && whose(first) === whose(change) && first.proposed === change.proposed;
      cells.set(piece.cell, {
        changes: [...(same ? before!.changes : []), change],
        pieces: [...(same ? before!.pieces : []), piece]
      });
    }
  }
  return notebooks;
}
