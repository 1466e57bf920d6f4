import { Widget } from '@lumino/widgets';

import { element } from './elements';
import { trans } from './language';

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
