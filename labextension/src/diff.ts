import { TranslationBundle } from '@jupyterlab/translation';
import type { EditorView } from '@codemirror/view';

import { element } from './elements';
import { trans } from './language';

/** What a cell said and says, where somebody opens it. */
export class Diff {
  readonly node = element('div', 'jp-McpDiff', '', { 'data-lm-suppress-shortcuts': 'true' });

  constructor(private _trans: TranslationBundle) {
    this.node.hidden = true;
  }

  get isOpen(): boolean {
    return !this.node.hidden;
  }

  /** Show the difference; what is null was not, or is not, there. */
  async show(before: string | null, after: string | null): Promise<void> {
    const { mergeView } = await import('./merge');
    this.close();
    this.node.hidden = false;
    if ((before ?? '') === (after ?? '')) {
      this.node.textContent = trans.__('The source is the same; its place, type, outputs or metadata are not.');
      return;
    }
    const label = this._trans.__('What was changed');
    this._view = mergeView(this.node, before ?? '', after ?? '', label);
  }

  close(): void {
    this._view?.destroy();
    this._view = null;
    this.node.textContent = '';
    this.node.hidden = true;
  }

  private _view: EditorView | null = null;
}
