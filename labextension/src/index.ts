import { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';

const plugin: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-mcp-proxy:panel',
  description: 'The MCP panel.',
  autoStart: true,
  activate: (app: JupyterFrontEnd) => {
    console.debug(app.name);
  }
};

export default plugin;
