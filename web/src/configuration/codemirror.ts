import { defaultKeymap, history, historyKeymap } from '@codemirror/commands';
import { yaml } from '@codemirror/lang-yaml';
import { bracketMatching, foldGutter, HighlightStyle, indentOnInput, syntaxHighlighting } from '@codemirror/language';
import { highlightSelectionMatches, searchKeymap } from '@codemirror/search';
import { EditorState, type Extension } from '@codemirror/state';
import { EditorView, highlightActiveLine, keymap, lineNumbers } from '@codemirror/view';
import { tags } from '@lezer/highlight';

// PatternFly's own colours, so that both themes fit.
const token = (name: string) => `var(--pf-t--global--${name})`;

const look = EditorView.theme({
  '&': {
    color: token('text--color--regular'),
    backgroundColor: token('background--color--primary--default'),
    border: `1px solid ${token('border--color--default')}`,
    borderRadius: token('border--radius--small'),
    fontSize: token('font--size--body--sm'),
  },
  '&.cm-focused': { outline: `2px solid ${token('color--brand--default')}` },
  '.cm-scroller': { fontFamily: token('font--family--mono'), overflow: 'auto', maxHeight: '60vh' },
  '.cm-content': { caretColor: token('text--color--regular') },
  '.cm-cursor': { borderLeftColor: token('text--color--regular') },
  '.cm-gutters': {
    color: token('text--color--subtle'),
    backgroundColor: token('background--color--secondary--default'),
    borderRight: `1px solid ${token('border--color--default')}`,
  },
  '.cm-activeLine': { backgroundColor: 'transparent' },
  '.cm-activeLineGutter': { backgroundColor: 'transparent' },
  '&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground': {
    backgroundColor: token('background--color--highlight--default'),
  },
  '.cm-tooltip, .cm-panels': {
    color: token('text--color--regular'),
    backgroundColor: token('background--color--floating--default'),
    border: `1px solid ${token('border--color--default')}`,
  },
  '.cm-foldPlaceholder': { backgroundColor: 'transparent', color: token('text--color--subtle') },
  '.cm-changedLine': { backgroundColor: `color-mix(in srgb, ${token('color--status--success--default')} 16%, transparent)` },
  '.cm-deletedChunk': { backgroundColor: `color-mix(in srgb, ${token('color--status--danger--default')} 16%, transparent)` },
  '.cm-changedText': {
    background: `color-mix(in srgb, ${token('color--status--success--default')} 30%, transparent)`,
  },
  '.cm-deletedChunk .cm-deletedText': {
    background: `color-mix(in srgb, ${token('color--status--danger--default')} 30%, transparent)`,
    textDecoration: 'none',
  },
  // Colours that are readable on the page's own ground need not be on these.
  '.cm-changedLine span, .cm-deletedChunk span': { color: token('text--color--regular') },
  '.cm-collapsedLines': {
    color: token('text--color--subtle'),
    background: token('background--color--secondary--default'),
  },
});

const colours = HighlightStyle.define([
  { tag: [tags.definition(tags.propertyName), tags.propertyName], color: token('text--color--link--default') },
  { tag: tags.comment, color: token('text--color--subtle'), fontStyle: 'italic' },
  { tag: [tags.keyword, tags.bool, tags.null, tags.number], color: token('text--color--regular'), fontWeight: '600' },
]);

/** What every editor of YAML on the page has. The policy lets style sheets in by the page's nonce only. */
export function basics(label: string, readOnly: boolean): Extension[] {
  return [
    EditorView.cspNonce.of(document.querySelector<HTMLMetaElement>('meta[name=nonce]')?.content ?? ''),
    EditorView.contentAttributes.of({ 'aria-label': label, 'aria-readonly': String(readOnly), tabindex: '0' }),
    EditorState.readOnly.of(readOnly),
    EditorView.editable.of(!readOnly),
    EditorView.lineWrapping,
    lineNumbers(),
    yaml(),
    syntaxHighlighting(colours),
    look,
  ];
}

/** What one has that is written in. Tab is left to the browser: who uses the keyboard must get out again. */
export function writing(): Extension[] {
  return [
    history(),
    foldGutter(),
    indentOnInput(),
    bracketMatching(),
    highlightActiveLine(),
    highlightSelectionMatches(),
    keymap.of([...defaultKeymap, ...historyKeymap, ...searchKeymap]),
  ];
}
