import { TranslationBundle } from '@jupyterlab/translation';

import { Action, IPiece } from './changes';
import { ICall } from './model';

/** What was done to cells, as a person says it: "edited cell 25", "deleted 3 cells". */
export function didTo(pieces: readonly IPiece[], trans: TranslationBundle): string {
  const by = new Map<Action, IPiece[]>();
  for (const piece of pieces) {
    by.set(piece.action, [...(by.get(piece.action) ?? []), piece]);
  }
  return [...by].map(([action, each]) => did(action, each, trans)).join(', ');
}

function did(action: Action, pieces: readonly IPiece[], trans: TranslationBundle): string {
  const count = pieces.length;
  const cell = pieces[0]?.index ?? 0;
  switch (action) {
    case 'added':
      return count === 1 ? trans.__('added cell %1', cell) : trans.__('added %1 cells', count);
    case 'edited':
      return count === 1 ? trans.__('edited cell %1', cell) : trans.__('edited %1 cells', count);
    case 'deleted':
      return count === 1 ? trans.__('deleted cell %1', cell) : trans.__('deleted %1 cells', count);
    case 'moved':
      return count === 1 ? trans.__('moved cell %1', cell) : trans.__('moved %1 cells', count);
  }
}

/** What a call did or does, as a person says it. A tool that has no words here is told by its name. */
export function said(call: ICall, trans: TranslationBundle): string {
  const words = does(call, trans);
  return call.proposed ? trans.__('proposed: %1', words) : words;
}

function does(call: ICall, trans: TranslationBundle): string {
  const busy = call.outcome === 'running' || call.outcome === 'waiting';
  const count = call.cells?.length ?? 0;
  if (call.now) {
    return trans.__('running %1 of %2', call.now[1], call.now[2]);
  }
  const cell = call.index ?? null;
  switch (call.tool) {
    case 'execute_cell':
      return busy ? of(cell, trans.__('runs cell'), trans) : of(cell, trans.__('ran cell'), trans);
    case 'insert_execute_code_cell':
      return busy ? of(cell, trans.__('added and runs cell'), trans) : of(cell, trans.__('added and ran cell'), trans);
    case 'run_cells':
      return busy ? trans.__('runs cells') : count > 1 ? trans.__('ran %1 cells', count) : trans.__('ran cells');
    case 'execute_ipython':
      return busy ? trans.__('runs code without a cell') : trans.__('ran code without a cell');
    case 'insert_cell':
      return count > 1 ? trans.__('added %1 cells', count) : of(cell, trans.__('added cell'), trans);
    case 'edit_cell':
    case 'overwrite_cell_source':
      return count > 1 ? trans.__('edited %1 cells', count) : of(cell, trans.__('edited cell'), trans);
    case 'delete_cell':
      return cell === null ? trans.__('deleted cells') : of(cell, trans.__('deleted cell'), trans);
    case 'move_cell':
      return of(cell, trans.__('moved cell'), trans);
    case 'clear_outputs':
      return trans.__('cleared outputs');
    case 'undo_changes':
      return trans.__('took back changes of its own');
    case 'read_cell':
      return of(cell, trans.__('read cell'), trans);
    case 'read_cells':
      return cell === null ? trans.__('read cells') : of(cell, trans.__('read cell'), trans);
    case 'read_output':
      return cell === null ? trans.__('read an output') : of(cell, trans.__('read the output of cell'), trans);
    case 'list_cells':
      return trans.__('looked through the notebook');
    case 'list_notebooks':
    case 'list_files':
      return trans.__('looked at the files');
    case 'use_notebook':
      return trans.__('opened the notebook');
    case 'notebook_changes':
      return trans.__('asked what has changed');
    case 'wait_execution':
      return busy ? trans.__('waits for a run') : trans.__('waited for a run');
    case 'interrupt_kernel':
      return trans.__('interrupted the kernel');
    case 'restart_notebook':
      return trans.__('restarted the kernel');
    case 'split_cell':
      return trans.__('split a cell');
    case 'merge_cells':
      return trans.__('merged cells');
    case 'set_cell_metadata':
      return of(cell, trans.__('labelled cell'), trans);
    case 'list_variables':
    case 'inspect_object':
      return trans.__('looked at variables');
    case 'read_file':
      return trans.__('read a file');
    case 'write_file':
      return trans.__('wrote a file');
    default:
      return call.tool;
  }
}

function of(cell: number | null, words: string, trans: TranslationBundle): string {
  return cell === null ? words : trans.__('%1 %2', words, cell);
}
