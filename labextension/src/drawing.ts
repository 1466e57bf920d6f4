import { INotebookTracker } from '@jupyterlab/notebook';

/** Draw whenever a notebook is opened, has another model, or has other cells. */
export function onCells(tracker: INotebookTracker, draw: () => void): void {
  tracker.widgetAdded.connect((_, panel) => {
    void panel.context.ready.then(() => {
      const follow = (): void => {
        panel.content.model?.cells.changed.connect(draw);
        draw();
      };
      panel.content.modelChanged.connect(follow);
      follow();
    });
  });
}
