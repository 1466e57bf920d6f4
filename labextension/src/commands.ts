import { ICommandPalette, showErrorMessage } from '@jupyterlab/apputils';
import { CommandRegistry } from '@lumino/commands';

import { Connection } from './connection';
import { mcpIcon } from './icon';
import { trans } from './language';
import { Activity } from './model';

export namespace CommandIds {
  export const open = 'jupyter-mcp-proxy:open';
  export const pause = 'jupyter-mcp-proxy:pause';
  export const stop = 'jupyter-mcp-proxy:stop';
}

/** The commands, and their place in the palette. */
export function addCommands(
  commands: CommandRegistry,
  palette: ICommandPalette | null,
  activity: Activity,
  connection: Connection,
  open: () => void
): void {
  const isEnabled = (): boolean => activity.link === 'open';
  commands.addCommand(CommandIds.open, {
    label: trans.__('Show the MCP Panel'),
    caption: trans.__('What agents do in your notebooks'),
    icon: mcpIcon,
    execute: open
  });
  commands.addCommand(CommandIds.pause, {
    label: trans.__('Pause Agents'),
    caption: trans.__('Refuse every edit and run of agents until this is released'),
    isToggleable: true,
    isToggled: () => activity.paused,
    isEnabled,
    execute: () => attempt(() => connection.pause(!activity.paused))
  });
  commands.addCommand(CommandIds.stop, {
    label: trans.__('Stop What Agents Run'),
    caption: trans.__('Interrupt everything that agents run, and take back what waits'),
    isEnabled,
    execute: () =>
      attempt(async () => {
        const stopped = await connection.stop();
        activity.say(
          stopped === 0 ? trans.__('No agent was running anything.') : trans.__('Interrupted: %1.', stopped)
        );
      })
  });
  for (const command of Object.values(CommandIds)) {
    palette?.addItem({ command, category: 'MCP' });
  }
  activity.changed.connect(() => {
    const now = `${activity.link} ${activity.paused}`;
    if (now !== told) {
      told = now;
      commands.notifyCommandChanged(CommandIds.pause);
      commands.notifyCommandChanged(CommandIds.stop);
    }
  });
  let told = '';
}

/** Do what a person has asked for, and say it where that fails. */
export async function attempt(act: () => Promise<void>): Promise<void> {
  try {
    await act();
  } catch (error) {
    void showErrorMessage('MCP', error instanceof Error ? error.message : String(error));
  }
}
