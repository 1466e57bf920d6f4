import { PageConfig, URLExt } from '@jupyterlab/coreutils';
import { TranslationBundle } from '@jupyterlab/translation';
import { CommandRegistry } from '@lumino/commands';
import { Message } from '@lumino/messaging';
import { Widget } from '@lumino/widgets';

import { Changes, colourOf, named, whose } from './changes';
import { attempt, CommandIds } from './commands';
import { Connection } from './connection';
import { element, oncePerFrame, setText } from './elements';
import { Log, placeOf } from './log';
import { Activity, ICall, IClient, IPlace } from './model';
import { mcpIcon } from './icon';
import { trans } from './language';
import { askSwitch, Permissions } from './permission';
import { Questions } from './questions';
import { Notebooks } from './reveal';
import { Review } from './review';
import type { Snapshots } from './snapshots';
import { said } from './words';

/** The side panel: who is connected, what they do, did and changed, what their code asks, and the two ways to stop them. */
export class Panel extends Widget {
  constructor(
    private _activity: Activity,
    private _connection: Connection,
    changes: Changes,
    commands: CommandRegistry,
    private _trans: TranslationBundle,
    reveal: (place: IPlace) => void,
    private _notebooks: Notebooks
  ) {
    super();
    const connection = this._connection;
    this.id = 'jupyter-mcp-proxy-panel';
    this.addClass('jp-McpPanel');
    this.title.icon = mcpIcon;
    this.title.caption = 'MCP';
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', 'MCP');
    this._review = new Review(changes, _activity, _trans, reveal);
    this._log = new Log(_trans, call => {
      reveal(call);
      this._review.open(call.changes ?? []);
    });
    this._questions = new Questions(_activity, _connection, reveal);

    this._snapshots.append(element('summary', 'jp-McpPanel-heading', trans.__('Snapshots')));
    this._snapshots.addEventListener('toggle', () => void this._look());

    const run = (command: string) => () => void commands.execute(command);
    this._pause.addEventListener('click', run(CommandIds.pause));
    this._stop.addEventListener('click', run(CommandIds.stop));
    this._everyone.addEventListener('click', () => this._choose(null));
    const buttons = element('div', 'jp-McpPanel-buttons');
    buttons.append(this._pause, this._stop);
    const heading = element('div', 'jp-McpPanel-heading', `${_trans.__('Calls')} `);
    heading.append(this._chosenName, this._everyone);
    const agents = element('div', 'jp-McpPanel-heading', `${_trans.__('Clients')} `);
    agents.append(connectLink('jp-McpPanel-connect', _trans.__('Connect an agent…')));
    this._empty.append(
      element('p', 'jp-McpPanel-emptyText', _trans.__('No agent has called yet.')),
      connectLink('jp-McpPanel-connectFirst', _trans.__('Connect an AI agent')),
      element('p', 'jp-McpPanel-emptyText', _trans.__('Here you will see what it does, and can stop it or undo it.'))
    );
    const follow = element('label', 'jp-McpPanel-follow', '', {
      title: _trans.__('Keep the cell that an agent works on in view')
    });
    this._follow.addEventListener('change', () => _activity.setFollow(this._follow.checked));
    follow.append(this._follow, element('span', '', _trans.__('Follow')));
    const review = element('label', 'jp-McpPanel-follow', '', {
      title: _trans.__('Edits of all agents wait until you accept them')
    });
    this._reviewAll.addEventListener('change', () => {
      void attempt(() => connection.review(this._reviewAll.checked));
    });
    review.append(this._reviewAll, element('span', '', _trans.__('Review first')));
    this._reviewLabel = review;
    const line = element('div', 'jp-McpPanel-line');
    line.append(this._status, review, follow);
    const requests = new Permissions(_activity, _connection);
    this.node.append(
      buttons,
      askSwitch(_activity, _connection),
      line,
      requests.node,
      this._questions.node,
      agents,
      this._clients,
      this._empty,
      this._review.node,
      heading,
      this._log.node,
      this._snapshots
    );
    const draw = oncePerFrame(() => this._draw());
    this._update = draw;
    changes.changed.connect(draw);
    _activity.changed.connect(draw);
    draw();
  }

  /** Another notebook is in front. */
  frontChanged(): void {
    void this._look();
  }

  /** Have the snapshots shown, where somebody has opened their list; what shows them is loaded then. */
  private async _look(): Promise<void> {
    if (this._snapshots.open && !this._shownSnapshots) {
      const { Snapshots } = await import('./snapshots');
      this._shownSnapshots ??= new Snapshots(this._snapshots, this._connection, this._notebooks);
    }
    this._shownSnapshots?.look();
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
    const { clients, link, note, paused, questions, review, tier } = this._activity;
    this._reviewLabel.hidden = review === null;
    this._reviewAll.checked = review === true;
    this._reviewAll.disabled = link !== 'open';
    setText(this._pause, paused ? trans.__('Release') : trans.__('Pause'));
    this._pause.setAttribute('aria-pressed', String(paused));
    this._pause.disabled = this._stop.disabled = link !== 'open';
    this.toggleClass('jp-mod-paused', paused);
    setText(this._status, link !== 'open' ? linkOf(link) : note || describe(paused, tier));

    this._questions.show(questions);
    while (this._rows.length < clients.length) {
      const row = new ClientRow(
        this._trans,
        client => this._choose(client),
        (on, client) => void attempt(() => this._connection.ask(on, client)),
        (on, who) => void attempt(() => this._connection.review(on, who))
      );
      this._rows.push(row);
      this._clients.appendChild(row.node);
    }
    this._rows.forEach((row, place) => row.show(clients[clients.length - 1 - place], this._chosen, review));

    const calls = this._activity.calls;
    this._empty.hidden = clients.length + calls.length > 0 || link !== 'open';
    this._review.show();
    this._everyone.hidden = this._chosen === null;
    setText(this._chosenName, this._chosen === null ? '' : `${trans.__('of %1', this._chosen.shown)} `);
    const key = this._chosen?.key;
    this._log.show(key === undefined ? calls : calls.filter(call => whose(call) === key));
  }

  /** Show the calls of one client only, or of all. */
  private _choose(client: IChosen | null): void {
    this._chosen = client?.key === this._chosen?.key ? null : client;
    this._log.node.scrollTop = 0; // other calls: there is no place to keep
    this._update();
  }

  private _log: Log;
  private _questions: Questions;
  private _snapshots = element('details', 'jp-McpSnapshots');
  private _shownSnapshots: Snapshots | undefined;
  private _update: () => void;
  private _review: Review;
  private _chosen: IChosen | null = null;
  private _rows: ClientRow[] = [];
  private _pause = element('button', 'jp-McpPanel-pause', '', {
    type: 'button',
    title: trans.__('Refuse every edit and run of agents until this is released')
  });
  private _stop = element('button', 'jp-McpPanel-stop', trans.__('Stop'), {
    type: 'button',
    title: trans.__('Interrupt everything that agents run, and take back what waits')
  });
  private _status = element('div', 'jp-McpPanel-status', '', { role: 'status' });
  private _reviewAll = element('input', '', '', { type: 'checkbox' });
  private _reviewLabel: HTMLElement;
  private _follow = element('input', '', '', { type: 'checkbox' });
  private _clients = element('ul', 'jp-McpPanel-clients');
  private _empty = element('div', 'jp-McpPanel-empty');
  private _chosenName = element('span', 'jp-McpPanel-chosen');
  private _everyone = element('button', 'jp-McpPanel-everyone', trans.__('show all'), { type: 'button' });
}

/** The client whose calls are shown. */
interface IChosen {
  readonly key: string;
  readonly shown: string;
}

/** A client as the server knows it again. */
interface IWho {
  readonly client: string;
  readonly token: string | null;
}

/** One client, what it may do, and what it is doing now. */
class ClientRow {
  readonly node = element('li', 'jp-McpClient');

  constructor(
    private _trans: TranslationBundle,
    choose: (client: IChosen) => void,
    ask: (on: boolean, client: IClient) => void,
    review: (on: boolean, who: IWho) => void
  ) {
    const line = element('span', 'jp-McpClient-line');
    line.append(this._dot, this._name, this._tier);
    this._button.append(line, this._doing);
    this._button.addEventListener('click', () => choose(this._shown));
    const asks = element('label', 'jp-McpClient-asks', '', { title: _trans.__('Ask before this client runs code') });
    asks.append(this._asks, element('span', '', _trans.__('ask')));
    this._asks.addEventListener('change', () => {
      if (this._client) {
        const wanted = this._asks.checked;
        this._asks.checked = this._client.asking === true;
        ask(wanted, this._client);
      }
    });
    this._reviewed.append(this._review, element('span', '', _trans.__('review')));
    this._review.addEventListener('change', () => review(this._review.checked, this._who));
    this.node.append(this._button, asks, this._reviewed);
  }

  /** Show a client; `everyone` is whether all are reviewed, null where the server has no such thing. */
  show(client: IClient | undefined, chosen: IChosen | null, everyone: boolean | null): void {
    this.node.hidden = client === undefined;
    if (client === undefined) {
      return;
    }
    this._client = client;
    this._asks.checked = client.asking === true;
    const who = { client: client.name, token: client.token };
    this._who = who;
    this._reviewed.hidden = everyone === null || client.tier === 'read';
    this._review.checked = client.review === true;
    this._review.disabled = everyone === true;
    const title = this._trans.__('Edits of %1 wait until you accept them', named(client.name, client.token));
    this._review.title = title;
    this._review.setAttribute('aria-label', title);
    this._shown = { key: whose(who), shown: named(client.name, client.token) };
    setText(this._name, this._shown.shown);
    setText(this._tier, tierOf(client.tier, this._trans));
    this._dot.style.background = colourOf(client.name);
    setText(this._doing, client.doing === null ? this._trans.__('idle') : doing(client.doing, this._trans));
    this._button.setAttribute('aria-pressed', String(this._shown.key === chosen?.key));
    this.node.classList.toggle('jp-mod-busy', client.doing !== null);
  }

  private _client: IClient | undefined;
  private _shown: IChosen = { key: '', shown: '' };
  private _asks = element('input', '', '', { type: 'checkbox' });
  private _who: IWho = { client: '', token: null };
  private _review = element('input', '', '', { type: 'checkbox' });
  private _reviewed = element('label', 'jp-McpClient-review');
  private _button = element('button', 'jp-McpClient-button', '', {
    type: 'button',
    title: trans.__('Show the calls of this client only')
  });
  private _dot = element('span', 'jp-McpDot', '', { 'aria-hidden': 'true' });
  private _name = element('span', 'jp-McpClient-name');
  private _tier = element('span', 'jp-McpClient-tier');
  private _doing = element('span', 'jp-McpClient-doing');
}

function linkOf(link: 'connecting' | 'lost'): string {
  return link === 'connecting'
    ? trans.__('Connecting…')
    : trans.__('The MCP endpoint of this server does not answer. It is tried again now and then.');
}

/** What agents may do now. */
function describe(paused: boolean, tier: string): string {
  if (paused) {
    return trans.__('Paused: edits and runs of agents are refused.');
  }
  switch (tier) {
    case 'read':
      return trans.__('Agents may look.');
    case 'edit':
      return trans.__('Agents may look and edit.');
    case 'run':
      return trans.__('Agents may look, edit and run.');
    default:
      return '';
  }
}

function doing(call: ICall, trans: TranslationBundle): string {
  const waits = call.outcome === 'waiting' ? ` (${trans.__('waits for an answer')})` : '';
  return `${said(call, trans)}${waits} ${placeOf(call)}`;
}

function tierOf(tier: string, trans: TranslationBundle): string {
  return tier === 'read' ? trans.__('looks only') : tier === 'edit' ? trans.__('may edit') : trans.__('may run');
}

/** The way to the page that connects agents. */
function connectLink(className: string, text: string): HTMLAnchorElement {
  return element('a', className, text, {
    href: URLExt.join(PageConfig.getBaseUrl(), 'mcp-proxy/'),
    target: '_blank',
    rel: 'noopener'
  });
}
