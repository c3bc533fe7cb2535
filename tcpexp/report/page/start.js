// Puts the panels on the page once it is there. Without script, and in print, the static figures stand in for them.
"use strict";
(function (tcpexp) {
  const { make } = tcpexp;

  function place(group, info) {
    const drawing = make("div", { class: "plot" });
    const panel = new tcpexp.Panel(group, info, drawing);
    panel.heading = make("h3", {}, info.title);
    panel.readout = make("output", { class: "readout" });
    const switches = tcpexp.layerSwitches(group, panel);
    const element = make("section", { class: "panel", id: `panel-${info.id}`, "aria-label": info.title }, make("div", { class: "panel-head" }, panel.heading, panel.readout), switches.row, drawing, make("p", { class: "soft" }, info.note));
    panel.fill = switches.fill;
    panel.made = ({ over }) => {
      over.addEventListener("click", () => group.hovered && group.pin(group.hovered));
      over.addEventListener("wheel", (event) => {
        if (!(event.ctrlKey || event.metaKey || event.shiftKey)) return; // the page itself scrolls
        event.preventDefault();
        const about = panel.plot.posToVal(event.clientX - over.getBoundingClientRect().left, "x");
        group.scale((event.deltaY || event.deltaX) > 0 ? 1.25 : 0.8, about);
      }, { passive: false });
    };
    drawing.style.minHeight = `${info.height}px`; // its place is kept until it is drawn
    group.panels.push(panel);
    return element;
  }

  /** Draw panels as they come near the window; the others once the browser has nothing else to do, so that they are there when scrolled to. */
  function drawWhenNear(group, root) {
    const owner = new Map(group.panels.map((panel) => [panel.element, panel]));
    const watch = new IntersectionObserver((seen) => {
      for (const each of seen) owner.get(each.target)[each.isIntersecting ? "show" : "rest"]();
    }, { rootMargin: "15% 0px" });
    owner.forEach((_, element) => watch.observe(element));
    const idle = window.requestIdleCallback || ((act) => setTimeout(act, 200));
    const next = () => {
      const panel = group.panels.find((each) => !each.plot);
      if (!panel) {
        root.dataset.drawn = "all";
        return;
      }
      panel.show();
      panel.rest();
      idle(next);
    };
    setTimeout(() => idle(next), 500); // the page itself first
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
    if (!root || !packed) return;
    if (typeof DecompressionStream === "undefined") throw new Error("this browser has no DecompressionStream");
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
    new ResizeObserver(() => group.panels.forEach((panel) => panel.plot && panel.width() !== panel.plot.width && panel.redraw())).observe(plots);
    group.redraw();
    drawWhenNear(group, root);
    linkEvidence(group, root);
    addEventListener("keydown", (event) => {
      if (/^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
      if ((event.target === document.body || root.contains(event.target)) && group.key(event)) event.preventDefault();
    });
    for (const query of ["(prefers-color-scheme: dark)"]) {
      matchMedia(query).addEventListener("change", () => {
        group.colors.clear();
        group.panels.forEach((panel) => panel.repaint());
      });
    }
    root.dataset.ready = "yes";
  }

  start().catch((error) => {
    document.documentElement.classList.remove("js");
    document.documentElement.classList.add("figures-too");
    const root = document.getElementById("panels");
    root.hidden = true;
    console.error(`the panels could not be drawn: ${error && error.message}`);
  });
})((window.tcpexp = window.tcpexp || {}));
