import { lintGutter, setDiagnostics } from '@codemirror/lint';
import { EditorView } from '@codemirror/view';
import { useEffect, useEffectEvent, useRef } from 'react';
import { basics, writing } from './codemirror';
import type { Problem } from './judge';

interface Props {
  label: string;
  /** The text to begin with. Another one begins anew. */
  initial: string;
  readOnly: boolean;
  problems: Problem[];
  describe: (problem: Problem) => string;
  onChange: (text: string) => void;
}

/** An editor of YAML, which marks what is wrong where it stands. */
export function Editor({ label, initial, readOnly, problems, describe, onChange }: Props) {
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>(null);
  const changed = useEffectEvent(onChange);
  const found = useEffectEvent((length: number) =>
    problems.map((problem) => ({
      from: Math.min(problem.from, length),
      to: Math.min(problem.to, length),
      severity: 'error' as const,
      message: describe(problem),
    })),
  );
  useEffect(() => {
    if (!host.current) return undefined;
    const editor = new EditorView({
      parent: host.current,
      doc: initial,
      extensions: [
        basics(label, readOnly),
        ...(readOnly ? [] : writing()),
        lintGutter(),
        EditorView.updateListener.of((update) => update.docChanged && changed(update.state.doc.toString())),
      ],
    });
    view.current = editor;
    return () => editor.destroy();
  }, [initial, label, readOnly]);
  useEffect(() => {
    const editor = view.current;
    if (editor) editor.dispatch(setDiagnostics(editor.state, found(editor.state.doc.length)));
  }, [problems]);
  return <div ref={host} />;
}
