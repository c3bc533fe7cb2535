// The laboratory: one experiment at a time, its knobs and text, its runs.
import { get, listen, post, Refusal, tab } from "./api.js";
import { at, make, save, settled } from "./dom.js";
import * as history from "./history.js";
import * as knobs from "./knobs.js";
import * as link from "./link.js";
import * as result from "./result.js";
import * as shelf from "./shelf.js";

/** What is on the bench. `text` is null while the spec is as its file is; `shownText` has the knobs' values in it. */
const state = { spec: null, text: null, knobs: {}, shownText: "", title: "", errors: [], run: null, pinned: null, zoom: null, tab: "text" };
/** The run that was asked for last: its number, when a knob was turned for it. */
let wanted = { work: 0, since: 0 };
let lab = {};
let editor = null;
let examined = 0;

// ---- the address

/** What the address held when this page wrote it: another is a link that somebody followed. */
let written = null;
const remember = settled(async () => {
  const before = location.hash;
  const hash = await link.write(state);
  if (location.hash !== before) return; // a link was followed meanwhile
  if (hash && hash !== before) window.history.replaceState(null, "", hash);
  written = location.hash;
}, 150);

async function follow() {
  if (location.hash === written) return;
  written = location.hash;
  const asked = await link.read(location.hash);
  if (asked.spec) await choose(asked.spec, asked, false);
  else leave();
}

function leave() {
  at("bench").hidden = true;
  at("shelf").hidden = false;
  document.title = "tcpexp lab";
  state.spec = null;
}

/** Put an experiment on the bench; `from` says more than its name: what a link holds. */
async function choose(spec, from = {}, push = true) {
  Object.assign(state, { spec, text: from.text ?? null, knobs: from.knobs || {}, run: from.run || null, pinned: from.pinned || null, zoom: from.zoom || null, errors: [], shownText: "" });
  wanted = { work: 0, since: 0 };
  at("see").hidden = true;
  result.clear();
  at("empty").hidden = false;
  at("shelf").hidden = true;
  at("bench").hidden = false;
  at("knobs").replaceChildren();
  delete at("knobs").dataset.shown;
  const known = shelf.known(spec) || { title: spec, question: "" };
  head(known.title, known.question, []);
  tell("");
  busy(false);
  showPinned();
  select(from.tab || (from.run ? "result" : "text"), false);
  if (push) {
    window.history.pushState(null, "", await link.write(state));
    written = location.hash;
  }
  at("title").focus({ preventScroll: true });
  scrollTo(0, 0);
  await look();
  if (from.run) open(from.run);
  history.show(lab, state, { open, pin, reopen });
}

function head(title, question, questions) {
  state.title = title;
  at("title").textContent = title;
  document.title = `${title} – tcpexp lab`;
  at("question").textContent = question.replace(/[`*]/g, "");
  at("questions").hidden = !questions.length;
  at("questions").querySelector("ol").replaceChildren(...questions.map((text) => make("li", {}, text)));
}

// ---- the spec

const asked = () => ({ spec: state.spec, text: state.text, knobs: state.knobs });

/** Ask the server what the spec is now, and show that. */
async function look({ keepText = false } = {}) {
  const mine = ++examined;
  let found;
  try {
    found = await post("api/examine", asked());
  } catch (error) {
    if (mine === examined) mistakes([{ line: null, message: error.message, hint: null }]);
    return false;
  }
  return mine === examined && took(found, keepText);
}

/** Show what the server says of the spec; return whether it is without errors. */
function took(found, keepText) {
  state.shownText = found.text;
  if (state.text !== null && !keepText) {
    state.text = found.text;
    state.knobs = {};
  }
  if (found.title) head(found.title, found.question, found.questions);
  if (found.knobs.length) knobs.show(found.knobs, turn);
  if (!keepText) showText(found.text);
  mistakes(found.errors, found.notes);
  at("original").hidden = state.text === null && !Object.keys(state.knobs).length;
  remember();
  return !found.errors.length;
}

/** Take note that a knob was turned, and run again if that is wanted. */
function turn(path, value, given) {
  if (state.text === null && value === given) delete state.knobs[path]; // as the file has it
  else if (value) state.knobs[path] = value;
  else return;
  const since = performance.now();
  const runs = at("auto").checked;
  if (!runs) return look();
  run(since);
}

function showText(text) {
  theEditor().then((made) => made.show(text));
}

let opening = null;
function theEditor() {
  opening ??= import("./editor.js").then((module) => {
    editor = module.open(at("editor"), { readOnly: Boolean(lab.class), edited: (text) => wrote(text), run: () => run(performance.now()) });
    return editor;
  });
  return opening;
}

const lookAgain = settled(() => look({ keepText: true }), 250);
function wrote(text) {
  state.text = text;
  state.knobs = {};
  lookAgain();
}

function mistakes(errors, notes = []) {
  state.errors = errors;
  at("mistakes").hidden = !errors.length;
  at("mistakes").textContent = errors.length ? String(errors.length) : "";
  at("tab-text").setAttribute("aria-label", errors.length ? `YAML, ${errors.length} error${errors.length === 1 ? "" : "s"}` : "YAML");
  at("errors").replaceChildren(...errors.map((error) => make("li", {}, error.line ? make("button", { type: "button", class: "plain", onclick: () => editor && editor.go(error) }, `${error.line}:${error.column} ${error.message}`) : make("span", { class: "plain" }, error.message), error.hint && make("span", { class: "hint" }, error.hint))), ...notes.map((note) => make("li", { class: "soft" }, `Note: ${note}`)));
  theEditor().then((made) => made.mark(errors));
}

// ---- runs

async function run(since, confirmed = false) {
  lookAgain.cancel();
  select("result", false);
  const mine = ++examined;
  const keepText = state.text !== null && !Object.keys(state.knobs).length;
  tell("asked for");
  try {
    const answer = await post("api/run", { ...asked(), pinned: state.pinned, tab });
    if (answer.work > wanted.work) wanted = { work: answer.work, since };
    if (mine === examined) took(answer.examined, keepText);
    busy(true);
    for (const event of early.splice(0)) heard(event);
  } catch (error) {
    const found = error instanceof Refusal && error.body.examined;
    if (found && mine === examined) took(found, keepText);
    if (found && error.status === 409 && !confirmed) return confirm(found, since);
    if (found && error.status === 422) {
      tell(`The spec has ${state.errors.length || "some"} error${state.errors.length === 1 ? "" : "s"}; nothing was run.`, true);
      select("text", false);
      return;
    }
    tell(error.message, true);
  }
}

/** Let the user read which programs a spec brings, and run it if they say so. */
function confirm({ programs, digest }, since) {
  const dialog = at("ask");
  at("ask-list").replaceChildren(...programs.map((text) => make("li", {}, text)));
  at("ask-no").onclick = () => {
    dialog.close();
    tell("not run");
  };
  at("ask-yes").onclick = async () => {
    dialog.close();
    await post("api/confirm", { digest });
    run(since, true);
  };
  dialog.showModal();
  at("ask-no").focus();
}

function busy(is) {
  at("stop").disabled = !is;
  at("bar").hidden = !is;
  document.querySelector(".work").classList.toggle("busy", is);
  if (!is) at("bar").value = 0;
}

function tell(text, bad = false) {
  at("status").textContent = text;
  at("status").classList.toggle("bad", bad);
}

/** Events of a run that the server told before it had answered which run it is. */
const early = [];
let duration = 1;
const PHASES = { network: "building the network", probes: "measuring paths", recorders: "starting recorders", setup: "setting up", run: "running", stop: "stopping", done: "reading the record" };

function heard(event) {
  if (event.kind === "history") return history.refresh();
  if (event.work > wanted.work) return early.push(event);
  if (event.work !== wanted.work) return;
  const told = {
    waits: () => tell(event.place > 1 ? `waits: ${event.place - 1} before it` : "waits for the run before it"),
    begins: () => tell("starts"),
    dropped: () => {
      busy(false);
      tell("dropped");
    },
    starts: () => {
      duration = event.duration_s || 1;
      state.run = event.run;
      tell("starts the guest");
    },
    progress: () => {
      const words = PHASES[event.phase] || event.phase;
      if (event.seconds !== null && event.phase === "run") {
        at("bar").value = Math.min(Math.max(event.seconds / duration, 0), 1);
        tell(`${words}: ${Math.max(event.seconds, 0).toFixed(1)} of ${duration} s`);
      } else {
        at("bar").removeAttribute("value");
        tell(words);
      }
    },
    says: () => tell(event.text),
    view: () => shown(event.run, event.view),
    ends: () => ended(event),
  }[event.kind];
  if (told) told();
}

function ended(event) {
  busy(false);
  if (event.run) state.run = event.run;
  const errors = (event.errors || []).map((error) => (error.hint ? `${error.message} (${error.hint})` : error.message));
  const words = [event.message, ...errors].filter(Boolean).join("; ");
  if (event.ok) tell(event.wall_s ? `done in ${event.wall_s} s` : "");
  else tell(words || "the run did not end as it should", true);
  document.body.dataset.ended = String(wanted.work);
  remember();
  if (state.run) noteOn(state.run);
}

/** Show a view that the server has made. */
async function shown(name, address) {
  const work = wanted.work;
  const view = await get(`api/${address}`);
  if (work !== wanted.work) return;
  const zoom = state.zoom;
  state.run = name;
  await result.show(view, { zoom, moved: (range) => {
    state.zoom = range && range[1] > range[0] ? [...range] : null;
    remember();
  }, actions: actions(name, view) });
  if (wanted.since) {
    document.body.dataset.curveMs = String(Math.round(performance.now() - wanted.since));
    wanted.since = 0;
  }
  document.querySelector(".work").classList.remove("busy"); // what is left is the report's page
  document.body.dataset.shown = name;
  at("see").hidden = at("result").getBoundingClientRect().top < innerHeight * 0.8;
  showPinned();
  history.mark(name);
  noteOn(name);
  remember();
}

function actions(name, view) {
  const [experiment, id] = name.split("/");
  const quoted = `run=${encodeURIComponent(name)}`;
  return make("div", { class: "bar" },
    make("span", { class: "soft" }, `seed ${view.seed}${view.kernel ? `, kernel ${view.kernel}` : ""}`),
    make("button", { type: "button", id: "pin-this", "aria-pressed": String(state.pinned === name), onclick: () => pin(state.pinned === name ? null : name) }, state.pinned === name ? "Unpin this run" : "Pin this run"),
    make("a", { href: `runs/${encodeURIComponent(experiment)}/${encodeURIComponent(id)}/report.html`, target: "_blank", rel: "noopener" }, "Full report"),
    make("a", { href: `api/notebook?${quoted}`, download: `${experiment}.ipynb` }, "Open in a notebook"),
    make("button", { type: "button", onclick: downloadSpec }, "Download the spec"),
    make("button", { type: "button", id: "copy", onclick: copyLink }, "Copy a link"));
}

function downloadSpec() {
  save(`${(state.spec || "experiment").split("/").pop().replace(/\.yaml$/, "")}.yaml`, state.shownText);
}

async function copyLink(event) {
  const button = event.target;
  const address = `${location.origin}/${await link.write(state)}`;
  try {
    await navigator.clipboard.writeText(address);
    button.textContent = "Copied";
  } catch {
    window.prompt("The link", address);
  }
  setTimeout(() => (button.textContent = "Copy a link"), 2000);
}

/** Show a recorded run, over the pinned one if there is one. */
async function open(name) {
  select("result", false);
  try {
    const pinned = state.pinned && state.pinned !== name ? state.pinned : null;
    const answer = await post("api/show", { run: name, pinned, tab });
    if (answer.view) {
      wanted = { work: wanted.work, since: 0 };
      return shown(name, answer.view);
    }
    wanted = { work: answer.work, since: 0 };
    tell("opens the run");
    for (const event of early.splice(0)) heard(event);
  } catch (error) {
    tell(error.message, true);
  }
}

/** Put a recorded run's spec on the bench, as it was run. */
async function reopen(name) {
  try {
    const found = await get(`api/spec?run=${encodeURIComponent(name)}`);
    if (!found.spec) return tell("this run's experiment is not among those here", true);
    await choose(found.spec, lab.class ? { run: name } : { text: found.text, run: name });
  } catch (error) {
    tell(error.message, true);
  }
}

/** Pin a run: what comes next is drawn over it. null: none. */
function pin(name) {
  const before = state.pinned;
  state.pinned = name;
  showPinned();
  history.refresh();
  remember();
  const button = at("pin-this");
  if (button) {
    button.setAttribute("aria-pressed", String(state.pinned === state.run));
    button.textContent = state.pinned === state.run ? "Unpin this run" : "Pin this run";
  }
  if (state.run && state.run !== name && (name || before !== state.run)) open(state.run);
}

function showPinned() {
  const place = at("pin");
  place.hidden = !state.pinned;
  if (!state.pinned) return place.replaceChildren();
  const over = state.run && state.run !== state.pinned;
  place.replaceChildren(make("p", { class: "pinned-run" }, over ? "Drawn over the pinned run (run A): " : "Pinned; the next run is drawn over it: ", make("code", {}, state.pinned), " ", make("button", { type: "button", class: "plain", onclick: () => pin(null) }, "Unpin")));
}

// ---- notes

let noted = null;
async function noteOn(name) {
  if (noted === name) return;
  noted = name;
  at("note").disabled = false;
  at("kept").textContent = name;
  at("note").value = (await get(`api/notes?run=${encodeURIComponent(name)}`).catch(() => ({ text: "" }))).text;
}
const keepNote = settled(async () => {
  try {
    await post("api/notes", { run: noted, text: at("note").value });
    at("kept").textContent = `kept beside ${noted}`;
  } catch (error) {
    at("kept").textContent = error.message;
  }
}, 600);

// ---- tabs

const TABS = ["result", "text", "history", "notes"];
function select(name, focus) {
  state.tab = TABS.includes(name) ? name : "result";
  for (const each of TABS) {
    const button = at(`tab-${each}`);
    const is = each === state.tab;
    button.setAttribute("aria-selected", String(is));
    button.tabIndex = is ? 0 : -1;
    at(each).hidden = !is;
    if (is && focus) button.focus();
  }
  remember();
}

function keysOfTabs(event) {
  const now = TABS.indexOf(state.tab);
  const to = { ArrowRight: now + 1, ArrowLeft: now - 1, Home: 0, End: TABS.length - 1 }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  select(TABS[(to + TABS.length) % TABS.length], true);
}

// ---- begin

async function start() {
  for (const each of TABS) at(`tab-${each}`).addEventListener("click", () => select(each, false));
  document.querySelector(".tabs").addEventListener("keydown", keysOfTabs);
  at("run").addEventListener("click", () => run(performance.now()));
  at("stop").addEventListener("click", () => post("api/stop", { tab }).catch((error) => tell(error.message, true)));
  at("see").addEventListener("click", () => {
    at("result").scrollIntoView({ block: "start" });
    at("see").hidden = true;
  });
  at("knobs").addEventListener("submit", (event) => event.preventDefault());
  at("download").addEventListener("click", downloadSpec);
  at("original").addEventListener("click", () => {
    Object.assign(state, { text: null, knobs: {} });
    look();
  });
  at("note").addEventListener("input", keepNote);
  at("home").addEventListener("click", (event) => {
    event.preventDefault();
    window.history.pushState(null, "", location.pathname);
    written = location.hash;
    leave();
    at("search").focus();
  });
  addEventListener("popstate", follow);
  addEventListener("hashchange", follow);
  addEventListener("keydown", (event) => {
    if (event.key === "/" && !/^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName) && !event.target.isContentEditable) {
      event.preventDefault();
      at("search").focus();
    }
  });
  lab = await get("api/shelf");
  if (lab.class) at("who").replaceChildren(make("details", {}, make("summary", {}, lab.class.name), make("label", { for: "own-link" }, "Your own link, for another browser"), make("input", { id: "own-link", readonly: true, value: lab.class.link, onfocus: (event) => event.target.select() })));
  shelf.fill(lab, (name) => choose(name));
  listen(heard, (gone) => {
    at("lost").hidden = !gone;
    at("lost").textContent = gone ? "The laboratory does not answer. A run that was under way keeps what it recorded; start tcpexp lab again and open its new link." : "";
    if (gone) busy(false);
  });
  document.body.dataset.ready = "yes";
  await follow();
  if (!state.spec) at("search").focus();
}

start().catch((error) => {
  at("lost").hidden = false;
  at("lost").textContent = error.message;
});
