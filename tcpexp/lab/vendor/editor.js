// What the laboratory's editor takes from CodeMirror. esbuild makes codemirror.min.js of it: README.md.
export { basicSetup } from "codemirror";
export { EditorState, Compartment, Annotation } from "@codemirror/state";
export { EditorView, keymap, hoverTooltip } from "@codemirror/view";
export { indentWithTab } from "@codemirror/commands";
export { syntaxTree, HighlightStyle, syntaxHighlighting, indentUnit } from "@codemirror/language";
export { yaml } from "@codemirror/lang-yaml";
export { setDiagnostics, lintGutter, forEachDiagnostic } from "@codemirror/lint";
export { autocompletion, startCompletion } from "@codemirror/autocomplete";
export { tags } from "@lezer/highlight";
