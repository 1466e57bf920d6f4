import { Notification } from '@jupyterlab/apputils';
import { ISettingRegistry } from '@jupyterlab/settingregistry';

import { placeOf } from './log';
import { Activity, ICall } from './model';

/** What is worth a toast, and how it is said. */
const SAID: Partial<Record<ICall['outcome'], string>> = {
  waiting: 'waits for your answer',
  error: 'failed',
  refused: 'was refused'
};

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
    const said = SAID[call.outcome];
    if (wanted && said !== undefined) {
      const options = { autoClose: 5000 as const };
      Notification.info(`${call.client}: ${call.tool} ${said} ${placeOf(call)}`, options);
    }
  });
}
