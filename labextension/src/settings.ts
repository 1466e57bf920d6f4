import { ISettingRegistry } from '@jupyterlab/settingregistry';

import { trans } from './language';

/**
 * Have the settings editor say in the person's language what it says of ours: the server (jupyterlab_server 2.28)
 * translates that only by catalogues within JupyterLab's own language packs.
 */
export function translateSettings(settings: ISettingRegistry): void {
  const translate = (id: string): void => {
    const schema = settings.plugins[id]?.schema;
    if (schema && id === 'jupyter-mcp-proxy:panel') {
      schema.description = trans.__('The panel that shows what agents do.');
      const { toasts } = schema.properties ?? {};
      if (toasts) {
        toasts.title = trans.__('Toasts');
        toasts.description = trans.__(
          'Show a notification when a call of an agent waits for you, fails or is refused.'
        );
      }
    } else if (schema && id === 'jupyter-mcp-proxy:connect') {
      schema.title = trans.__('MCP: Connecting');
      schema.description = trans.__('The way to the page that connects AI agents.');
    }
  };
  settings.pluginChanged.connect((_, id) => translate(id)); // it is read anew with each save
  Object.keys(settings.plugins).forEach(translate);
}
