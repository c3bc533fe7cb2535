// The list of experiments, by chapter or by a question's words.
import { get } from "./api.js";
import { at, make, settled } from "./dom.js";

let specs = [];

/** Show all experiments; `choose(name)` is called for the one that is chosen. */
export function fill(shelf, choose) {
  specs = shelf.specs;
  const chapters = [...new Set(specs.map((spec) => spec.chapter))].map((title) => ({ title, about: (shelf.chapters.find((chapter) => chapter.title === title) || { about: "" }).about }));
  at("chapters").replaceChildren(...chapters.flatMap(({ title, about }) => [
    make("h2", {}, title),
    about && make("p", { class: "soft" }, about),
    cards(specs.filter((spec) => spec.chapter === title), choose),
  ].filter(Boolean)));
  const search = settled(() => find(at("search").value, choose), 150);
  at("search").addEventListener("input", search);
  at("search-form").addEventListener("submit", (event) => {
    event.preventDefault();
    search.cancel();
    find(at("search").value, choose).then(() => {
      const first = at("found").querySelector(".card");
      if (first) first.focus();
    });
  });
}

/** Return what is known of an experiment. */
export const known = (name) => specs.find((spec) => spec.name === name);

function cards(rows, choose) {
  return make("ul", { class: "cards" }, rows.map((spec) => make("li", {}, make("a", { class: "card", href: `#spec=${encodeURIComponent(spec.name)}`, onclick: (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return; // another page
    event.preventDefault();
    choose(spec.name);
  } }, make("b", {}, spec.title), make("span", { class: "clip" }, (spec.line || spec.question).replace(/[`*]/g, "")), make("code", {}, spec.name)))));
}

let asked = 0;

/** Show what fits a question, or all when there is none. */
async function find(question, choose) {
  const mine = ++asked;
  if (at("shelf").hidden) location.hash = "";
  const words = question.trim();
  at("chapters").hidden = words !== "";
  if (!words) return at("found").replaceChildren();
  const rows = await get(`api/search?q=${encodeURIComponent(words)}`);
  if (mine !== asked) return;
  at("found").replaceChildren(make("h2", {}, rows.length ? `${rows.length} experiment${rows.length === 1 ? "" : "s"}, the best first` : "No experiment has these words"), cards(rows, choose));
  if (!rows.length) at("chapters").hidden = false;
}
