import { CommandRegistry } from '@lumino/commands';
import { Message } from '@lumino/messaging';
import { Widget } from '@lumino/widgets';

import { CommandIds } from './commands';
import { Connection } from './connection';
import { element, oncePerFrame, setText } from './elements';
import { Log, placeOf } from './log';
import { Activity, ICall, IClient, IPlace } from './model';
import { mcpIcon } from './icon';
import { Questions } from './questions';

const TIERS: Record<string, string> = {
  read: 'Agents may look.',
  edit: 'Agents may look and edit.',
  run: 'Agents may look, edit and run.'
};

/** The side panel: who is connected, what they do and did, what their code asks, and the two ways to stop them. */
export class Panel extends Widget {
  constructor(
    private _activity: Activity,
    connection: Connection,
    commands: CommandRegistry,
    reveal: (place: IPlace) => void
  ) {
    super();
    this.id = 'jupyter-mcp-proxy-panel';
    this.addClass('jp-McpPanel');
    this.title.icon = mcpIcon;
    this.title.caption = 'MCP';
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', 'MCP');
    this._log = new Log(reveal);
    this._questions = new Questions(_activity, connection, reveal);

    const run = (command: string) => () => void commands.execute(command);
    this._pause.addEventListener('click', run(CommandIds.pause));
    this._stop.addEventListener('click', run(CommandIds.stop));
    this._everyone.addEventListener('click', () => this._choose(null));
    const buttons = element('div', 'jp-McpPanel-buttons');
    buttons.append(this._pause, this._stop);
    const heading = element('div', 'jp-McpPanel-heading', 'Calls ');
    heading.append(this._chosenName, this._everyone);
    this.node.append(
      buttons,
      this._status,
      this._questions.node,
      element('div', 'jp-McpPanel-heading', 'Clients'),
      this._clients,
      heading,
      this._log.node
    );
    const draw = oncePerFrame(() => this._draw());
    this._update = draw;
    _activity.changed.connect(draw);
    draw();
  }

  /** Draw what was not drawn while the panel was closed. */
  protected override onAfterShow(message: Message): void {
    super.onAfterShow(message);
    this._update();
  }

  private _draw(): void {
    if (!this.isVisible) {
      return;
    }
    const { clients, link, note, paused, questions, tier } = this._activity;
    setText(this._pause, paused ? 'Release' : 'Pause');
    this._pause.setAttribute('aria-pressed', String(paused));
    this._pause.disabled = this._stop.disabled = link !== 'open';
    this.toggleClass('jp-mod-paused', paused);
    setText(this._status, link !== 'open' ? LINKS[link] : note || describe(paused, tier));

    this._questions.show(questions);
    while (this._rows.length < clients.length) {
      const row = new ClientRow(name => this._choose(name));
      this._rows.push(row);
      this._clients.appendChild(row.node);
    }
    this._rows.forEach((row, place) => row.show(clients[clients.length - 1 - place], this._chosen));

    const calls = this._activity.calls;
    this._everyone.hidden = this._chosen === null;
    setText(this._chosenName, this._chosen === null ? '' : `of ${this._chosen} `);
    this._log.show(this._chosen === null ? calls : calls.filter(call => call.client === this._chosen));
  }

  /** Show the calls of one client only, or of all. */
  private _choose(client: string | null): void {
    this._chosen = client === this._chosen ? null : client;
    this._log.node.scrollTop = 0; // other calls: there is no place to keep
    this._update();
  }

  private _log: Log;
  private _questions: Questions;
  private _update: () => void;
  private _chosen: string | null = null;
  private _rows: ClientRow[] = [];
  private _pause = element('button', 'jp-McpPanel-pause', '', {
    type: 'button',
    title: 'Refuse every edit and run of agents until this is released'
  });
  private _stop = element('button', 'jp-McpPanel-stop', 'Stop', {
    type: 'button',
    title: 'Interrupt everything that agents run, and take back what waits'
  });
  private _status = element('div', 'jp-McpPanel-status', '', { role: 'status' });
  private _clients = element('ul', 'jp-McpPanel-clients');
  private _chosenName = element('span', 'jp-McpPanel-chosen');
  private _everyone = element('button', 'jp-McpPanel-everyone', 'show all', { type: 'button' });
}

/** One client, and what it is doing now. */
class ClientRow {
  readonly node = element('li', 'jp-McpClient');

  constructor(choose: (name: string) => void) {
    this._button.append(this._name, this._doing);
    this._button.addEventListener('click', () => choose(this._shown));
    this.node.appendChild(this._button);
  }

  show(client: IClient | undefined, chosen: string | null): void {
    this.node.hidden = client === undefined;
    if (client === undefined) {
      return;
    }
    this._shown = client.name;
    setText(this._name, client.name);
    setText(this._doing, client.doing === null ? 'idle' : doing(client.doing));
    this._button.setAttribute('aria-pressed', String(client.name === chosen));
    this.node.classList.toggle('jp-mod-busy', client.doing !== null);
  }

  private _shown = '';
  private _button = element('button', 'jp-McpClient-button', '', {
    type: 'button',
    title: 'Show the calls of this client only'
  });
  private _name = element('span', 'jp-McpClient-name');
  private _doing = element('span', 'jp-McpClient-doing');
}

const LINKS = {
  connecting: 'Connecting…',
  lost: 'The MCP endpoint of this server does not answer. It is tried again now and then.'
};

function describe(paused: boolean, tier: string): string {
  return paused ? 'Paused: edits and runs of agents are refused.' : (TIERS[tier] ?? '');
}

function doing(call: ICall): string {
  const waits = call.outcome === 'waiting' ? ' (waits for an answer)' : '';
  return `${call.tool}${waits} ${placeOf(call)}`;
}
