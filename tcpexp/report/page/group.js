// All panels of a page: one time range, one pointer, one set of switches; keys and buttons.
"use strict";
(function (tcpexp) {
  const SHORTEST = 2e-6; // seconds: deeper than single segments

  tcpexp.Group = class {
    constructor(info, data, root) {
      this.info = info;
      this.data = data;
      this.root = root;
      this.whole = info.span.map((each) => each / 1e9);
      this.range = info.view.map((each) => each / 1e9);
      this.history = [];
      this.on = { marks: true, bands: true, phases: true };
      this.off = new Set(); // "panel\u0000label" of layers, "flow\u0000name" of flows
      this.connection = info.connections.length ? info.connections[0].id : "";
      this.marks = info.marks.map((each) => ({ x: each.t / 1e9, label: each.label, color: each.kind === "fault" ? "--alarm" : "--soft" }));
      this.colors = new Map();
      this.panels = [];
      this.pinned = null;
      this.box = null; // a vertical range that was drawn with the pointer
      for (const panel of info.panels) for (const layer of panel.layers) if (!layer.on) this.off.add(`${panel.id}\u0000${layer.label}`);
    }

    color(name) {
      if (!this.colors.has(name)) this.colors.set(name, getComputedStyle(document.documentElement).getPropertyValue(name).trim() || "#888");
      return this.colors.get(name);
    }

    shows(panel, layer) {
      if (layer.connection && layer.connection !== this.connection) return false;
      return !this.off.has(`${panel.id}\u0000${layer.label}`) && !(layer.flow && this.off.has(`flow\u0000${layer.flow}`));
    }

    /** Return what is shaded behind a panel: [from, to, colour, whether only a strip at the top]; no phase under `shortest` seconds. */
    shades(panel, shortest) {
      const shades = this.on.bands ? this.info.bands.map((band) => [band.from / 1e9, band.to / 1e9, "--s6", true]) : [];
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
      for (const panel of this.panels) panel.redraw();
      this.changed();
    }

    changed() {
      if (this.ontime) this.ontime();
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

    /** The pointer is over a panel: show the time in all, and what it points at. */
    point(panel, seconds, left, top) {
      this.moving = true;
      for (const each of this.panels) {
        if (each !== panel) each.follow(seconds);
        else if (each.readout) each.readout.textContent = each.values(seconds);
      }
      this.moving = false;
      this.hovered = panel.nearest(left, top);
      tcpexp.showTip(this, panel, left, top, seconds);
    }

    leave() {
      this.hovered = null;
      tcpexp.hideTip();
      this.moving = true;
      for (const each of this.panels) each.follow(null);
      this.moving = false;
    }

    words(hit) {
      return this.data.table(hit.table).kind === "packets" ? tcpexp.packetWords(this.data, hit.table, hit.row) : tcpexp.sampleWords(this.data, hit.table, hit.row);
    }

    /** Keep a point's facts on the page; null lets go. */
    pin(hit) {
      this.pinned = hit;
      if (this.onpin) this.onpin(hit);
      for (const panel of this.panels) panel.repaint();
    }

    /** Pin the next packet of the chosen connection after the pinned one (or before it), and bring it into view. */
    step(by) {
      const panel = this.panels.find((each) => each.info.id === "sequence");
      if (!panel) return;
      const layers = panel.layers().filter((layer) => layer.table === this.connection && layer.fit);
      const times = this.data.column(this.connection, "t");
      const shown = new Map();
      for (const layer of layers) {
        const found = this.data.points(layer);
        found.x.forEach((_, i) => shown.has(found.row[i]) || shown.set(found.row[i], [layer, i]));
      }
      let row = this.pinned && this.pinned.table === this.connection ? this.pinned.row + by : tcpexp.firstAtLeast(times, this.range[0]);
      while (row >= 0 && row < times.length && !shown.has(row)) row += by;
      if (!shown.has(row)) return;
      const [layer, i] = shown.get(row);
      const hit = panel.hit(layer, this.data.points(layer), i);
      const [from, to] = this.range;
      if (hit.x < from || hit.x > to) this.zoom(hit.x - (to - from) / 2, hit.x + (to - from) / 2, false);
      this.pin(hit);
    }

    /** Return whether a key was one of ours. */
    key(event) {
      if (event.ctrlKey || event.metaKey || event.altKey) return false;
      const actions = {
        ArrowLeft: () => this.pan(-0.2), ArrowRight: () => this.pan(0.2), "+": () => this.scale(0.5), "=": () => this.scale(0.5), "-": () => this.scale(2), _: () => this.scale(2),
        0: () => this.reset(), Home: () => this.reset(), Backspace: () => this.back(), n: () => this.step(1), p: () => this.step(-1), Escape: () => this.pin(null),
      };
      const action = actions[event.key];
      if (action) action();
      return Boolean(action);
    }
  };
})((window.tcpexp = window.tcpexp || {}));
