import { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { PageConfig, URLExt } from '@jupyterlab/coreutils';
import { ILauncher } from '@jupyterlab/launcher';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { mcpIcon } from './icon';
import { speak, trans } from './language';

/** What opens the connect page; `schema/connect.json` has its places in the menus. */
const CONNECT = 'jupyter-mcp-proxy:connect';

/**
 * The way to the connect page: a tile, an entry of the palette, and one of the menu.
 *
 * The tile of jupyter-server-proxy (4.6) is none for it: JupyterLab draws its icon only in the categories of kernels, so
 * that elsewhere it is an empty box. The server does not offer it where this extension is installed.
 */
export const connectPlugin: JupyterFrontEndPlugin<void> = {
  id: CONNECT,
  description: 'Leads to the page that connects AI agents.',
  autoStart: true,
  optional: [ICommandPalette, ILauncher, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    palette: ICommandPalette | null,
    launcher: ILauncher | null,
    translator: ITranslator | null
  ): void => {
    speak(translator);
    app.commands.addCommand(CONNECT, {
      label: trans.__('Connect an AI agent'),
      caption: trans.__('Let Claude Code, Cursor, Codex and other agents work in these notebooks'),
      icon: mcpIcon,
      execute: () => {
        window.open(URLExt.join(PageConfig.getBaseUrl(), 'mcp-proxy/'), '_blank', 'noopener');
      }
    });
    palette?.addItem({ command: CONNECT, category: 'MCP' });
    // Named as JupyterLab names it, so that in each language it stands beside the other tiles.
    launcher?.add({ command: CONNECT, category: (translator ?? nullTranslator).load('jupyterlab').__('Other') });
  }
};
