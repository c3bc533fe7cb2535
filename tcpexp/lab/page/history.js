// The runs in the results folder, the newest first.
import { get } from "./api.js";
import { at, make } from "./dom.js";
import { known } from "./shelf.js";

let context = null;
let acts = null;

/** Show the history of the experiment on the bench; `acts` are what its buttons do: open, pin, reopen. */
export function show(lab, state, given) {
  context = state;
  acts = given;
  at("only").onchange = refresh;
  refresh();
}

/** Ask for the runs again. */
export async function refresh() {
  if (!context) return;
  const rows = await get("api/history").catch(() => []);
  const spec = known(context.spec);
  const experiment = spec ? spec.experiment : context.spec;
  const listed = rows.filter((row) => !at("only").checked || row.experiment === experiment);
  const head = ["when", "experiment", "changed", "checks", "", ""];
  at("runs").replaceChildren(listed.length ? make("div", { class: "scroll" }, make("table", {}, make("thead", {}, make("tr", {}, head.map((text) => make("th", { scope: "col" }, text)))), make("tbody", {}, listed.map(one)))) : make("p", { class: "soft" }, "No run yet."));
  mark(context.run);
}

/** Mark the run that is shown. */
export function mark(name) {
  for (const row of at("runs").querySelectorAll("tr[data-run]")) row.classList.toggle("shown", row.dataset.run === name);
}

function one(row) {
  const when = new Date(row.at * 1000);
  const counts = row.status !== "complete" ? row.status : [row.passed && `${row.passed} passed`, row.failed && `${row.failed} failed`, row.undecided && `${row.undecided} undecided`].filter(Boolean).join(", ");
  const pinned = context.pinned === row.run;
  return make("tr", { "data-run": row.run },
    make("td", { title: row.run }, when.toLocaleString([], { dateStyle: "short", timeStyle: "medium" })),
    make("td", {}, row.experiment),
    make("td", {}, row.set.join(", ") || (row.seed === null ? "" : `seed ${row.seed}`), row.notes ? " (notes)" : ""),
    make("td", {}, counts),
    make("td", {}, make("button", { type: "button", "aria-label": `Show the run of ${when.toLocaleTimeString()}`, onclick: () => acts.open(row.run) }, "Show"), " ", make("button", { type: "button", "aria-pressed": String(pinned), "aria-label": `${pinned ? "Unpin" : "Pin"} the run of ${when.toLocaleTimeString()}`, onclick: () => acts.pin(pinned ? null : row.run) }, pinned ? "Unpin" : "Pin")),
    make("td", {}, make("button", { type: "button", "aria-label": `Put the spec of ${when.toLocaleTimeString()} on the bench`, onclick: () => acts.reopen(row.run) }, "Its spec")));
}
