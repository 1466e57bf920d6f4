import { Widget } from '@lumino/widgets';

import { Diff } from './diff';
import { element } from './elements';
import { trans } from './language';
import { IDifference } from './reload';

/** What reloading would make of what is here, cell by cell. */
export function comparison(changes: IDifference[], client: string): Widget {
  const widget = new Widget();
  widget.addClass('jp-McpCompare');
  const side = (text: string, source: string | null, kind: string): HTMLElement => {
    const name = element('span', `jp-McpCompare-side ${kind}`, text);
    if (source === null) {
      name.append(': ', element('em', '', trans.__('no such cell')));
    }
    return name;
  };
  for (const { disk, here } of changes) {
    const names = element('div', 'jp-McpCompare-sides');
    names.append(side(trans.__('Here (yours)'), here, 'jp-mod-here'));
    names.append(side(trans.__('On disk (%1)', client), disk, 'jp-mod-disk'));
    const diff = new Diff(trans);
    widget.node.append(names, diff.node);
    widget.disposed.connect(() => diff.close());
    void diff.show(here, disk);
  }
  return widget;
}
