import { attempt } from './commands';
import { Connection } from './connection';
import { element, setText } from './elements';
import { trans } from './language';
import { placeOf } from './log';
import { Activity, IPlace, IQuestion } from './model';

/** What the code of agents asks, each with a field for the answer. */
export class Questions {
  readonly node = element('ul', 'jp-McpQuestions', '', { 'aria-label': trans.__('Questions'), 'aria-live': 'polite' });

  constructor(
    private _activity: Activity,
    private _connection: Connection,
    private _reveal: (place: IPlace) => void
  ) {}

  /** Show these; the field of one that was there keeps what has been typed. */
  show(questions: readonly IQuestion[]): void {
    this.node.hidden = questions.length === 0;
    for (const [id, form] of this._forms) {
      if (!questions.some(question => question.id === id)) {
        form.node.remove();
        this._forms.delete(id);
      }
    }
    for (const question of questions) {
      if (!this._forms.has(question.id)) {
        const form = new Form(question, this._reveal, answer => this._answer(question, answer));
        this._forms.set(question.id, form);
        this.node.appendChild(form.node);
      }
    }
  }

  /** Send an answer; whether that has settled the question. */
  private async _answer(question: IQuestion, answer: string | null): Promise<boolean> {
    let settled = false;
    await attempt(async () => {
      const taken = await this._connection.answer(question.id, answer);
      settled = true;
      if (!taken) {
        this._activity.say(trans.__('Not used: the code does not wait for that any more.'));
      }
    });
    return settled;
  }

  private _forms = new Map<string, Form>();
}

/** One question. */
class Form {
  readonly node = element('li', 'jp-McpQuestion');

  constructor(
    question: IQuestion,
    reveal: (place: IPlace) => void,
    answer: (answer: string | null) => Promise<boolean>
  ) {
    this._answer = answer;
    const said = question.password
      ? trans.__('%1 runs code that asks for a password', question.client)
      : trans.__('%1 runs code that asks for input', question.client);
    const who = element('div', 'jp-McpQuestion-who', said);
    const place = element('button', 'jp-McpQuestion-place', placeOf(question), {
      type: 'button',
      title: trans.__('Show the cell')
    });
    place.addEventListener('click', () => reveal(question));
    const prompt = element('label', 'jp-McpQuestion-prompt');
    setText(prompt, question.prompt.trim() || trans.__('Input:'));
    this._field.type = question.password ? 'password' : 'text';
    prompt.appendChild(this._field);
    const buttons = element('div', 'jp-McpPanel-buttons');
    buttons.append(this._give, this._refuse);
    const form = element('form', 'jp-McpQuestion-form');
    form.append(prompt, buttons);
    form.addEventListener('submit', event => {
      event.preventDefault();
      void this._send(this._field.value);
    });
    this._refuse.addEventListener('click', () => void this._send(null));
    this.node.append(who, place, form);
  }

  /** Send it once; where that fails, what was typed is still there. */
  private async _send(answer: string | null): Promise<void> {
    this._field.disabled = this._give.disabled = this._refuse.disabled = true;
    if (await this._answer(answer)) {
      this._field.value = '';
    } else {
      this._field.disabled = this._give.disabled = this._refuse.disabled = false;
    }
  }

  private _answer: (answer: string | null) => Promise<boolean>;
  private _field = element('input', 'jp-McpQuestion-field', '', { autocomplete: 'off', spellcheck: 'false' });
  private _give = element('button', 'jp-McpQuestion-give', trans.__('Answer'), {
    type: 'submit',
    title: trans.__('Give this to the code, and to nobody else')
  });
  private _refuse = element('button', 'jp-McpQuestion-refuse', trans.__('Refuse'), {
    type: 'button',
    title: trans.__('Interrupt the code')
  });
}
