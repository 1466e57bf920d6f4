import { Widget } from '@lumino/widgets';

import { Diff } from './diff';
import { element } from './elements';
import { trans } from './language';
import { IDifference } from './reload';

/** Pixels below the last row, as `.jp-McpDisk` has them. */
const PADDING = 4;

/** What a person can do about it. */
export interface IChoices {
  readonly reload: () => void;
  readonly compare: () => void;
  readonly keep: () => void;
}

/** The bar above a notebook with changes of the person's own, whose file an agent has changed. */
export class Bar extends Widget {
  constructor(
    readonly client: string,
    choices: IChoices
  ) {
    super();
    this.addClass('jp-McpDisk');
    this.node.setAttribute('role', 'status');
    const said = trans.__('%1 changed this notebook on disk.', client);
    this.node.append(element('span', 'jp-McpDisk-text', said, { title: said }));
    const add = (label: string, title: string, act: () => void): void => {
      const button = element('button', 'jp-McpDisk-button', label, { type: 'button', title });
      button.addEventListener('click', act);
      this.node.append(button);
    };
    add(trans.__('Reload'), trans.__('Show what is on disk; what you have not saved is gone'), choices.reload);
    add(trans.__('Compare'), trans.__('See what is on disk beside what is here'), choices.compare);
    add(trans.__('Keep mine'), trans.__('Leave what is here; when you save, you are asked once more'), choices.keep);
  }

  /** In a narrow window it needs a second row, of which the panel above the notebook learns by its least height. */
  protected override onResize(): void {
    const { top } = this.node.getBoundingClientRect();
    const rows = [...this.node.children].map(child => child.getBoundingClientRect().bottom - top);
    const height = `${Math.ceil(Math.max(...rows) + PADDING)}px`;
    if (this.isVisible && this.node.style.minHeight !== height) {
      this.node.style.minHeight = height;
      this.parent?.fit();
    }
  }
}

/** What reloading would make of what is here, cell by cell. */
export function comparison(changes: IDifference[], client: string): Widget {
  const widget = new Widget();
  widget.addClass('jp-McpCompare');
  const side = (text: string, source: string | null, kind: string): HTMLElement => {
    const name = element('span', `jp-McpCompare-side ${kind}`, text);
    if (source === null) {
      name.append(': ', element('em', '', trans.__('no such cell')));
    }
    return name;
  };
  for (const { disk, here } of changes) {
    const names = element('div', 'jp-McpCompare-sides');
    names.append(side(trans.__('Here (yours)'), here, 'jp-mod-here'));
    names.append(side(trans.__('On disk (%1)', client), disk, 'jp-mod-disk'));
    const diff = new Diff(trans);
    widget.node.append(names, diff.node);
    widget.disposed.connect(() => diff.close());
    void diff.show(here, disk);
  }
  return widget;
}
