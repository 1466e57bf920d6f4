import { attempt } from './commands';
import { named } from './changes';
import { Connection } from './connection';
import { element, setText } from './elements';
import { trans } from './language';
import { placeOf } from './log';
import { Activity, IRequest, IWholeRequest, Verdict } from './model';

/** Characters that show nothing, or turn the order of what stands around them: the code would look like another. */
const UNSEEN = /[\p{Cf}\p{Zl}\p{Zp}]|(?![\t\n\r])\p{Cc}/gu;

/**
 * What agents want to run while they are to ask before: a dialog for the oldest, a row in the panel for each.
 *
 * The dialog may come while the person types. So no key that goes on being typed decides anything: the code has the
 * focus, not a button, and Esc puts the question off into the panel.
 */
export class Permissions {
  readonly node = element('ul', 'jp-McpRequests', '', { 'aria-label': trans.__('Waiting for your permission') });

  constructor(
    private _activity: Activity,
    private _connection: Connection
  ) {
    this.node.hidden = true;
    _activity.changed.connect(() => this._look());
  }

  private _look(): void {
    const requests = this._activity.requests;
    if (requests === this._seen) {
      return;
    }
    this._seen = requests;
    this.node.hidden = requests.length === 0;
    for (const [id, row] of this._rows) {
      if (!requests.some(request => request.id === id)) {
        row.remove();
        this._rows.delete(id);
        this._later.delete(id);
      }
    }
    for (const request of requests) {
      if (!this._rows.has(request.id)) {
        const row = this._row(request);
        this._rows.set(request.id, row);
        this.node.appendChild(row);
      }
    }
    if (this._dialog && !requests.some(request => request.id === this._dialog?.id)) {
      this._dialog.close();
      this._dialog = null;
    }
    const next = requests.find(request => !this._later.has(request.id));
    if (next && !this._dialog) {
      void this._open(next);
    }
  }

  private async _open(request: IRequest): Promise<void> {
    const dialog = new PermissionDialog(
      request,
      verdict => this._answer(request, verdict),
      () => {
        this._later.add(request.id);
        this._closed(dialog);
      }
    );
    this._dialog = dialog;
    await attempt(async () => {
      const whole = await this._connection.request(request.id);
      if (whole && this._dialog === dialog) {
        dialog.open(whole);
      }
    });
    if (!dialog.isOpen) {
      this._later.add(request.id); // where its code could not be had, the panel's row tries again
      this._closed(dialog);
    }
  }

  private async _answer(request: IRequest, verdict: Verdict): Promise<void> {
    await attempt(async () => {
      if (!(await this._connection.allow(request.id, verdict))) {
        this._activity.say(trans.__('Not used: the agent does not wait for that any more.'));
      }
      this._later.add(request.id);
      if (this._dialog?.id === request.id) {
        this._dialog.close();
        this._closed(this._dialog);
      }
    });
  }

  private _closed(dialog: PermissionDialog): void {
    if (this._dialog === dialog) {
      this._dialog = null;
      this._seen = [];
      this._look();
    }
  }

  private _row(request: IRequest): HTMLElement {
    const row = element('li', 'jp-McpRequest');
    const show = element('button', 'jp-McpRequest-show', trans.__('Look and answer'), { type: 'button' });
    show.addEventListener('click', () => {
      if (!this._dialog) {
        void this._open(request);
      }
    });
    row.append(element('div', 'jp-McpRequest-who', whoAsks(request)), show);
    return row;
  }

  private _seen: readonly IRequest[] = [];
  private _rows = new Map<string, HTMLElement>();
  /** What the person has put off, or answered already. */
  private _later = new Set<string>();
  private _dialog: PermissionDialog | null = null;
}

/** The dialog about one request. */
class PermissionDialog {
  readonly id: string;

  constructor(
    request: IRequest,
    answer: (verdict: Verdict) => Promise<void>,
    private _putOff: () => void
  ) {
    this.id = request.id;
    const who = element('h2', 'jp-McpPermission-who', whoAsks(request), { id: 'jp-mcp-permission-who' });
    const buttons = element('div', 'jp-McpPermission-buttons');
    buttons.append(this._once, this._notebook, this._deny);
    const choices: [HTMLButtonElement, Verdict][] = [
      [this._once, 'once'],
      [this._notebook, 'notebook'],
      [this._deny, 'deny']
    ];
    for (const [button, verdict] of choices) {
      button.addEventListener('click', () => {
        choices.forEach(([each]) => (each.disabled = true));
        void answer(verdict).then(() => choices.forEach(([each]) => (each.disabled = false)));
      });
    }
    const hint = element('p', 'jp-McpPermission-hint', trans.__('Esc: decide later, in the MCP panel.'));
    this._node.append(who, this._body, buttons, hint);
    this._node.addEventListener('close', () => {
      this._node.remove(); // a browser may close a dialog without asking
      this._putOff();
    });
  }

  get isOpen(): boolean {
    return this._node.open;
  }

  /** Show the code, above all else that the page shows. */
  open(request: IWholeRequest): void {
    const several = request.pieces.length > 1;
    for (const piece of request.pieces) {
      if (piece.index !== null) {
        this._part(several ? trans.__('Cell %1', piece.index) : trans.__('Cell %1 of this notebook', piece.index));
      } else {
        this._part(trans.__('Code that is not in a cell yet'));
      }
      this._code(piece.code);
    }
    if (request.answers.length > 0) {
      this._part(trans.__('What it answers where the code asks for input'));
      request.answers.forEach(answer => this._code(answer));
    }
    document.body.appendChild(this._node);
    this._node.showModal();
    this._body.focus();
  }

  close(): void {
    this._node.close();
  }

  private _part(text: string): void {
    this._body.append(element('div', 'jp-McpPermission-part', text));
  }

  private _code(code: string): void {
    const block = element('pre', 'jp-McpPermission-code', '', { dir: 'ltr' });
    setText(block, seen(code));
    this._body.append(block);
  }

  private _node = element('dialog', 'jp-McpPermission', '', { 'aria-labelledby': 'jp-mcp-permission-who' });
  private _body = element('div', 'jp-McpPermission-body', '', {
    tabindex: '0',
    role: 'region',
    'aria-label': trans.__('What it wants to run')
  });
  private _once = element('button', 'jp-McpPermission-once', trans.__('Run once'), { type: 'button' });
  private _notebook = element('button', 'jp-McpPermission-all', trans.__('Run all in this notebook'), {
    type: 'button',
    title: trans.__('Let this agent run what it wants in this notebook, until you switch that')
  });
  private _deny = element('button', 'jp-McpPermission-deny', trans.__('Deny'), { type: 'button' });
}

function whoAsks(request: IRequest): string {
  return trans.__('%1 wants to run code in %2', seen(named(request.client, request.token)), seen(placeOf(request)));
}

/** A text in which nothing is hidden. */
function seen(text: string): string {
  return text.replace(
    UNSEEN,
    found => `⟦U+${(found.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}⟧`
  );
}

/** The switch for all clients. */
export function askSwitch(activity: Activity, connection: Connection): HTMLElement {
  const label = element('label', 'jp-McpPanel-ask', '', {
    title: trans.__('Let code of agents wait until you have seen and allowed it')
  });
  const box = element('input', '', '', { type: 'checkbox' });
  box.addEventListener('change', () => {
    const wanted = box.checked;
    box.checked = activity.asking;
    void attempt(() => connection.ask(wanted));
  });
  const draw = (): void => {
    box.checked = activity.asking;
    box.disabled = activity.link !== 'open';
  };
  activity.changed.connect(draw);
  draw();
  label.append(box, element('span', '', trans.__('Ask before running')));
  return label;
}
