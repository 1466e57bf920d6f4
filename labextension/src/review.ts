import { TranslationBundle } from '@jupyterlab/translation';

import { Changes, IChange, colourOf, named } from './changes';
import { attempt } from './commands';
import { Diff } from './diff';
import { element, setText } from './elements';
import { Activity, IPlace } from './model';
import { didTo } from './words';

/** Changes that the panel shows at once, the newest; the others come up as these are kept or taken back. */
const SHOWN = 50;

/** The changes of agents that wait for a person, in the panel. */
export class Review {
  readonly node = element('section', 'jp-McpReview');

  constructor(
    private _changes: Changes,
    private _activity: Activity,
    private _trans: TranslationBundle,
    private _reveal: (place: IPlace) => void
  ) {
    this.node.setAttribute('aria-label', _trans.__('What agents have changed'));
    const heading = element('div', 'jp-McpPanel-heading');
    this._keepAll = element('button', 'jp-McpPanel-everyone', _trans.__('Keep all'), { type: 'button' });
    this._keepAll.addEventListener('click', () => {
      void attempt(() => this._changes.keep(this._ids(false)));
    });
    this._acceptAll = element('button', 'jp-McpPanel-everyone', _trans.__('Accept all'), { type: 'button' });
    this._acceptAll.addEventListener('click', () => {
      void attempt(async () => {
        const why = await this._changes.accept(this._ids(true));
        if (why !== '') {
          this._activity.say(why);
        }
      });
    });
    this._rejectAll = element('button', 'jp-McpPanel-everyone', _trans.__('Reject all'), { type: 'button' });
    this._rejectAll.addEventListener('click', () => void attempt(() => this._changes.reject(this._ids(true))));
    heading.append(this._title, this._acceptAll, this._rejectAll, this._keepAll);
    this.node.append(heading, this._list);
  }

  /** Draw the changes that there are; what is open stays open. */
  show(): void {
    const all = this._changes.all;
    this.node.hidden = all.length === 0;
    setText(this._title, `${this._trans.__('Changes to look at')} (${all.length}) `);
    this._acceptAll.hidden = this._rejectAll.hidden = this._ids(true).length === 0;
    this._keepAll.hidden = this._ids(false).length === 0;
    const shown = all.slice(-SHOWN).reverse();
    for (const [id, row] of this._rows) {
      if (!shown.some(change => change.id === id)) {
        row.close();
        this._rows.delete(id);
      }
    }
    shown.forEach((change, place) => {
      let row = this._rows.get(change.id);
      if (row === undefined) {
        row = new Row(change, this._changes, this._activity, this._trans, this._reveal);
        this._rows.set(change.id, row);
      }
      row.show(change);
      if (this._list.children[place] !== row.node) {
        this._list.insertBefore(row.node, this._list.children[place] ?? null);
      }
    });
  }

  /** The changes that are proposed, or those that are made. */
  private _ids(proposed: boolean): string[] {
    return this._changes.all.filter(change => (change.proposed === true) === proposed).map(change => change.id);
  }

  /** Open the difference of the change of a call, where it waits still. */
  open(ids: readonly string[]): void {
    for (const id of ids) {
      const row = this._rows.get(id);
      if (row !== undefined) {
        void row.open();
        row.node.scrollIntoView({ block: 'nearest' });
      }
    }
  }

  private _title = element('span', 'jp-McpReview-title');
  private _keepAll: HTMLButtonElement;
  private _acceptAll: HTMLButtonElement;
  private _rejectAll: HTMLButtonElement;
  private _list = element('ul', 'jp-McpReview-list');
  private _rows = new Map<string, Row>();
}

/** One change. */
class Row {
  readonly node = element('li', 'jp-McpChange');

  constructor(
    private _change: IChange,
    private _changes: Changes,
    private _activity: Activity,
    private _trans: TranslationBundle,
    private _reveal: (place: IPlace) => void
  ) {
    const button = { type: 'button' };
    this._what = element('button', 'jp-McpChange-what', '', { ...button, 'aria-expanded': 'false' });
    this._undo = element('button', 'jp-McpChange-undo', '', button);
    this._insist = element('button', 'jp-McpChange-insist', _trans.__('Use the agent’s'), button);
    this._insist.hidden = true;
    this._since = element('button', 'jp-McpChange-since', '', button);
    this._keep = element(
      'button',
      'jp-McpChange-keep',
      _change.proposed ? _trans.__('Accept') : _trans.__('Keep'),
      button
    );
    const dot = element('span', 'jp-McpDot', '', { 'aria-hidden': 'true' });
    dot.style.background = colourOf(_change.client);
    const who = element('span', 'jp-McpChange-who', named(_change.client, _change.token));
    const words = element('span', 'jp-McpChange-words');
    words.append(this._did, element('span', 'jp-McpChange-where', _change.notebook));
    this._what.append(dot, who, words);
    const buttons = element('div', 'jp-McpChange-buttons');
    buttons.append(this._keep, this._insist, this._undo, ...(_change.proposed ? [] : [this._since]));
    this.node.classList.toggle('jp-mod-proposed', _change.proposed === true);
    this.node.append(this._what, buttons, this._refused, this._diffs);

    this._what.addEventListener('click', () => {
      this._reveal({ notebook: this._change.notebook, cell: this._change.cells[0]?.cell ?? null });
      void (this._what.ariaExpanded === 'true' ? this.close(true) : this.open());
    });
    this._keep.addEventListener('click', () => void (_change.proposed ? this._accept(false) : this._keepIt()));
    this._insist.addEventListener('click', () => void this._accept(true));
    this._undo.addEventListener('click', () => void (_change.proposed ? this._reject() : this._take(false)));
    this._since.addEventListener('click', () => void this._take(true));
    this._since.title = _trans.__('Take back this change and all later ones of this agent in this notebook');
  }

  show(change: IChange): void {
    this._change = change;
    const does = didTo(change.cells, this._trans);
    if (change.proposed) {
      setText(this._did, this._trans.__('proposed: %1', does));
      setText(this._undo, this._trans.__('Reject'));
      return;
    }
    setText(this._did, does);
    const several = change.cells.length > 1;
    setText(this._undo, several ? this._trans.__('Undo (%1 cells)', change.cells.length) : this._trans.__('Undo'));
    setText(this._since, this._trans.__('Undo all since'));
    this._undo.disabled = this._since.disabled = !change.undoable;
    this._undo.title = change.undoable
      ? this._trans.__('Take back this change, and later ones of this agent on the same cells')
      : this._trans.__('This can no longer be taken back: the notebook was opened anew since.');
  }

  /** Show what each cell said and says. */
  async open(): Promise<void> {
    this._what.ariaExpanded = 'true';
    await attempt(async () => {
      const whole = await this._changes.whole(this._change.id);
      this._clear();
      this._clashes(whole?.clash ?? '');
      for (const piece of whole?.cells ?? []) {
        const diff = new Diff(this._trans);
        this._open.push(diff);
        if (this._change.cells.length > 1) {
          this._diffs.append(element('div', 'jp-McpChange-cell', didTo([piece], this._trans)));
        }
        this._diffs.append(diff.node);
        await diff.show(piece.before ?? null, piece.after ?? null);
      }
    });
  }

  close(stays = false): void {
    this._clear();
    this._what.ariaExpanded = 'false';
    if (!stays) {
      this.node.remove();
    }
  }

  private _clear(): void {
    this._open.forEach(diff => diff.close());
    this._open = [];
    this._diffs.textContent = '';
  }

  private _keepIt(): Promise<void> {
    return attempt(() => this._changes.keep([this._change.id]));
  }

  /** Make it of the notebook; where somebody else has changed the same, show both and ask. */
  private async _accept(insist: boolean): Promise<void> {
    await attempt(async () => {
      const why = await this._changes.accept([this._change.id], insist);
      if (why !== '' && this.node.isConnected) {
        await this.open();
        this._clashes(why);
      } else if (why !== '') {
        this._activity.say(why);
      }
    });
  }

  private _clashes(why: string): void {
    setText(this._refused, why);
    this._insist.hidden = why === '';
  }

  private _reject(): Promise<void> {
    return attempt(() => this._changes.reject([this._change.id]));
  }

  private async _take(later: boolean): Promise<void> {
    await attempt(async () => {
      const why = await this._changes.undo(this._change.id, later);
      setText(this._refused, why);
      if (why !== '' && !this.node.isConnected) {
        this._activity.say(why);
      }
    });
  }

  private _did = element('span', 'jp-McpChange-did');
  private _what: HTMLButtonElement;
  private _undo: HTMLButtonElement;
  private _since: HTMLButtonElement;
  private _insist: HTMLButtonElement;
  private _keep: HTMLButtonElement;
  private _refused = element('div', 'jp-McpChange-refused', '', { role: 'alert' });
  private _diffs = element('div', 'jp-McpChange-diffs');
  private _open: Diff[] = [];
}
