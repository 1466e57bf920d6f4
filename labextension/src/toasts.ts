import { Notification } from '@jupyterlab/apputils';
import { ISettingRegistry } from '@jupyterlab/settingregistry';

import { trans } from './language';
import { placeOf } from './log';
import { Activity, ICall } from './model';

/** What is worth a toast, and how it is said. */
function said(call: ICall): string | undefined {
  const place = placeOf(call);
  switch (call.outcome) {
    case 'waiting':
      return trans.__('%1: %2 waits for your answer %3', call.client, call.tool, place);
    case 'error':
      return trans.__('%1: %2 failed %3', call.client, call.tool, place);
    case 'refused':
      return trans.__('%1: %2 was refused %3', call.client, call.tool, place);
    default:
      return undefined;
  }
}

/** Show toasts once the person has switched them on in the settings. */
export function addToasts(activity: Activity, settings: ISettingRegistry, plugin: string): void {
  let wanted = false;
  settings
    .load(plugin)
    .then(loaded => {
      const read = (): void => {
        wanted = loaded.get('toasts').composite === true;
      };
      loaded.changed.connect(read);
      read();
    })
    .catch(() => console.warn('The settings of the MCP panel could not be read: there are no toasts.'));
  activity.called.connect((_, call) => {
    const text = wanted ? said(call) : undefined;
    if (text !== undefined) {
      const options = { autoClose: 5000 as const };
      Notification.info(text, options);
    }
  });
}
