import { Widget } from '@lumino/widgets';

import { Connection } from './connection';
import { element } from './elements';
import { trans } from './language';
import { Activity } from './model';

/** Say in the panel that live editing is off, where it is, and how it is switched on. */
export function tellLive(panel: Widget, activity: Activity, connection: Connection): void {
  const said = element('div', 'jp-McpPanel-live');
  said.hidden = true;
  said.textContent = trans.__(
    'Live editing is off: what agents change is shown here once they have saved it. To switch it on, install %1 on the server, and start the server again.',
    'jupyter-collaboration'
  );
  panel.node.querySelector('.jp-McpPanel-status')?.after(said);
  let link = activity.link;
  activity.changed.connect(() => {
    if (activity.link !== link) {
      link = activity.link;
      if (link === 'open') {
        connection.isLive().then(
          live => {
            said.hidden = live !== false;
          },
          () => undefined // it is asked again with the next link
        );
      }
    }
  });
}
