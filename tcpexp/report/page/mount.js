// Puts panels into an element of a page: any page, any number of times. What two mounts show or listen to is never shared.
"use strict";
(function (tcpexp) {
  const { make } = tcpexp;
  const KEYS = "arrow keys move, + and - zoom, 0 shows the whole run, n and p step through packets";

  /** Return a panel's element; the panel is drawn later, when it comes near the window. */
  function place(group, info) {
    const drawing = make("div", { class: "plot" });
    const panel = new tcpexp.Panel(group, info, drawing);
    panel.heading = make("h3", {}, info.title);
    panel.readout = make("div", { class: "values" }); // over the switches where it is long, never over the plot
    panel.lockButton = info.lanes.length ? null : make("button", { type: "button", class: "lock", "aria-pressed": "false", title: "Keep the vertical axis as it is (key l); otherwise it follows the zoom", onclick: () => panel.locked(!panel.lock) }, "lock y");
    const switches = tcpexp.layerSwitches(group, panel);
    const id = `panel-${info.id}`;
    const element = make("section", { class: "panel", id: document.getElementById(id) ? null : id, "data-panel": info.id, "aria-label": info.title }, make("div", { class: "panel-head" }, panel.heading, make("div", { class: "readout" }, panel.readout), panel.lockButton), switches.row, drawing, make("p", { class: "soft" }, info.note));
    panel.fill = switches.fill;
    panel.made = ({ over }) => {
      tcpexp.touch(group, over);
      over.addEventListener("click", (event) => {
        if (group.hovered && group.hovered.table) group.pin(group.hovered);
        if (event.pointerType === "touch") group.tell("point", null, null); // the finger is gone: no tip
      });
      over.addEventListener("wheel", (event) => {
        if (!(event.ctrlKey || event.metaKey || event.shiftKey)) return; // the page itself scrolls
        event.preventDefault();
        const about = panel.plot.posToVal(event.clientX - over.getBoundingClientRect().left, "x");
        group.scale((event.deltaY || event.deltaX) > 0 ? 1.25 : 0.8, about);
      }, { passive: false });
    };
    drawing.style.minHeight = `${panel.height}px`; // its place is kept until it is drawn
    group.panels.push(panel);
    return element;
  }

  /** Draw panels as they come near the window; the others once the browser has nothing else to do, so that they are there when scrolled to. */
  function drawWhenNear(group) {
    const owner = new Map(group.panels.map((panel) => [panel.element, panel]));
    const watch = new IntersectionObserver((seen) => {
      for (const each of seen) owner.get(each.target)[each.isIntersecting ? "show" : "rest"]();
    }, { rootMargin: "15% 0px" });
    owner.forEach((_, element) => watch.observe(element));
    const idle = window.requestIdleCallback || ((act) => setTimeout(act, 200));
    const next = () => {
      if (group.destroyed) return;
      const panel = group.panels.find((each) => !each.plot);
      if (!panel) {
        group.root.dataset.drawn = "all";
        group.tell("drawn");
        return;
      }
      panel.show();
      panel.rest();
      idle(next);
    };
    setTimeout(() => idle(next), 500); // the page itself first
    group.ondestroy(() => watch.disconnect());
  }

  /** Follow what the page does: its width, its colours, its keys. */
  function follow(group, plots, keysOfPage) {
    const resized = new ResizeObserver(() => {
      if (group.measure()) group.panels.forEach((panel) => panel.again());
      group.panels.forEach((panel) => panel.plot && panel.width() !== panel.plot.width && panel.redraw());
    });
    resized.observe(plots);
    const pressed = (event) => {
      if (/^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName) || event.target.isContentEditable) return;
      const ours = group.root.contains(event.target) || (keysOfPage && event.target === document.body);
      if (ours && group.key(event)) event.preventDefault();
    };
    addEventListener("keydown", pressed);
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const recolour = () => group.recolour();
    dark.addEventListener("change", recolour);
    group.ondestroy(() => {
      resized.disconnect();
      removeEventListener("keydown", pressed);
      dark.removeEventListener("change", recolour);
    });
  }

  /**
   * Put panels into `root`, an empty element. `info` and `packed` are what `panel_pages` (Python) returns: the description and the columns.
   * `keysOfPage`: keys that are pressed while nothing has the focus act on these panels too (of one mount per page).
   * Returns a promise of {group, destroy}: `group` is a tcpexp.Group; `destroy()` leaves `root` empty and stops listening.
   */
  tcpexp.mountPanels = async function (root, info, packed, { keysOfPage = false } = {}) {
    if (typeof DecompressionStream === "undefined") throw new Error("this browser has no DecompressionStream");
    const group = new tcpexp.Group(info, new tcpexp.Data(info, await tcpexp.inflate(packed.trim())), root);
    const fillAll = () => group.panels.forEach((panel) => panel.fill());
    const plots = make("div", { class: "plots", tabindex: "0", role: "group", "aria-label": `Panels: ${KEYS}` });
    const parts = [tcpexp.toolbar(group, fillAll), plots, tcpexp.pinBoard(group)];
    root.classList.add("stage");
    root.append(...parts);
    group.measure();
    for (const each of info.panels) plots.append(place(group, each));
    tcpexp.tips(group);
    follow(group, plots, keysOfPage);
    group.redraw();
    drawWhenNear(group);
    root.dataset.ready = "yes";
    const destroy = () => {
      group.destroy();
      parts.forEach((part) => part.remove());
      for (const name of ["ready", "drawn", "from", "to"]) delete root.dataset[name];
    };
    return { group, destroy };
  };
})((window.tcpexp = window.tcpexp || {}));
