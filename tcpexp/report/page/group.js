// All panels of a mount: one time range, one pointer, one set of switches; keys and buttons.
"use strict";
(function (tcpexp) {
  const SHORTEST = 2e-6; // seconds: deeper than single segments

  tcpexp.Group = class {
    constructor(info, data, root) {
      this.info = info;
      this.data = data;
      this.root = root;
      this.duration = info.span.map((each) => each / 1e9);
      this.busy = info.view.map((each) => each / 1e9); // where packets are
      this.whole = this.busy; // as far as one can go: widen() makes it the whole duration
      this.range = this.busy;
      this.history = [];
      this.on = { marks: true, bands: true, phases: true };
      this.off = new Set(); // "panel\u0000label" of layers, "flow\u0000name" of flows
      this.connection = info.connections.length ? info.connections[0].id : "";
      this.marks = info.marks.map((each) => ({ x: each.t / 1e9, label: each.label, kind: each.kind, color: each.kind === "fault" ? "--ink" : "--soft" }));
      this.colors = new Map();
      this.panels = [];
      this.pinned = null;
      this.at = null; // the time at which the panels' values are read
      this.over = null; // the panel under the pointer
      this.box = null; // a vertical range that was drawn with the pointer
      this.hovered = null;
      this.listeners = new Map();
      this.endings = [];
      this.destroyed = false;
      for (const panel of info.panels) for (const layer of panel.layers) if (!layer.on) this.off.add(`${panel.id}\u0000${layer.label}`);
    }

    /**
     * Call `act` when something happens; returns a function that ends this. `what` is one of
     * "range" ([from, to] in seconds), "pin" (a hit or null), "point" (a hit or null, and the pointer's time or null),
     * "connection" (its id), "whole" (whether the axis reaches over the whole duration), "switch" (nothing: layers, flows or marks were switched) and "drawn" (nothing: all panels are, once).
     * A hit is {panel, layer, table, row, x, y}; of a packet, `packetOf` says capture and number.
     */
    listen(what, act) {
      if (!this.listeners.has(what)) this.listeners.set(what, new Set());
      this.listeners.get(what).add(act);
      return () => this.listeners.get(what).delete(act);
    }

    tell(what, ...values) {
      for (const act of this.listeners.get(what) || []) act(...values);
    }

    /** Call `act` when the panels are taken away. */
    ondestroy(act) {
      this.endings.push(act);
    }

    destroy() {
      this.destroyed = true;
      for (const act of this.endings.splice(0)) act();
      for (const panel of this.panels.splice(0)) if (panel.plot) panel.plot.destroy();
      this.listeners.clear();
    }

    /** Settle how much room the axes have: less on a phone. Returns whether it changed. */
    measure() {
      const narrow = this.root.clientWidth > 0 && this.root.clientWidth < 560;
      if (narrow === this.narrow) return false;
      this.narrow = narrow;
      this.axis = narrow ? 46 : 70; // CSS pixels left of every panel, so that all time axes line up
      this.side = narrow ? 14 : 26; // and right of it
      this.root.style.setProperty("--axis", `${this.axis}px`);
      this.root.style.setProperty("--side", `${this.side}px`);
      return true;
    }

    color(name) {
      if (!this.colors.has(name)) this.colors.set(name, getComputedStyle(this.root).getPropertyValue(name).trim() || "#888");
      return this.colors.get(name);
    }

    /** Read the colours again and draw with them: the page has become dark or light. */
    recolour() {
      this.colors.clear();
      this.panels.forEach((panel) => panel.repaint());
      this.tell("colours");
    }

    shows(panel, layer) {
      if (layer.connection && layer.connection !== this.connection) return false;
      return !this.off.has(`${panel.id}\u0000${layer.label}`) && !(layer.flow && this.off.has(`flow\u0000${layer.flow}`));
    }

    /** Return what is shaded behind a panel: [from, to, colour, whether only a strip at the top]; no phase under `shortest` seconds. */
    shades(panel, shortest) {
      const shades = this.on.bands ? this.info.bands.map((band) => [band.from / 1e9, band.to / 1e9, "--soft", true]) : [];
      if (panel.id !== "cwnd" || !this.on.phases) return shades;
      const strip = this.info.panels.find((each) => each.id === "states");
      const layer = strip && strip.layers.find((each) => each.label === "phase" && !this.off.has(`flow\u0000${each.flow}`));
      if (!layer) return shades;
      const found = this.data.points(layer);
      for (let i = Math.max(0, tcpexp.firstAtLeast(found.x, this.range[0]) - 1); i < found.x.length && found.x[i] <= this.range[1]; i++) {
        if (found.to[i] - found.x[i] >= shortest) shades.push([found.x[i], found.to[i], layer.palette[found.y[i]] || "--soft", false]);
      }
      return shades;
    }

    /** Show a range of time in all panels; the one before can be had back. `box`: one panel's vertical range, {panel, range}. */
    zoom(from, to, remember = true, box = null) {
      const [first, last] = this.whole;
      const long = Math.min(last - first, Math.max(SHORTEST, to - from));
      const start = Math.max(first, Math.min(last - long, (from + to - long) / 2));
      if (remember) this.history.push(this.range);
      this.range = [start, start + long];
      this.box = box;
      this.redraw();
    }

    /** Let the axis reach over the whole duration, or only over the part that has packets; show all of it. */
    widen(on) {
      this.whole = on ? this.duration : this.busy;
      this.tell("whole", on);
      this.reset();
    }

    /** Show a range wherever it is, also where there are no packets. */
    show(from, to) {
      if (from < this.busy[0] || to > this.busy[1]) {
        this.whole = this.duration;
        this.tell("whole", true);
      }
      this.zoom(from, to);
    }

    back() {
      if (this.history.length) this.zoom(...this.history.pop(), false);
    }

    reset() {
      this.zoom(...this.whole);
    }

    pan(part) {
      const [from, to] = this.range;
      this.zoom(from + part * (to - from), to + part * (to - from), false);
    }

    scale(factor, about) {
      const [from, to] = this.range;
      const at = about === undefined ? (from + to) / 2 : about;
      this.zoom(at - (at - from) * factor, at + (to - at) * factor);
    }

    redraw() {
      this.measure();
      for (const panel of this.panels) panel.redraw();
      this.changed();
    }

    /** Layers, flows or marks were switched. */
    switched() {
      this.redraw();
      this.tell("switch");
    }

    changed() {
      this.followLater();
      this.tell("range", this.range);
      this.root.dataset.from = this.range[0];
      this.root.dataset.to = this.range[1];
    }

    /** Move the range with the pointer until its button is released. */
    drag(event, plot) {
      const [from, to] = this.range;
      const perPixel = (to - from) / plot.over.clientWidth;
      const move = (now) => this.zoom(from - (now.clientX - event.clientX) * perPixel, to - (now.clientX - event.clientX) * perPixel, false);
      const stop = () => {
        removeEventListener("mousemove", move);
        removeEventListener("mouseup", stop);
      };
      addEventListener("mousemove", move);
      addEventListener("mouseup", stop);
      event.preventDefault();
      return null;
    }

    /** The pointer is over a panel: show its time in all panels, and what it points at. */
    point(panel, seconds, left, top) {
      this.over = panel;
      this.follow(seconds, panel);
      this.hovered = panel.nearest(left, top);
      this.tell("point", this.hovered, seconds, panel, left, top);
    }

    leave() {
      this.over = null;
      this.hovered = null;
      this.tell("point", null, null);
      this.follow(this.pinned ? this.pinned.x : null);
    }

    /** Read all panels' values at a time and put their cursors there; `pointed` has its cursor already, at a pinned point a line is painted. */
    follow(seconds, pointed = null) {
      this.at = seconds;
      this.moving = true;
      for (const each of this.panels) each.follow(seconds, each === pointed, pointed !== null);
      this.moving = false;
    }

    /** Read the values again once the panels have their new range: the pointer stands at another time now. */
    followLater() {
      if (this.waiting || (this.at ?? null) === null) return;
      this.waiting = true;
      requestAnimationFrame(() => {
        this.waiting = false;
        const { plot } = this.over || {};
        this.follow(plot ? plot.posToVal(plot.cursor.left, "x") : this.at, plot ? this.over : null);
      });
    }

    words(hit) {
      if (hit.mark) return [[tcpexp.moment(hit.x, 6), hit.mark.label]];
      return this.data.table(hit.table).kind === "packets" ? tcpexp.packetWords(this.data, hit.table, hit.row) : tcpexp.sampleWords(this.data, hit.table, hit.row);
    }

    /** Keep a point's facts on the page; null lets go. */
    pin(hit) {
      this.pinned = hit;
      for (const panel of this.panels) panel.repaint();
      this.follow(hit ? hit.x : null);
      this.tell("pin", hit);
    }

    /** Return capture and frame number of a hit that is a packet, else null. */
    packetOf(hit) {
      const table = hit && hit.table && this.data.table(hit.table);
      return table && table.kind === "packets" ? { capture: table.facts.capture, run: table.facts.run || "", number: this.data.column(hit.table, "number")[hit.row] } : null;
    }

    /** Choose the connection whose packets are shown. */
    choose(connection) {
      if (connection === this.connection) return;
      this.connection = connection;
      this.pin(null);
      this.redraw();
      this.tell("connection", connection);
    }

    /**
     * Pin a packet, choose its connection and bring it into view; returns whether the panels have it.
     * `run` is "A" or "B" where two runs are shown.
     */
    pinPacket(capture, number, run = "") {
      for (const { id } of this.info.connections) {
        for (const table of this.tablesOf(id)) {
          const { facts } = this.data.table(table);
          if (facts.capture !== capture || (run && facts.run !== run)) continue;
          const row = this.data.column(table, "number").indexOf(number);
          if (row < 0) continue;
          this.choose(id);
          return this.pinRow(table, row);
        }
      }
      return false;
    }

    /** Return the tables of packets that a connection's layers draw from: one, or one of each run. */
    tablesOf(connection) {
      const tables = new Set();
      for (const panel of this.info.panels) for (const layer of panel.layers) if (layer.connection === connection && this.data.table(layer.table).kind === "packets") tables.add(layer.table);
      return tables;
    }

    /** Return where the time-sequence graph draws a packet, or null. */
    drawn(table, row) {
      const panel = this.panels.find((each) => each.info.id === "sequence");
      for (const layer of panel ? panel.layers() : []) {
        if (layer.table !== table || !layer.fit) continue;
        const found = this.data.points(layer);
        const i = found.row ? tcpexp.firstAtLeast(found.row, row) : row;
        if (i < found.x.length && (!found.row || found.row[i] === row) && found.y[i] >= 0) return panel.hit(layer, found, i);
      }
      return null;
    }

    pinRow(table, row) {
      const hit = this.drawn(table, row);
      if (!hit) return false;
      const [from, to] = this.range;
      if (hit.x < from || hit.x > to) this.zoom(hit.x - (to - from) / 2, hit.x + (to - from) / 2, false);
      this.pin(hit);
      return true;
    }

    /** Pin the next packet of the chosen connection after the pinned one (or before it), and bring it into view. */
    step(by) {
      const table = this.pinned && this.data.table(this.pinned.table).kind === "packets" ? this.pinned.table : [...this.tablesOf(this.connection)][0];
      if (!table) return;
      const times = this.data.column(table, "t");
      let row = this.pinned && this.pinned.table === table ? this.pinned.row + by : tcpexp.firstAtLeast(times, this.range[0]);
      while (row >= 0 && row < times.length && !this.pinRow(table, row)) row += by;
    }

    /** Return whether a key was one of ours. */
    key(event) {
      if (event.ctrlKey || event.metaKey || event.altKey) return false;
      const lock = () => {
        const panel = this.panels.find((each) => each.element.closest("section").contains(event.target)) || this.over;
        const panels = panel ? [panel] : this.panels;
        const on = !panels.every((each) => each.lock || each.info.lanes.length);
        panels.forEach((each) => each.locked(on));
      };
      const actions = {
        ArrowLeft: () => this.pan(-0.2), ArrowRight: () => this.pan(0.2), "+": () => this.scale(0.5), "=": () => this.scale(0.5), "-": () => this.scale(2), _: () => this.scale(2),
        0: () => this.reset(), Home: () => this.reset(), Backspace: () => this.back(), n: () => this.step(1), p: () => this.step(-1), Escape: () => this.pin(null), l: lock,
      };
      const action = actions[event.key];
      if (action) action();
      return Boolean(action);
    }
  };
})((window.tcpexp = window.tcpexp || {}));
