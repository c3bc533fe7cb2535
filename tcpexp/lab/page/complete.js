// Completion and hover in the YAML text, from the JSON Schema of specs.
import { syntaxTree } from "./codemirror.min.js";

/** A schema without its references: follow "$ref", and of "anyOf" every branch. */
export class Schema {
  constructor(root) {
    this.root = root;
  }

  /** Return all plain schemas that a schema may mean. */
  branches(schema, seen = 0) {
    if (!schema || seen > 8) return [];
    if (schema.$ref) return this.branches(this.root.$defs[schema.$ref.slice("#/$defs/".length)], seen + 1);
    const several = schema.anyOf || schema.oneOf || schema.allOf;
    return several ? [...several.flatMap((one) => this.branches(one, seen + 1)), ...(schema.properties ? [schema] : [])] : [schema];
  }

  /** Return the schemas at a path: keys, and "[]" for an entry of a list; `said` are the scalar values beside each step. */
  at(path, said) {
    let here = this.branches(this.root);
    path.forEach((step, depth) => {
      const fitting = this.fitting(here, said[depth]);
      here = fitting.flatMap((schema) => {
        if (step === "[]") return schema.items ? this.branches(schema.items) : [];
        const own = schema.properties && schema.properties[step];
        if (own) return this.branches(own);
        return typeof schema.additionalProperties === "object" ? this.branches(schema.additionalProperties) : [];
      });
    });
    return this.fitting(here, said[path.length]);
  }

  /** Of schemas that name a constant (`do: iperf3`), keep those whose constant was written; all when none was. */
  fitting(schemas, said) {
    const word = said && said.do;
    if (!word) return schemas;
    const kept = schemas.filter((schema) => schema.properties && schema.properties.do && schema.properties.do.const === word);
    return kept.length ? kept : schemas;
  }

  /** Return the keys that schemas know: name, schema. */
  keys(schemas) {
    const found = new Map();
    for (const schema of schemas) for (const [name, one] of Object.entries(schema.properties || {})) if (!found.has(name)) found.set(name, one);
    return found;
  }

  /** Return the words that a value may be. */
  words(schemas) {
    return [...new Set(schemas.flatMap((schema) => [...(schema.enum || []), ...("const" in schema ? [schema.const] : []), ...(schema.type === "boolean" ? [true, false] : []), ...(schema.examples || [])]).filter((word) => typeof word !== "object").map(String))];
  }

  /** Return what a key is, in a sentence. */
  about(schema) {
    if (!schema) return "";
    if (schema.description) return schema.description;
    const inner = this.branches(schema).find((one) => one.description);
    return inner ? inner.description.split("\n\n")[0].replace(/\s+/g, " ") : "";
  }
}

const indent = (line) => /^(\s*(?:- )*)/.exec(line)[1].length;

/** Return {path, said, before, inFlow, inList}: the keys around a position, the scalars beside them, the text of this entry up to the position. */
export function placeAt(state, position) {
  const tree = syntaxTree(state);
  let node = tree.resolveInner(position, -1);
  const flows = [];
  for (; node; node = node.parent) if ((node.name === "FlowMapping" || node.name === "FlowSequence") && node.from < position && (position < node.to || !/[}\]]$/.test(state.sliceDoc(node.from, node.to)))) flows.unshift(node);
  const line = state.doc.lineAt(position);
  const path = [];
  const said = [{}];
  const start = flows.length ? flows[0].from : position;
  block(state, start, path, said, flows.length > 0);
  let from = line.from + indent(line.text);
  flows.forEach((flow, number) => {
    const end = number + 1 < flows.length ? flows[number + 1].from : position;
    const inside = state.sliceDoc(flow.from + 1, end);
    const cut = lastComma(inside);
    from = flow.from + 1 + cut;
    const key = /^\s*["']?([\w.>-]+)["']?\s*:/.exec(inside.slice(cut));
    if (flow.name === "FlowSequence") path.push("[]"), said.push({});
    else {
      said[path.length] = scalars(state.sliceDoc(flow.from, flow.to));
      if (number + 1 < flows.length && key) path.push(key[1]), said.push({});
    }
  });
  if (!flows.length && from > position) from = line.from;
  return { path, said, before: state.sliceDoc(Math.min(from, position), position), inFlow: flows.length > 0, inList: flows.length > 0 && flows[flows.length - 1].name === "FlowSequence" };
}

/** Add the keys of the block that holds a position, from the outermost inwards. */
function block(state, position, path, said, flow) {
  const first = state.doc.lineAt(position);
  const column = position - first.from;
  let level = flow || first.text.trim() ? Math.min(indent(first.text), column) : column;
  const steps = [];
  const own = /^(\s*(?:- )*)["']?([\w.>-]+)["']?\s*:/.exec(first.text.slice(0, column));
  if (flow && own) steps.unshift(own[2]);
  const dash = /^(\s*)- /.exec(first.text);
  const beside = [];
  if (dash) {
    steps.unshift("[]");
    level = dash[1].length;
  }
  let inItem = !dash;
  for (let number = first.number - 1; number > 0 && level >= 0; number--) {
    const text = state.doc.line(number).text;
    if (!text.trim() || /^\s*#/.test(text)) continue;
    const depth = indent(text);
    const item = /^(\s*)- /.exec(text);
    const key = /^(?:\s*(?:- )*)["']?([\w.>-]+)["']?\s*:\s*(.*)$/.exec(text);
    if (inItem && depth === level && key && key[2]) beside.push([key[1], key[2]]);
    if (item && depth === level && inItem && item[1].length < level) {
      steps.unshift("[]");
      level = item[1].length;
      inItem = false;
      continue;
    }
    if (depth < level || (depth === level && !item && steps[0] === "[]" && key && !key[2])) {
      if (!key || key[2].replace(/#.*/, "").trim()) {
        if (depth < level && !item) continue;
      }
      if (key && !key[2].replace(/#.*/, "").trim()) steps.unshift(key[1]);
      level = depth;
      if (item) {
        steps.unshift("[]");
        level = item[1].length;
      }
      if (level === 0 && !item) break;
    }
  }
  const found = scalars(beside.map((pair) => pair.join(": ")).join("\n"));
  for (const step of steps) path.push(step), said.push({});
  said[path.length] = found;
}

function scalars(text) {
  const found = {};
  for (const match of text.matchAll(/(?:^|[{,\n])\s*["']?([\w.>-]+)["']?\s*:\s*([\w./%-]+)/g)) found[match[1]] ??= match[2];
  return found;
}

function lastComma(text) {
  let depth = 0;
  let cut = 0;
  for (let at = 0; at < text.length; at++) {
    if ("{[".includes(text[at])) depth++;
    else if ("}]".includes(text[at])) depth--;
    else if (text[at] === "," && depth === 0) cut = at + 1;
  }
  return cut;
}

/** Return a completion source for CodeMirror; `schema()` is a Schema, or null before it is there. */
export function completer(schema) {
  return async (context) => {
    const known = await schema();
    if (!known) return null;
    const { path, said, before, inFlow, inList } = placeAt(context.state, context.pos);
    const value = /^\s*(?:- )*["']?([\w.>-]+)["']?\s*:\s+(\S*)$/.exec(before) || (inList ? /^\s*()(\S*)$/.exec(before) : null);
    const key = /^\s*(?:- )*([\w>-]*)$/.exec(before);
    if (value) {
      const inner = value[1] ? [...path, value[1]] : path;
      const words = known.words(known.at(inner, value[1] ? [...said, {}] : said));
      return words.length ? { from: context.pos - value[2].length, options: words.map((word) => ({ label: word, type: "constant" })), validFor: /^[\w.%-]*$/ } : null;
    }
    if (!key || (!key[1] && !context.explicit && !inFlow)) return null;
    const schemas = known.at(path, said);
    const items = known.words(schemas);
    const options = [...known.keys(schemas)].map(([name, one]) => ({ label: name, type: "property", apply: `${name}: `, info: known.about(one) }));
    options.push(...items.map((word) => ({ label: word, type: "constant" })));
    return options.length ? { from: context.pos - key[1].length, options, validFor: /^[\w>-]*$/ } : null;
  };
}

/** Return what is to be said about the key at a position, null for nothing. */
export function aboutKey(schema, state, position) {
  const line = state.doc.lineAt(position);
  const near = [...line.text.matchAll(/["']?([\w.>-]+)["']?\s*:(?=\s|$)/g)].find((match) => line.from + match.index <= position && position <= line.from + match.index + match[1].length);
  if (!near) return null;
  const start = line.from + near.index;
  const { path, said } = placeAt(state, start);
  const one = schema.keys(schema.at(path, said)).get(near[1]);
  const text = one && schema.about(one);
  return text ? { from: start, to: start + near[1].length, text: `${near[1]}: ${text}` } : null;
}
