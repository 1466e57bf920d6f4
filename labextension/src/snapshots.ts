import { attempt } from './commands';
import { Connection } from './connection';
import { Diff } from './diff';
import { element, setText } from './elements';
import { trans } from './language';
import { ISnapshot } from './model';
import { Notebooks } from './reveal';

/** Snapshots that are shown at once, the newest. */
const SHOWN = 50;

/** The snapshots of the notebook in front, or of all where there is none; asked for when somebody opens the list. */
export class Snapshots {
  constructor(
    private _node: HTMLDetailsElement,
    private _connection: Connection,
    private _notebooks: Notebooks
  ) {
    this._node.append(this._note, this._list);
  }

  /** Show those of the notebook that is in front now, if the list is open. */
  look(): void {
    const { front } = this._notebooks;
    if (!this._node.open) {
      this._shown = undefined;
    } else if (front !== this._shown) {
      this._shown = front;
      void this._load(front, '');
    }
  }

  private async _load(front: string | null, said: string): Promise<void> {
    await attempt(async () => {
      const found = await this._connection.snapshots(front);
      if (front !== this._shown) {
        return; // another notebook is in front by now
      }
      const rows = found.slice(0, SHOWN).map(each => new Row(each, front === null, this._connection, this));
      this._rows.forEach(row => row.close());
      this._rows = rows;
      this._list.replaceChildren(...rows.map(row => row.node));
      setText(this._note, said || (rows.length ? '' : trans.__('None yet: they are taken before agents first write.')));
    });
  }

  /** Make a notebook what it was; what stood there is the newest snapshot then. */
  async restore(snapshot: ISnapshot): Promise<void> {
    await attempt(async () => {
      const why = await this._connection.restore(snapshot);
      if (why === '') {
        await this._notebooks.reread(snapshot.notebook);
      }
      const said = why || trans.__('Restored. What stood there until now is the newest snapshot.');
      this._note.classList.toggle('jp-mod-failed', why !== '');
      await this._load(this._shown ?? null, said);
    });
  }

  private _shown: string | null | undefined;
  private _rows: Row[] = [];
  private _note = element('div', 'jp-McpSnapshots-note', '', { role: 'status' });
  private _list = element('ul', 'jp-McpSnapshots-list');
}

/** One snapshot. */
class Row {
  readonly node = element('li', 'jp-McpSnapshot');

  constructor(
    private _snapshot: ISnapshot,
    named: boolean,
    private _connection: Connection,
    all: Snapshots
  ) {
    const button = { type: 'button' };
    const when = element('span', 'jp-McpSnapshot-when', shownTime(_snapshot.time));
    const where = element('span', 'jp-McpSnapshot-where', named ? _snapshot.notebook : '');
    this._compare = element('button', 'jp-McpSnapshot-compare', trans.__('Compare'), {
      ...button,
      title: trans.__('See what restoring would change'),
      'aria-expanded': 'false'
    });
    const restore = element('button', 'jp-McpSnapshot-restore', trans.__('Restore'), {
      ...button,
      title: trans.__('Make the notebook what it was then; what stands there now is kept')
    });
    const buttons = element('div', 'jp-McpChange-buttons');
    buttons.append(this._compare, restore);
    this.node.append(when, where, buttons, this._diffs);
    this._compare.addEventListener('click', () => void (this._isOpen ? this.close() : this._open()));
    restore.addEventListener('click', () => {
      restore.disabled = true;
      void all.restore(_snapshot).then(() => (restore.disabled = false));
    });
  }

  close(): void {
    this._isOpen = false;
    this._shown.forEach(diff => diff.close());
    this._shown = [];
    this._diffs.textContent = '';
    this._compare.ariaExpanded = 'false';
  }

  private async _open(): Promise<void> {
    await attempt(async () => {
      const whole = await this._connection.snapshot(this._snapshot);
      this.close();
      this._isOpen = true;
      this._compare.ariaExpanded = 'true';
      const cells = whole?.cells ?? [];
      if (cells.length === 0) {
        this._diffs.append(element('div', 'jp-McpChange-cell', trans.__('The cells are the same now.')));
      }
      for (const piece of cells) {
        const diff = new Diff(trans);
        this._shown.push(diff);
        this._diffs.append(element('div', 'jp-McpChange-cell', trans.__('Cell %1', piece.index)), diff.node);
        await diff.show(piece.before ?? null, piece.after ?? null);
      }
    });
  }

  private _isOpen = false;
  private _shown: Diff[] = [];
  private _compare: HTMLButtonElement;
  private _diffs = element('div', 'jp-McpSnapshot-diffs');
}

/** When a snapshot was taken, by its name: the digits of a time in UTC. */
function shownTime(name: string): string {
  const time = new Date(name.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)\d*$/, '$1-$2-$3T$4:$5:$6Z'));
  return isNaN(time.getTime()) ? name : time.toLocaleString([], { dateStyle: 'medium', timeStyle: 'medium' });
}
