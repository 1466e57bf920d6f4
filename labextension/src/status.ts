import { Widget } from '@lumino/widgets';

import { element, oncePerFrame, setText } from './elements';
import { trans } from './language';
import { Activity } from './model';

/** The item in the status bar. */
export class StatusItem extends Widget {
  constructor(
    private _activity: Activity,
    open: () => void
  ) {
    super();
    this.addClass('jp-McpStatus');
    this._button.addEventListener('click', open);
    this.node.appendChild(this._button);
    _activity.changed.connect(oncePerFrame(() => this._draw()));
  }

  private _draw(): void {
    const { clients, paused, questions } = this._activity;
    const busy = clients.filter(client => client.doing !== null).length;
    const asks = questions.length > 0;
    const told = asks
      ? trans.__('MCP: asks you')
      : paused
        ? trans.__('MCP: paused')
        : busy > 0
          ? trans.__('MCP: %1 at work', busy)
          : clients.length > 0
            ? `MCP: ${clients.length}`
            : 'MCP';
    setText(this._button, told);
    this._button.title = trans.__('%1 connected, %2 at work. Show the MCP panel', clients.length, busy);
    this.toggleClass('jp-mod-paused', paused || asks);
  }

  private _button = element('button', 'jp-McpStatus-button', 'MCP', { type: 'button' });
}
