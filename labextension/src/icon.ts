import { LabIcon } from '@jupyterlab/ui-components';

/**
 * A page with an arrow that comes in, as on the launcher's tile, in the colours of the theme.
 *
 * The class colours whichever of fill and stroke its element names, a fill of none too.
 */
export const mcpIcon = new LabIcon({
  name: 'jupyter-mcp-proxy:mcp',
  svgstr: `<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 52 52">
  <g fill="none" stroke-width="3" stroke-linecap="round">
    <path class="jp-icon3" stroke="#616161" d="M8 7h22a4 4 0 0 1 4 4v3M34 38v3a4 4 0 0 1-4 4H8a4 4 0 0 1-4-4V11a4 4 0 0 1 4-4"/>
    <path class="jp-icon3" stroke="#616161" d="M11 17h14M11 26h10M11 35h14M48 26H30m7-8-8 8 8 8"/>
  </g>
</svg>`
});
