import { ILayoutRestorer, JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { IDocumentManager } from '@jupyterlab/docmanager';
import { IDefaultFileBrowser } from '@jupyterlab/filebrowser';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { IStatusBar } from '@jupyterlab/statusbar';
import { ITranslator } from '@jupyterlab/translation';

import { Bars } from './bars';
import { Changes } from './changes';
import { addCommands } from './commands';
import { connectPlugin } from './connect';
import { Connection } from './connection';
import { Disk } from './disk';
import { addFollowing } from './follow';
import { speak, trans } from './language';
import { tellLive } from './live';
import { Marks } from './marks';
import { Activity, IPlace } from './model';
import { Panel } from './panel';
import { Notebooks } from './reveal';
import { translateSettings } from './settings';
import { StatusItem } from './status';
import { addToasts } from './toasts';

const ID = 'jupyter-mcp-proxy:panel';

/** The panel, the status bar's item, the commands and the marks, in JupyterLab and in Jupyter Notebook. */
const plugin: JupyterFrontEndPlugin<void> = {
  id: ID,
  description: 'Shows what agents do in notebooks, and stops them.',
  autoStart: true,
  optional: [
    ICommandPalette,
    IStatusBar,
    INotebookTracker,
    IDocumentManager,
    IDefaultFileBrowser,
    ILayoutRestorer,
    ISettingRegistry,
    ITranslator
  ],
  activate: (
    app: JupyterFrontEnd,
    palette: ICommandPalette | null,
    statusBar: IStatusBar | null,
    tracker: INotebookTracker | null,
    documents: IDocumentManager | null,
    browser: IDefaultFileBrowser | null,
    restorer: ILayoutRestorer | null,
    settings: ISettingRegistry | null,
    translator: ITranslator | null
  ): void => {
    speak(translator);
    const activity = new Activity();
    const connection = new Connection(activity, app.serviceManager.serverSettings);
    const changes = new Changes(connection, activity);
    const activate = (id: string): void => app.shell.activateById(id);
    const notebooks = new Notebooks(tracker, documents, browser, activate);
    const reveal = (place: IPlace): void => void notebooks.reveal(place);
    const panel = new Panel(activity, connection, changes, app.commands, trans, reveal, notebooks);
    const open = (): void => activate(panel.id);

    app.shell.add(panel, 'right', { rank: 900 });
    tellLive(panel, activity, connection);
    restorer?.add(panel, panel.id);
    addCommands(app.commands, palette, activity, connection, open);
    statusBar?.registerStatusItem('jupyter-mcp-proxy:status', {
      item: new StatusItem(activity, open),
      align: 'left',
      rank: 100,
      isActive: () => activity.link === 'open',
      activeStateChanged: activity.changed
    });
    if (tracker) {
      tracker.currentChanged.connect(() => panel.frontChanged());
      new Disk(activity, tracker, connection, app.serviceManager.contents);
      new Marks(activity, tracker, trans);
      new Bars(changes, tracker, trans);
      addFollowing(activity, notebooks);
    }
    if (settings) {
      translateSettings(settings);
      addToasts(activity, settings, ID);
    }
    // The page comes first: the stream is opened once it stands.
    void app.restored.then(() => connection.start());
  }
};

export default [plugin, connectPlugin];
