import { ISharedCodeCell, ISharedMarkdownCell, ISharedNotebook } from '@jupyter/ydoc';
import { Cell } from '@jupyterlab/cells';
import { IAttachments, ICell, INotebookContent } from '@jupyterlab/nbformat';
import { INotebookModel, Notebook } from '@jupyterlab/notebook';
import { JSONExt, ReadonlyPartialJSONValue } from '@lumino/coreutils';

/** A cell that is not the same here and on the disk, as text; null where there is none. */
export interface IDifference {
  readonly here: string | null;
  readonly disk: string | null;
}

/**
 * Make an open notebook what is on the disk, cell by cell: what is the same stays as it is, with its editor and cursor,
 * and what is in sight stays in its place. Whether that could be done: not without ids of cells.
 */
export function apply(notebook: Notebook, disk: INotebookContent): boolean {
  const shared = notebook.model?.sharedModel;
  const ids = disk.cells.map(cell => cell.id);
  if (!shared || disk.cells.length === 0 || ids.some(id => !id) || new Set(ids).size < ids.length) {
    return false;
  }
  const hold = anchor(notebook);
  // Not to be undone by the person, whose own steps it would stand between.
  shared.transact(() => merge(shared, disk), false);
  // JupyterLab (4.6) appends what is put in before it removes what the same transaction takes out: text of one stream
  // would be there twice, and nothing of it shown.
  shared.cells.forEach((cell, place) => {
    const code = cell as ISharedCodeCell;
    const outputs = disk.cells[place]!.outputs as ReturnType<typeof code.getOutputs> | undefined;
    if (outputs && !equal(code.getOutputs(), outputs)) {
      code.setOutputs([]);
      code.setOutputs(outputs);
    }
  });
  hold();
  return true;
}

function merge(shared: ISharedNotebook, disk: INotebookContent): void {
  const metadata = { ...shared.getMetadata(), ...disk.metadata }; // JupyterLab adds what the kernel says of itself
  if (!equal(shared.getMetadata(), metadata)) {
    shared.setMetadata(metadata);
  }
  const kinds = new Map(disk.cells.map(cell => [cell.id as string, cell.cell_type]));
  // The list of the shared notebook is the one from before for as long as the transaction goes on.
  const own = new Map(shared.cells.map(cell => [cell.getId(), cell]));
  const order = shared.cells.map(cell => cell.getId());
  const remove = (place: number): void => {
    shared.deleteCellRange(place, place + 1);
    order.splice(place, 1);
  };
  for (let place = order.length - 1; place >= 0; place--) {
    const id = order[place]!;
    if (kinds.get(id) !== own.get(id)!.cell_type) {
      remove(place);
    }
  }
  disk.cells.forEach((wanted, place) => {
    const id = wanted.id as string;
    const now = order.indexOf(id);
    if (now === place) {
      update(own.get(id)!, wanted);
      return;
    }
    if (now >= 0) {
      remove(now);
    }
    shared.insertCell(place, { ...wanted, source: text(wanted) });
    order.splice(place, 0, id);
  });
}

/** Only what is another: a cursor in the same text stays where it is. */
function update(cell: ISharedNotebook['cells'][number], wanted: ICell): void {
  const [old, fresh] = [cell.getSource(), text(wanted)];
  if (old !== fresh) {
    const most = Math.min(old.length, fresh.length);
    let start = 0;
    while (start < most && old[start] === fresh[start]) {
      start++;
    }
    let end = 0;
    while (end < most - start && old[old.length - 1 - end] === fresh[fresh.length - 1 - end]) {
      end++;
    }
    cell.updateSource(start, old.length - end, fresh.slice(start, fresh.length - end));
  }
  if (equal(form(cell.toJSON()), form(wanted))) {
    return;
  }
  cell.setMetadata({ ...wanted.metadata, trusted: cell.getMetadata('trusted') } as typeof wanted.metadata);
  if (cell.cell_type === 'code') {
    (cell as ISharedCodeCell).execution_count = (wanted.execution_count ?? null) as number | null;
  } else {
    (cell as ISharedMarkdownCell).setAttachments(wanted.attachments as IAttachments | undefined);
  }
}

/**
 * Each cell, and what a person has set for all of them, in a number, to see whether any has changed. JupyterLab itself
 * sets what the kernel is called.
 */
export function cellsOf({ sharedModel }: INotebookModel): number[] {
  const cells = sharedModel.cells.map(cell => [cell.getId(), form(cell.toJSON() as ICell)]);
  return [...cells, settings(sharedModel.getMetadata())].map(each => hash(JSON.stringify(each)));
}

/** FNV-1a: not against anybody, and outputs are long. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let place = 0; place < text.length; place++) {
    value = Math.imul(value ^ text.charCodeAt(place), 0x01000193);
  }
  return value;
}

/**
 * What is not the same here and on the disk, in the order of the disk; cells that are only here come last, then what is
 * set for all of them.
 */
export function differences(model: INotebookModel, disk: INotebookContent): IDifference[] {
  const { sharedModel } = model;
  const here = new Map(sharedModel.cells.map(cell => [cell.getId(), cell.toJSON() as ICell]));
  const [mine, theirs] = [[...here.keys()], disk.cells.map(cell => cell.id as string)];
  const [was, is] = [before(mine, theirs), before(theirs, mine)];
  const found: IDifference[] = [];
  for (const cell of disk.cells) {
    const id = cell.id as string;
    const own = here.get(id);
    here.delete(id);
    if (!own || was.get(id) !== is.get(id) || !equal(form(own), form(cell))) {
      found.push({ here: own ? text(own) : null, disk: text(cell) });
    }
  }
  for (const own of here.values()) {
    found.push({ here: text(own), disk: null });
  }
  const [set, wanted] = [sharedModel.getMetadata(), disk.metadata].map(settings);
  if (!equal(set, wanted)) {
    found.push({ here: JSON.stringify(set), disk: JSON.stringify(wanted) });
  }
  return found;
}

/** Of each cell that is in another list, too, the one before it. */
function before(cells: string[], others: string[]): Map<string, string | undefined> {
  const both = new Set(others);
  const order = cells.filter(id => both.has(id));
  return new Map(order.map((id, place) => [id, order[place - 1]]));
}

/** What is set for a whole notebook. What its kernel is called, and says of its language, is JupyterLab's to know. */
function settings(metadata: INotebookContent['metadata']): object {
  return { ...metadata, kernelspec: 0, language_info: 0 };
}

/** A cell as it is compared. JupyterLab sets `trusted` itself, and has two names for outputs that are hidden. */
function form(cell: ICell): unknown {
  const { collapsed, jupyter, ...rest } = { ...cell.metadata, trusted: null } as Record<string, unknown>;
  const { outputs_hidden, ...others } = (jupyter ?? {}) as Record<string, unknown>;
  const hidden = collapsed ?? outputs_hidden ?? false;
  const { cell_type, outputs, execution_count } = cell;
  return [
    cell_type,
    text(cell),
    outputs ?? null,
    execution_count ?? null,
    cell.attachments ?? {},
    { ...rest, others, hidden }
  ];
}

function text(cell: ICell): string {
  return Array.isArray(cell.source) ? cell.source.join('') : cell.source;
}

function equal(one: unknown, other: unknown): boolean {
  return JSONExt.deepEqual(one as ReadonlyPartialJSONValue, other as ReadonlyPartialJSONValue);
}

/** Frames within which JupyterLab (4.6) has made the widgets of new cells and laid them out. */
const FRAMES = 30;

/**
 * Take note of the active cell and of what is in sight; called, what is returned brings them back to their places, until
 * the person does something.
 */
function anchor(notebook: Notebook): () => void {
  const outer = notebook.outerNode;
  const active = notebook.activeCell;
  const offset = (node: HTMLElement): number => node.getBoundingClientRect().top - outer.getBoundingClientRect().top;
  const inSight = ({ node }: Cell): boolean =>
    node.isConnected && offset(node) + node.offsetHeight > 0 && offset(node) < outer.clientHeight;
  const seen = notebook.widgets.filter(inSight);
  const first = active && seen.includes(active) ? [active] : [];
  const places = [...first, ...seen].map(cell => ({ cell, at: offset(cell.node) }));
  let frames = FRAMES;
  const stop = (): void => {
    frames = 0;
  };
  const events = ['keydown', 'pointerdown', 'wheel'];
  const hold = (): void => {
    if (frames-- <= 0 || notebook.isDisposed) {
      events.forEach(name => notebook.node.removeEventListener(name, stop, true));
      return;
    }
    const place = active ? notebook.widgets.indexOf(active) : -1;
    if (place >= 0 && place !== notebook.activeCellIndex) {
      notebook.activeCellIndex = place;
    }
    const held = places.find(({ cell }) => !cell.isDisposed && cell.node.isConnected);
    if (held) {
      outer.scrollTop += offset(held.cell.node) - held.at;
    }
    window.requestAnimationFrame(hold);
  };
  return () => {
    events.forEach(name => notebook.node.addEventListener(name, stop, true));
    hold();
  };
}
