import { unifiedMergeView } from '@codemirror/merge';
import { EditorState } from '@codemirror/state';
import { EditorView } from '@codemirror/view';

/** Show what makes one text the other. Loaded when somebody asks for it: it is as large as the rest of the panel. */
export function mergeView(parent: HTMLElement, before: string, after: string, label: string): EditorView {
  return new EditorView({
    parent,
    state: EditorState.create({
      doc: after,
      extensions: [
        EditorState.readOnly.of(true),
        EditorView.editable.of(false),
        EditorView.lineWrapping,
        EditorView.contentAttributes.of({ 'aria-label': label, tabindex: '0' }),
        unifiedMergeView({
          original: before,
          mergeControls: false,
          gutter: true,
          collapseUnchanged: { margin: 2, minSize: 5 },
          diffConfig: { scanLimit: 2000, timeout: 500 }
        })
      ]
    })
  });
}
