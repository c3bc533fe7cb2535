// Puts the panels on the page once it is there. Without script, and in print, the static figures stand in for them.
"use strict";
(function (tcpexp) {
  const { make } = tcpexp;

  function place(group, info) {
    const drawing = make("div", { class: "plot" });
    const panel = new tcpexp.Panel(group, info, drawing);
    panel.heading = make("h3", {});
    panel.readout = make("output", { class: "readout" });
    const switches = tcpexp.layerSwitches(group, panel);
    const element = make("section", { class: "panel", id: `panel-${info.id}`, "aria-label": info.title }, make("div", { class: "panel-head" }, panel.heading, panel.readout), switches.row, drawing, make("p", { class: "soft" }, info.note));
    panel.fill = switches.fill;
    panel.plot.over.addEventListener("click", () => group.hovered && group.pin(group.hovered));
    panel.plot.over.addEventListener("wheel", (event) => {
      if (!(event.ctrlKey || event.metaKey || event.shiftKey)) return; // the page itself scrolls
      event.preventDefault();
      const about = panel.plot.posToVal(event.clientX - panel.plot.over.getBoundingClientRect().left, "x");
      group.scale((event.deltaY || event.deltaX) > 0 ? 1.25 : 0.8, about);
    }, { passive: false });
    group.panels.push(panel);
    return element;
  }

  /** Give evidence that has a time a button which shows that time in the panels. */
  function linkEvidence(group, root) {
    for (const item of document.querySelectorAll("[data-from-ns]")) {
      const from = Number(item.dataset.fromNs) / 1e9;
      const to = Number(item.dataset.toNs) / 1e9;
      const margin = Math.max((to - from) * 0.15, to > from ? 0 : 0.05, 1e-4);
      item.append(" ", make("button", { type: "button", class: "show", onclick: () => {
        group.zoom(from - margin, to + margin);
        root.scrollIntoView({ block: "start" });
      } }, "show in the panels"));
    }
  }

  async function start() {
    const root = document.getElementById("panels");
    const packed = document.getElementById("panel-columns");
    const described = document.getElementById("panel-info");
    if (!root || !packed || typeof DecompressionStream === "undefined") return;
    const info = JSON.parse(described.textContent);
    const bytes = await tcpexp.inflate(packed.textContent.trim());
    packed.textContent = "";
    const group = new tcpexp.Group(info, new tcpexp.Data(info, bytes), root);
    tcpexp.group = group;
    document.documentElement.classList.add("js");
    root.hidden = false;
    const fillAll = () => group.panels.forEach((panel) => panel.fill());
    const plots = make("div", { class: "plots", tabindex: "0", role: "group", "aria-label": "Panels: arrow keys move, + and - zoom, 0 shows the whole run, n and p step through packets" });
    root.querySelector(".stage").append(tcpexp.toolbar(group, fillAll), plots, tcpexp.pinBoard(group));
    for (const each of info.panels) plots.append(place(group, each));
    new ResizeObserver(() => group.panels.forEach((panel) => panel.width() !== panel.plot.width && panel.resize())).observe(plots);
    group.redraw();
    linkEvidence(group, root);
    addEventListener("keydown", (event) => {
      if (/^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
      if ((event.target === document.body || root.contains(event.target)) && group.key(event)) event.preventDefault();
    });
    for (const query of ["(prefers-color-scheme: dark)"]) {
      matchMedia(query).addEventListener("change", () => {
        group.colors.clear();
        group.panels.forEach((panel) => panel.plot.redraw(false, true));
      });
    }
    root.dataset.ready = "yes";
  }

  start().catch((error) => {
    document.documentElement.classList.remove("js");
    const root = document.getElementById("panels");
    root.hidden = true;
    console.error(`the panels could not be drawn: ${error && error.message}`);
  });
})((window.tcpexp = window.tcpexp || {}));
