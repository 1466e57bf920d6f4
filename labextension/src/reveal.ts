import { IDefaultFileBrowser } from '@jupyterlab/filebrowser';
import { IDocumentManager } from '@jupyterlab/docmanager';
import { INotebookTracker, Notebook, NotebookPanel } from '@jupyterlab/notebook';

import { IPlace } from './model';

/** How often a cell is scrolled to that is not in the page yet. */
const TRIES = 80;

/** The notebooks of this page, by their path on the server. */
export class Notebooks {
  constructor(
    private _tracker: INotebookTracker | null,
    private _documents: IDocumentManager | null,
    private _browser: IDefaultFileBrowser | null,
    private _activate: (id: string) => void
  ) {}

  /** The path of the notebook that the person works in; null where none is open. */
  get front(): string | null {
    const panel = this._tracker?.currentWidget;
    return panel ? pathOf(panel) : null;
  }

  /** Show what the file of a notebook holds now, where it is not shared and nothing in it is unsaved. */
  async reread(path: string): Promise<void> {
    const { context } = this.find(path) ?? {};
    if (context && !context.model.collaborative && !context.model.dirty) {
      await context.revert();
    }
  }

  /** Bring the cell of a call or of a question into sight, and open its notebook if it is not open. */
  async reveal(call: IPlace): Promise<void> {
    if (call.notebook === null) {
      return;
    }
    const panel = this.find(call.notebook) ?? this._open(call.notebook);
    if (panel === null) {
      return; // Jupyter Notebook has opened it on a page of its own
    }
    await panel.revealed;
    const notebook = panel.content;
    const place = notebook.widgets.findIndex(cell => cell.model.id === call.cell);
    if (place >= 0) {
      notebook.activeCellIndex = place;
    }
    this._activate(panel.id); // gives the focus to the active cell; a cell that gets it becomes the active one
    if (place >= 0) {
      await this._scroll(notebook, place);
    }
  }

  /** Scroll to a cell of a notebook that is in sight; nothing else changes, neither the focus nor the active cell. */
  bringIntoView(path: string, cell: string): void {
    const panel = this.find(path);
    const place = panel?.content.widgets.findIndex(each => each.model.id === cell) ?? -1;
    if (panel?.isVisible && place >= 0 && !isTyping(panel)) {
      void this._scroll(panel.content, place);
    }
  }

  /** The notebook at a path of the server, whichever drive it was opened with. */
  find(path: string): NotebookPanel | null {
    return this._tracker?.find(panel => pathOf(panel) === path) ?? null;
  }

  /**
   * Scroll to a cell, and again for as long as it is not there: JupyterLab (4.6) puts cells into the page that are out of
   * sight when it has nothing else to do, and gives up on one that is not there yet.
   */
  private async _scroll(notebook: Notebook, place: number): Promise<void> {
    const wanted = ++this._scrolls;
    for (let tries = 0; tries < TRIES && wanted === this._scrolls && !notebook.isDisposed; tries++) {
      await notebook.scrollToItem(place, 'smart').catch(() => undefined);
      if (notebook.widgets[place]?.node.isConnected) {
        return;
      }
      await new Promise(resolve => window.setTimeout(resolve, 250));
    }
  }

  private _scrolls = 0;

  private _open(path: string): NotebookPanel | null {
    const drive = this._browser?.model.driveName;
    const widget = this._documents?.openOrReveal(drive ? `${drive}:${path}` : path);
    return widget instanceof NotebookPanel ? widget : null;
  }
}

/** Whether somebody types in a cell, so that the page should stay where it is. */
function isTyping(panel: NotebookPanel): boolean {
  return panel.content.mode === 'edit' && panel.node.contains(document.activeElement);
}

/** A notebook's path on the server: without the drive, which with jupyter-collaboration is one of its own. */
export function pathOf(panel: NotebookPanel): string {
  return panel.context.localPath;
}
