import { Widget } from '@lumino/widgets';

import { element, oncePerFrame, setText } from './elements';
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
      ? ': asks you'
      : paused
        ? ': paused'
        : busy > 0
          ? `: ${busy} at work`
          : clients.length > 0
            ? `: ${clients.length}`
            : '';
    setText(this._button, `MCP${told}`);
    this._button.title = `${clients.length} connected, ${busy} at work. Show the MCP panel`;
    this.toggleClass('jp-mod-paused', paused || asks);
  }

  private _button = element('button', 'jp-McpStatus-button', 'MCP', { type: 'button' });
}
