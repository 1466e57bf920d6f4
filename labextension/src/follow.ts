import { workedOn } from './marks';
import { Activity } from './model';
import { Notebooks } from './reveal';

/** Keep the cell that an agent works on in view, where a person wants that; whoever types is left in peace. */
export function addFollowing(activity: Activity, notebooks: Notebooks): void {
  let shown = '';
  activity.called.connect((_, call) => {
    const cell = workedOn(call) ?? (call.outcome === 'ok' && call.changes ? call.cell : null);
    if (activity.follows && call.notebook !== null && cell !== null && cell !== shown) {
      shown = cell;
      notebooks.bringIntoView(call.notebook, cell);
    }
  });
}
