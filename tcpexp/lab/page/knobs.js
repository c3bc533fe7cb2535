// The knobs of a spec: each a field with its value, buttons for one step less or more, and a slider over the steps.
import { at, make } from "./dom.js";

const GROUPS = { question: "What this is about", links: "Links", flows: "Flows", run: "The run" };

/** Show knobs; `turn(path, value, given)` is called when one is turned. What has the focus keeps it. */
export function show(knobs, turn) {
  const form = at("knobs");
  const held = form.contains(document.activeElement) ? [document.activeElement.dataset.path, document.activeElement.dataset.part] : null;
  const groups = Object.keys(GROUPS).map((group) => [group, knobs.filter((knob) => knob.group === group)]).filter(([, rows]) => rows.length);
  const shown = JSON.stringify(knobs.map((knob) => [knob.path, knob.values, knob.label]));
  if (form.dataset.shown === shown) return knobs.forEach((knob) => refresh(form, knob)); // only values have changed
  form.dataset.shown = shown;
  const open = form.querySelector("details")?.open;
  const sets = groups.map(([group, rows]) => make("fieldset", {}, make("legend", {}, GROUPS[group]), rows.map((knob, number) => one(knob, `knob-${group}-${number}`, turn))));
  const first = groups[0] && groups[0][0] === "question"; // the author's; the others fold away
  form.replaceChildren(...(first ? [sets[0], make("details", { open }, make("summary", {}, "More knobs"), sets.slice(1))] : sets));
  if (held && held[0]) {
    const again = [...form.querySelectorAll("[data-path]")].find((element) => element.dataset.path === held[0] && element.dataset.part === held[1]);
    if (again) again.focus();
  }
}

function refresh(form, knob) {
  for (const element of form.querySelectorAll("[data-path]")) {
    if (element.dataset.path !== knob.path) continue;
    if (element.dataset.part === "row") mark(element, knob);
    if (element.dataset.part === "value" && (element.tagName === "SELECT" || element !== document.activeElement || element.dataset.sent === element.value)) element.value = knob.value;
    if (element.dataset.part === "slider") place(element, knob, knob.value);
  }
}

function mark(row, knob) {
  row.classList.toggle("turned", knob.value !== knob.given);
  row.dataset.value = knob.value;
  const back = row.querySelector("[data-part=back]");
  if (back) back.hidden = knob.value === knob.given;
}

function place(slider, knob, value) {
  const step = knob.values.indexOf(value);
  slider.value = String(Math.max(step, 0));
  slider.setAttribute("aria-valuetext", value || "not set");
}

function one(knob, id, turn) {
  const about = `${knob.about || knob.path}${knob.low ? `, ${knob.low} to ${knob.high}` : ""}`;
  const row = make("div", { class: "knob", "data-path": knob.path, "data-part": "row" });
  const common = { "data-path": knob.path, id, title: about };
  let value = knob.value;
  const now = () => row.dataset.value ?? value;
  const set = (wanted) => {
    if (wanted === now()) return;
    value = row.dataset.value = wanted;
    turn(knob.path, wanted, knob.given);
  };
  const back = make("button", { type: "button", hidden: true, "data-path": knob.path, "data-part": "back", "aria-label": `${knob.label}: back to ${knob.given || "not set"}`, title: `back to ${knob.given || "not set"}`, onclick: () => set(knob.given) }, "↺");
  const label = make("label", { for: id, title: about }, knob.label);
  if (!knob.free) {
    const options = [...new Set([...(knob.given === "" ? [""] : []), ...(knob.values.includes(knob.value) || !knob.value ? [] : [knob.value]), ...knob.values])];
    const choice = make("select", { ...common, "data-part": "value", onchange: (event) => set(event.target.value) }, options.map((option) => make("option", { value: option, selected: option === knob.value }, option || "not set")));
    row.append(label, make("span", { class: "set" }, back, choice));
  } else {
    const field = make("input", { ...common, type: "text", "data-part": "value", value: knob.value, placeholder: "not set", autocomplete: "off", spellcheck: "false", onchange: (event) => {
      const wanted = event.target.value.trim();
      if (!wanted) event.target.value = now();
      else set(wanted);
    }, onkeydown: (event) => {
      if (event.key === "ArrowUp" || event.key === "ArrowDown") {
        event.preventDefault();
        step(event.key === "ArrowUp" ? 1 : -1);
      }
      if (event.key === "Enter") {
        event.preventDefault();
        event.target.dispatchEvent(new Event("change"));
      }
    } });
    const step = (by) => {
      const wanted = next(knob.values, now(), by);
      if (wanted === null) return;
      field.value = wanted;
      set(wanted);
    };
    const button = (by, word, sign) => make("button", { type: "button", "data-path": knob.path, "data-part": word, "aria-label": `${knob.label}: ${word}`, onclick: () => step(by) }, sign);
    row.append(label, make("span", { class: "set" }, back, knob.values.length ? button(-1, "less", "−") : null, field, knob.values.length ? button(1, "more", "+") : null));
    if (knob.values.length > 2) {
      const slider = make("input", { type: "range", min: "0", max: String(knob.values.length - 1), step: "1", "data-path": knob.path, "data-part": "slider", "aria-label": `${knob.label}, steps`, oninput: (event) => {
        field.value = knob.values[Number(event.target.value)];
        event.target.setAttribute("aria-valuetext", field.value);
      }, onchange: (event) => set(knob.values[Number(event.target.value)]) });
      place(slider, knob, knob.value);
      row.append(slider);
    }
  }
  mark(row, knob);
  return row;
}

/** Return the step before or after a value, null at the end; a value between two steps goes to the nearer one's side. */
function next(values, value, by) {
  const place = values.indexOf(value);
  if (place < 0) return values.length ? values[by > 0 ? Math.floor(values.length / 2) : 0] : null;
  return values[place + by] ?? null;
}
