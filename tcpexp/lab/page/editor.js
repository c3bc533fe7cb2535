// The spec's text: CodeMirror with YAML, completion and hover from the schema, and the server's errors at their place.
import { get } from "./api.js";
import { aboutKey, completer, Schema } from "./complete.js";
import { Annotation, autocompletion, basicSetup, EditorState, EditorView, HighlightStyle, hoverTooltip, indentUnit, keymap, lintGutter, setDiagnostics, syntaxHighlighting, tags, yaml } from "./codemirror.min.js";

const ours = Annotation.define();
const LOOK = EditorView.theme({
  "&": { color: "var(--ink)", backgroundColor: "var(--paper)" },
  ".cm-content": { caretColor: "var(--ink)", fontFamily: 'ui-monospace, "SFMono-Regular", Menlo, Consolas, "DejaVu Sans Mono", monospace' },
  ".cm-gutters": { backgroundColor: "var(--shade)", color: "var(--soft)", borderRight: "1px solid var(--line)" },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "color-mix(in srgb, var(--link) 9%, transparent)" },
  "&.cm-focused .cm-cursor": { borderLeftColor: "var(--ink)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground, .cm-content ::selection": { backgroundColor: "color-mix(in srgb, var(--link) 28%, transparent)" },
  ".cm-tooltip": { backgroundColor: "var(--paper)", color: "var(--ink)", border: "1px solid var(--line)", borderRadius: "7px", maxWidth: "30rem" },
  ".cm-tooltip-autocomplete ul li[aria-selected]": { backgroundColor: "var(--link)", color: "var(--paper)" },
  ".cm-tooltip-hover": { padding: ".35rem .6rem" },
  ".cm-panels": { backgroundColor: "var(--shade)", color: "var(--ink)" },
  ".cm-searchMatch": { backgroundColor: "color-mix(in srgb, var(--s6) 40%, transparent)" },
  ".cm-foldPlaceholder": { backgroundColor: "var(--shade)", color: "var(--soft)", border: "0" },
});
const COLOURS = HighlightStyle.define([
  { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: "var(--link)" },
  { tag: [tags.string, tags.content, tags.literal], color: "var(--ink)" },
  { tag: tags.comment, color: "var(--soft)", fontStyle: "italic" },
  { tag: [tags.punctuation, tags.separator, tags.squareBracket, tags.brace], color: "var(--soft)" },
  { tag: [tags.keyword, tags.meta, tags.labelName, tags.typeName], color: "var(--s4)" },
]);

let schema = null;
/** Return the schema, asked for once. */
const theSchema = () => (schema ??= get("api/schema").then((root) => new Schema(root)).catch(() => null));

/** Make the editor in `parent`. `edited(text)` is told what the user wrote, `run()` that Ctrl-Enter was pressed. */
export function open(parent, { readOnly, edited, run }) {
  const view = new EditorView({
    parent,
    state: EditorState.create({
      extensions: [
        keymap.of([{ key: "Mod-Enter", run: () => (run(), true) }]),
        basicSetup,
        yaml(),
        indentUnit.of("  "),
        EditorState.tabSize.of(2),
        EditorView.lineWrapping,
        EditorState.readOnly.of(readOnly),
        EditorView.contentAttributes.of({ "aria-label": "The experiment as YAML" }),
        autocompletion({ override: [completer(theSchema)], icons: false }),
        hoverTooltip(async (shown, position) => {
          const known = await theSchema();
          const found = known && aboutKey(known, shown.state, position);
          if (!found) return null;
          return { pos: found.from, end: found.to, create: () => ({ dom: Object.assign(document.createElement("div"), { textContent: found.text }) }) };
        }),
        lintGutter(),
        LOOK,
        syntaxHighlighting(COLOURS),
        EditorView.updateListener.of((update) => {
          if (update.docChanged && !update.transactions.some((one) => one.annotation(ours))) edited(update.state.doc.toString());
        }),
      ],
    }),
  });
  return {
    view,
    /** Return the text. */
    text: () => view.state.doc.toString(),
    /** Show a text: only what differs is replaced, so that cursor and scroll stay. */
    show(text) {
      const now = view.state.doc.toString();
      if (now === text) return;
      let from = 0;
      while (from < now.length && from < text.length && now[from] === text[from]) from++;
      let end = 0;
      while (end < now.length - from && end < text.length - from && now[now.length - 1 - end] === text[text.length - 1 - end]) end++;
      view.dispatch({ changes: { from, to: now.length - end, insert: text.slice(from, text.length - end) }, annotations: ours.of(true) });
    },
    /** Mark errors at their places. */
    mark(errors) {
      const found = errors.filter((error) => error.line).map((error) => ({ ...span(view.state.doc, error), severity: "error", message: error.hint ? `${error.message}\n${error.hint}` : error.message }));
      view.dispatch(setDiagnostics(view.state, found.sort((a, b) => a.from - b.from)));
    },
    /** Put the cursor where an error is. */
    go(error) {
      const { from, to } = span(view.state.doc, error);
      view.dispatch({ selection: { anchor: from, head: to }, scrollIntoView: true });
      view.focus();
    },
  };
}

/** Return the word at an error's line and column (from 1). */
function span(doc, { line, column }) {
  const found = doc.line(Math.min(Math.max(line, 1), doc.lines));
  const from = Math.min(found.from + Math.max(column - 1, 0), found.to);
  const word = /^[^\s,{}[\]]+/.exec(doc.sliceString(from, found.to));
  return { from, to: Math.min(from + (word ? word[0].length : 1), doc.length) };
}
