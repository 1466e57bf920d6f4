import { Dialog, Notification, showDialog } from '@jupyterlab/apputils';
import { INotebookContent } from '@jupyterlab/nbformat';
import { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import { Contents } from '@jupyterlab/services';

import { Bar } from './bar';
import { Connection } from './connection';
import { trans } from './language';
import { Activity, ICall } from './model';
import { apply, cellsOf, differences } from './reload';
import { pathOf } from './reveal';

/** Milliseconds after which a notebook is looked at again while an agent's call on it goes on. */
const AGAIN = 2000;
/** Milliseconds for which a file stands as it is before it is read: a save writes it in steps. */
const STILL = 250;
/** Milliseconds after which a save is taken for one that was cancelled. */
const LONGEST_SAVE = 30_000;
/** How often it is looked at after that. */
const LATE = 3;

/**
 * Keeps notebooks in step with the disk where they are not shared: agents write the files then.
 *
 * JupyterLab (4.6) itself looks at a file only when it saves it.
 */
export class Disk {
  constructor(
    private _activity: Activity,
    tracker: INotebookTracker,
    private _connection: Connection,
    private _contents: Contents.IManager
  ) {
    tracker.widgetAdded.connect((_, panel) => {
      void panel.context.ready.then(() => {
        if (!panel.isDisposed && !panel.context.model.collaborative) {
          this._follow(panel);
        }
      });
    });
    // Before the marks are drawn: no text may be marked that the agent has not written.
    _activity.changed.connect(() => this._read());
  }

  private _follow(panel: NotebookPanel): void {
    const notebook = new Followed(panel, this._connection, this._contents, () => this._activity.announce());
    this._notebooks.add(notebook);
    panel.disposed.connect(() => this._notebooks.delete(notebook));
    this._activity.calls.forEach(call => {
      this._seen.add(call); // the file was read just now
      notebook.knows(call);
    });
  }

  private _read(): void {
    if (this._notebooks.size === 0) {
      return;
    }
    const { changes, calls } = this._activity;
    if (changes !== this._changes) {
      this._changes = changes; // what a person accepts or takes back is no call
      this._notebooks.forEach(notebook => notebook.look());
    }
    for (const call of calls) {
      if (this._seen.has(call)) {
        continue;
      }
      this._seen.add(call);
      for (const notebook of this._notebooks) {
        notebook.called(call);
      }
    }
  }

  private _notebooks = new Set<Followed>();
  private _changes: number | null = null;
  private _seen = new WeakSet<ICall>();
}

/** The attribute of a notebook that does not show what an agent has written to its file. */
export const BEHIND = 'data-mcp-behind';

/** One open notebook, and the file that it was read from. */
class Followed {
  constructor(
    private _panel: NotebookPanel,
    private _connection: Connection,
    private _contents: Contents.IManager,
    private _told: () => void
  ) {
    const { context } = _panel;
    this._base = cellsOf(context.model);
    let written = this._base;
    context.saveState.connect((_, state) => {
      this._since = state === 'started' ? Date.now() : 0;
      if (state === 'started') {
        written = cellsOf(context.model); // what is typed while it is written is not in the file
      } else if (state.startsWith('completed')) {
        this._base = written;
        this._settle(); // whatever was asked has been answered
        void (this._client && this._tell().catch(() => null));
      }
    });
  }

  /**
   * Whether there is work of the person's. JupyterLab calls a notebook dirty, too, whose kernel has said its language,
   * and cells that have only been drawn.
   */
  private get _isDirty(): boolean {
    const { model } = this._panel.context;
    return model.dirty && cellsOf(model).join() !== this._base.join();
  }

  /** An agent has begun or ended something: if it is about this notebook, see whether its file is another. */
  called(call: ICall): void {
    if (this.knows(call)) {
      this._goesOn = call.ms === null;
      this._panel.node.setAttribute(BEHIND, '');
      this.look();
    }
  }

  /** Take note of who has been in this notebook; whether that is so. */
  knows(call: ICall): boolean {
    const isHere = call.notebook === pathOf(this._panel);
    this._client = isHere ? call.client : this._client;
    return isHere;
  }

  /** The file may be another, where agents have been in it. */
  look(): void {
    this._left = LATE; // what comes late is written after the call has ended
    void (this._client && this._check());
  }

  private async _check(): Promise<void> {
    window.clearTimeout(this._timer);
    if (this._checking) {
      this._again = true;
      return;
    }
    this._checking = true;
    try {
      await this._compare();
    } catch {
      // The file is gone, or nobody answers: whoever saves is told.
    }
    this._checking = false;
    // Of an agent's cell whose call has returned only the kernel says that it runs.
    const runs = this._panel.sessionContext.kernelDisplayStatus === 'busy';
    if (this._again) {
      this._again = false;
      void this._check();
    } else if (this._goesOn || this._saving || runs || this._left-- > 0) {
      this._timer = window.setTimeout(() => !this._panel.isDisposed && void this._check(), AGAIN);
    }
  }

  private async _compare(): Promise<void> {
    const { context } = this._panel;
    const { path } = context;
    const isOver = (): boolean => this._panel.isDisposed || this._saving || context.path !== path;
    const look = (): Promise<Contents.IModel> => this._contents.get(path, { content: false, hash: true });
    const stamp = await look();
    if (isOver()) {
      return;
    }
    const known = context.contentsModel;
    const same = known?.hash && stamp.hash ? known.hash === stamp.hash : known?.last_modified === stamp.last_modified;
    if (same) {
      if (!this._again) {
        this._settle(); // else the answer may be older than the call that asks again
      }
      return;
    }
    const key = stamp.hash ?? stamp.last_modified;
    if (key === this._kept) {
      return;
    }
    // Jupyter takes half a notebook for a broken one, and puts what it was in its place: the save would be lost.
    await new Promise(resolve => window.setTimeout(resolve, STILL));
    const later = isOver() ? stamp : await look();
    if (isOver()) {
      return;
    }
    if (later.size === 0 || later.last_modified !== stamp.last_modified || later.size !== stamp.size) {
      this._left = LATE; // whoever writes it will have done so in a while
      return;
    }
    const disk = await this._contents.get(path, { type: 'notebook', content: true, hash: true });
    if (isOver() || key === this._kept) {
      return; // the person has chosen meanwhile
    }
    if (!this._isDirty) {
      await this._load(disk); // in this very moment: what is typed from now on finds the new text
    } else if (differences(context.model, disk.content as INotebookContent).length === 0) {
      this._adopt(disk);
    } else {
      this._ask(disk);
    }
  }

  /** Show what is on the disk. */
  private async _load(disk: Contents.IModel): Promise<void> {
    const { content, context } = this._panel;
    if (!context.model) {
      return;
    }
    if (!apply(content, disk.content as INotebookContent) || !this._adopt(disk)) {
      await context.revert();
      this._settle();
    }
    context.model.dirty = false;
    this._base = cellsOf(context.model);
  }

  /** Have JupyterLab take this for the file that it knows; whether it can. */
  private _adopt(disk: Contents.IModel): boolean {
    // There is no public way but one that reads the file anew, during which somebody may type.
    const context = this._panel.context as unknown as { _updateContentsModel?: (model: Contents.IModel) => void };
    if (typeof context._updateContentsModel !== 'function') {
      return false;
    }
    context._updateContentsModel(disk);
    this._settle();
    return true;
  }

  /** There is nothing to ask, and nothing that the notebook does not show. */
  private _settle(): void {
    this._kept = '';
    this._drop();
    if (this._panel.node.hasAttribute(BEHIND)) {
      this._panel.node.removeAttribute(BEHIND);
      this._told();
    }
  }

  private _drop(): void {
    this._bar?.dispose();
    this._bar = null;
  }

  /** The bar stands for as long as there is something to ask: what it is about is always the newest. */
  private _ask(disk: Contents.IModel): void {
    const before = this._disk?.last_modified;
    this._disk = disk;
    if (this._bar && (before === disk.last_modified || this._bar.client === this._client)) {
      return;
    }
    this._drop();
    this._bar = new Bar(this._client, {
      reload: () => void this._load(this._disk!),
      compare: () => void this._show(this._disk!),
      keep: () => {
        this._kept = this._disk!.hash ?? this._disk!.last_modified;
        this._drop();
      }
    });
    this._panel.contentHeader.addWidget(this._bar);
  }

  private async _show(disk: Contents.IModel): Promise<void> {
    const { comparison } = await import('./compare');
    const changes = differences(this._panel.context.model, disk.content as INotebookContent);
    await showDialog({
      title: trans.__('On disk, and here'),
      body: comparison(changes, this._client),
      buttons: [Dialog.okButton({ label: trans.__('Close') })]
    });
  }

  /** Whoever has overwritten what an agent had written is told where that is. */
  private async _tell(): Promise<void> {
    const { overwritten: snapshot } = await this._connection.changes({ saved: pathOf(this._panel) });
    if (snapshot) {
      const said = trans.__('What %1 wrote is kept: snapshot %2', this._client, snapshot);
      Notification.info(said, { autoClose: false });
    }
  }

  /** The cells as they were when the file was read or written. */
  private _base: readonly number[];
  private _client = '';
  /** What the bar is about. */
  private _disk: Contents.IModel | null = null;
  private _goesOn = false;
  private _left = 0;
  /** JupyterLab (4.6) says nothing of a save that a person has cancelled: it is over after a while. */
  private get _saving(): boolean {
    return Date.now() - this._since < LONGEST_SAVE;
  }

  private _since = 0;
  private _checking = false;
  private _again = false;
  /** The state of the file over which the person has chosen their own. */
  private _kept = '';
  private _timer = 0;
  private _bar: Bar | null = null;
}
