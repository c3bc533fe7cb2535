// What came of a run: the answer, the verdicts a line each, what can be trusted, and the panels.
import { at, holding, make } from "./dom.js";

let mounted = null;
let turn = 0;

/** Return the time that the panels show, [from, to] in seconds; null while there are none. */
export const shownTime = () => (mounted && mounted.group.range ? [...mounted.group.range] : null);

/** Take the panels away. */
export function clear() {
  if (mounted) mounted.destroy();
  mounted = null;
  turn++;
  for (const id of ["words", "panels", "after"]) at(id).replaceChildren();
}

/** Show a run. `zoom` is the time to show, null for the panels' own; `moved(range)` is told when the reader zooms. */
export async function show(view, { zoom, moved, actions }) {
  const mine = ++turn;
  at("empty").hidden = true;
  at("words").replaceChildren(...words(view, actions));
  const place = at("panels");
  place.style.minHeight = `${place.offsetHeight}px`; // the page does not jump while one is changed for the next
  if (mounted) mounted.destroy();
  mounted = null;
  place.replaceChildren();
  if (view.panels && view.panels.info.panels.length) {
    const info = { ...view.panels.info };
    if (view.key && view.key.panel) info.panels = [...info.panels.filter((panel) => panel.id === view.key.panel), ...info.panels.filter((panel) => panel.id !== view.key.panel)];
    const next = await window.tcpexp.mountPanels(place, info, view.panels.columns);
    if (mine !== turn) return next.destroy();
    mounted = next;
    if (zoom) mounted.group.zoom(zoom[0], zoom[1]);
    mounted.group.listen("range", (range) => moved(range));
  } else place.replaceChildren(make("p", { class: "soft" }, view.absent || "This run has no packets to draw."));
  place.style.minHeight = "";
  at("after").replaceChildren(...after(view));
}

function words(view, actions) {
  return [
    view.status !== "complete" && make("p", { class: "alarm" }, `The run is ${view.status === "interrupted" ? "interrupted" : "not complete"}: ${view.why || "it was ended before it could say why"}`),
    ...view.failures.filter((text) => !view.why.includes(text)).map((text) => make("p", { class: "alarm" }, `Program failed: ${text}`)),
    view.answer && make("div", { class: "answer" }, holding("div", {}, view.answer), view.doubt && make("p", { class: "soft" }, view.doubt)),
    actions,
    view.key && view.key.html && make("figure", { class: "key" }, holding("div", { class: "scroll" }, view.key.html), holding("figcaption", { class: "soft" }, view.key.caption)),
    view.changes && changes(view.changes),
    verdicts(view.verdicts),
    certificate(view.certificate),
    ...view.notes.map((note) => make("p", { class: "soft" }, `Note: ${note}`)),
  ].filter(Boolean);
}

function verdicts(rows) {
  if (!rows.length) return null;
  const line = (row) => [make("span", { class: `mark ${row.result}` }, row.result), `${row.title}: `, make("span", { class: "measured" }, row.measured), row.asked && make("span", { class: "asked" }, ` (expected ${row.asked})`)];
  const shown = (row) => make("li", {}, row.reason || row.because ? make("details", {}, make("summary", {}, line(row)), make("p", {}, row.reason), row.because && holding("p", {}, row.because)) : line(row));
  const bad = rows.filter((row) => row.result !== "PASS");
  const good = rows.filter((row) => row.result === "PASS");
  const few = rows.length <= 6;
  const list = make("ul", { class: "verdicts", "aria-label": "Verdicts" }, (few ? rows : bad).map(shown));
  if (few) return list;
  return make("div", {}, bad.length ? list : null, make("details", {}, make("summary", {}, make("span", { class: "mark PASS" }, "PASS"), `${good.length} of ${rows.length} checks passed`), make("ul", { class: "verdicts" }, good.map(shown))));
}

function certificate(found) {
  if (!found.verdict) return null;
  if (found.verdict === "VALID") return make("p", { class: "soft" }, `Certificate: VALID${found.repeatable ? ", repeatable" : ""}.`);
  return make("div", { class: "caution" }, make("b", {}, `Certificate: ${found.verdict}`), make("ul", {}, (found.reasons || []).map((reason) => make("li", {}, reason))));
}

function changes(found) {
  const rows = (name, list) => list.map((row) => make("tr", {}, make("th", { scope: "row" }, row.name), make("td", {}, row.a), make("td", {}, row.b), make("td", { class: "soft" }, name)));
  const all = [...rows("spec", found.spec), ...rows("verdict", found.verdicts), ...rows("measured", found.metrics)];
  return make("details", { class: "changes" }, make("summary", {}, `What differs from the pinned run: ${found.spec.length} value${found.spec.length === 1 ? "" : "s"} of the spec, ${found.verdicts.length} verdict${found.verdicts.length === 1 ? "" : "s"}`), make("p", { class: "soft" }, found.headline), make("div", { class: "scroll" }, make("table", {}, make("thead", {}, make("tr", {}, ["what", "pinned (run A)", "this run (run B)", ""].map((head) => make("th", { scope: "col" }, head)))), make("tbody", {}, all))));
}

function after(view) {
  return view.explanation ? [make("details", {}, make("summary", {}, "Why it is so"), holding("div", {}, view.explanation))] : [];
}
