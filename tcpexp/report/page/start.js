// Puts the panels on a report's page once it is there. Without script, and in print, the static figures stand in for them.
"use strict";
(function (tcpexp) {
  const { make } = tcpexp;

  /** Give evidence that has a time a button which shows that time in the panels. */
  function linkEvidence(group, section) {
    for (const item of document.querySelectorAll("[data-from-ns]")) {
      const from = Number(item.dataset.fromNs) / 1e9;
      const to = Number(item.dataset.toNs) / 1e9;
      const margin = Math.max((to - from) * 0.15, to > from ? 0 : 0.05, 1e-4);
      item.append(" ", make("button", { type: "button", class: "show", onclick: () => {
        group.show(from - margin, to + margin);
        section.scrollIntoView({ block: "start" });
      } }, "show in the panels"));
    }
  }

  async function start() {
    const section = document.getElementById("panels");
    const packed = document.getElementById("panel-columns");
    if (!section || !packed) return;
    const info = JSON.parse(document.getElementById("panel-info").textContent);
    document.documentElement.classList.add("js");
    section.hidden = false;
    const { group } = await tcpexp.mountPanels(section.querySelector(".stage"), info, packed.textContent, { keysOfPage: true });
    packed.textContent = "";
    tcpexp.group = group; // the page's own panels, for other scripts of the page
    group.listen("drawn", () => (section.dataset.drawn = "all"));
    linkEvidence(group, section);
    const packets = document.getElementById("packets");
    if (packets) tcpexp.startPackets(packets, group);
    section.dataset.ready = "yes";
  }

  start().catch((error) => {
    document.documentElement.classList.remove("js");
    document.documentElement.classList.add("figures-too");
    document.getElementById("panels").hidden = true;
    console.error(`the panels could not be drawn: ${error && error.message}`);
  });
})((window.tcpexp = window.tcpexp || {}));
