// What the reader handles: buttons, switches for layers and flows, the choice of a connection, the tip and the pinned packet.
"use strict";
(function (tcpexp) {
  /** Return an element with attributes, `on...` listeners and children (elements or texts). */
  const make = (tcpexp.make = function (tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else if (value !== false && value !== null) element.setAttribute(name, value === true ? "" : value);
    }
    element.append(...children.filter((each) => each !== null));
    return element;
  });

  const GLYPHS = { x: "×", tick: "ǀ", o: "○", s: "□", d: "◇", v: "▽", "^": "△", F: "+" };
  const glyph = (layer) => (layer.kind === "points" && GLYPHS[layer.marker]) || "";
  const look = (layer) => (glyph(layer) ? "glyph" : layer.dash.length ? "dashed" : layer.kind === "points" ? "dot" : ["bars", "area", "spans"].includes(layer.kind) ? "block" : "");

  /** Return the key of a layer: how it is drawn, in its colour. Of no layer there is none. */
  tcpexp.swatch = (layer, color = layer && layer.color) => (layer ? keyOf(color, look(layer), glyph(layer)) : "");

  function keyOf(color, form, sign = "") {
    const key = make("span", { class: `swatch ${form}`, "aria-hidden": "true" }, sign);
    key.style.setProperty("--swatch", `var(${color})`);
    return key;
  }

  /** Return a switch; `change` is told whether it is on. */
  function toggle(text, on, change, { key = null, title = "" } = {}) {
    const button = make("button", { type: "button", class: "toggle", "aria-pressed": String(on), title, onclick: () => {
      const now = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", String(now));
      change(now);
    } });
    button.append(...(key ? [key, text] : [text]));
    return button;
  }

  /** Return the switches of a panel's layers: one per label. */
  tcpexp.layerSwitches = function (group, panel) {
    const row = make("div", { class: "toggles", role: "group", "aria-label": `Layers of ${panel.info.title}` });
    const fill = () => {
      row.replaceChildren();
      const seen = new Set();
      for (const layer of panel.info.layers) {
        if (seen.has(layer.label) || (layer.connection && layer.connection !== group.connection)) continue;
        seen.add(layer.label);
        const key = `${panel.info.id}\u0000${layer.label}`;
        const shared = layer.flow && Object.keys(group.info.flows).length > 1 && layer.color !== "--alarm";
        row.append(toggle(layer.label, !group.off.has(key), (on) => {
          group.off[on ? "delete" : "add"](key);
          group.switched();
        }, { key: panel.info.lanes.length ? null : tcpexp.swatch(layer, shared ? "--soft" : layer.color), title: layer.help }));
      }
      if (panel.info.lanes.length) row.append(...colours(panel));
    };
    fill();
    return { row, fill };
  };

  /** Return the legend of a strip: what its colours mean. */
  function colours(panel) {
    const seen = new Map();
    for (const layer of panel.info.layers) panel.group.data.table(layer.table).columns.code.words.forEach((word, i) => seen.set(word, layer.palette[i]));
    return [...seen].map(([word, color]) => {
      return make("span", { class: "key" }, keyOf(color, "block"), word.replaceAll("_", " "));
    });
  }

  /** Return the bar above all panels: zoom buttons, flows, marks, connection. */
  tcpexp.toolbar = function (group, fillAll) {
    const button = (text, title, act) => make("button", { type: "button", title, onclick: act }, text);
    const time = make("output", { class: "time" });
    group.listen("range", ([from, to]) => {
      const digits = Math.max(3, Math.min(9, Math.ceil(-Math.log10(to - from)) + 3));
      time.textContent = `${from.toFixed(digits)} s to ${to.toFixed(digits)} s`;
    });
    const zooms = make("div", { class: "buttons" },
      button("Whole run", "Show all packets (key 0, or double-click)", () => group.reset()), duration(group),
      button("Back", "The range before (Backspace)", () => group.back()),
      button("−", "Zoom out (key -)", () => group.scale(2)),
      button("+", "Zoom in (key +)", () => group.scale(0.5)),
      button("←", "Earlier (left arrow)", () => group.pan(-0.2)),
      button("→", "Later (right arrow)", () => group.pan(0.2)), time);
    const switches = make("div", { class: "toggles", role: "group", "aria-label": "Flows and marks" });
    const flows = Object.entries(group.info.flows);
    for (const [name, color] of flows.length > 1 ? flows : []) {
      switches.append(toggle(name, true, (on) => { group.off[on ? "delete" : "add"](`flow\u0000${name}`); group.switched(); }, { key: keyOf(color, "block"), title: `Show ${name}` }));
    }
    const more = [["marks", group.info.marks.some((each) => each.kind === "fault") ? "actions and faults" : "actions", group.marks.length], ["bands", "actions in force", group.info.bands.length], ["phases", "phases behind cwnd", group.info.panels.some((each) => each.layers.some((layer) => layer.label === "phase")), "Those of the first flow that is switched on"]];
    for (const [key, text, there, title = ""] of more) if (there) switches.append(toggle(text, true, (on) => { group.on[key] = on; group.switched(); }, { title }));
    const bar = make("div", { class: "toolbar" }, make("div", { class: "times" }, zooms, tcpexp.overview(group)), switches);
    if (group.info.connections.length > 1) {
      const choice = make("select", { "aria-label": "Connection", onchange: () => group.choose(choice.value) },
        ...group.info.connections.map((each) => make("option", { value: each.id }, each.label)));
      switches.prepend(make("label", { class: "choice" }, "Packets of ", choice));
      group.listen("connection", (id) => {
        choice.value = id;
        fillAll();
      });
    }
    return bar;
  };

  /** Return the switch between the part that has packets and the whole duration; null where both are the same. */
  function duration(group) {
    const [[start, end], [first, last]] = [group.busy, group.duration];
    if (start === first && end === last) return null;
    const beyond = group.marks.filter((mark) => mark.x < start || mark.x > end).length;
    const more = beyond ? `, ${beyond} ${beyond === 1 ? "mark" : "marks"} more` : "";
    const title = `Packets are between ${tcpexp.moment(start, 2)} and ${tcpexp.moment(end, 2)}. The run lasts from ${tcpexp.moment(first, 0)} to ${tcpexp.moment(last, 2)}${more}.`;
    const choice = toggle(`Whole duration: ${tcpexp.quantity((last - first) * 1e9, "ns")}${more}`, false, (on) => group.widen(on), { title });
    group.listen("whole", (on) => choice.setAttribute("aria-pressed", String(on)));
    choice.classList.add("plain");
    return choice;
  }

  function listed(lines) {
    const list = make("dl", { class: "facts" });
    for (const [name, value] of lines) list.append(make("dt", {}, name), make("dd", {}, value));
    return list;
  }

  /** Show what is pointed at beside the pointer; nothing when no point is near. */
  tcpexp.tips = function (group) {
    const tip = make("div", { class: "tip", role: "tooltip", hidden: true });
    group.ondestroy(() => tip.remove());
    group.listen("point", (hit, seconds, panel, left, top) => {
      tip.hidden = !hit;
      if (!hit) return;
      if (!tip.isConnected) document.body.append(tip);
      tip.replaceChildren(make("strong", {}, hit.layer.label), listed(group.words(hit)));
      const box = panel.plot.over.getBoundingClientRect();
      const right = box.left + left + 18 + tip.offsetWidth > innerWidth;
      tip.style.left = `${scrollX + Math.max(4, box.left + left + (right ? -18 - tip.offsetWidth : 18))}px`;
      tip.style.top = `${scrollY + Math.max(4, Math.min(box.top + top - 20, innerHeight - tip.offsetHeight - 8))}px`;
    });
  };

  /** Return the place where a pinned point's facts stand, read aloud when they change. */
  tcpexp.pinBoard = function (group) {
    const empty = "Point at a packet to see it; click to keep it here, or step through the packets with the keys n and p.";
    const board = make("div", { class: "pinned", "aria-live": "polite" }, empty);
    group.listen("pin", (hit) => {
      if (!hit) {
        board.replaceChildren(empty);
        return;
      }
      const { kind, facts } = group.data.table(hit.table);
      const lines = group.words(hit);
      board.replaceChildren(listed(lines));
      if (kind === "packets") board.append(make("p", {}, "In Wireshark: ", make("code", {}, `wireshark -g ${group.data.column(hit.table, "number")[hit.row]} ${facts.folder || ""}raw/${facts.capture}.pcap`)));
      const packet = group.packetOf(hit);
      if (packet && !packet.run && document.getElementById("packets")) board.append(make("button", { type: "button", "data-capture": packet.capture, "data-packet": packet.number }, "Show in the list"), " ");
      board.append(make("button", { type: "button", onclick: () => group.pin(null) }, "Let go (Esc)"));
    });
    return board;
  };
})((window.tcpexp = window.tcpexp || {}));
