// One panel: a uPlot frame (axes, scales, pointer, selection) whose layers are painted by paint.js.
"use strict";
(function (tcpexp) {
  const AXIS = 70; // CSS pixels left of every panel, so that all time axes line up
  const REACH = 14; // CSS pixels around the pointer in which a point counts as pointed at
  const MOST_TRIED = 6000;

  /** Return how many digits after the point tell multiples of `step` apart. */
  function decimals(step) {
    let digits = 0;
    while (digits < 9 && Math.abs(step - Math.round(step * 10 ** digits) / 10 ** digits) > step * 1e-6) digits++;
    return digits;
  }

  tcpexp.Panel = class {
    /** `group` is the page's tcpexp.Group: it holds the time range, what is switched on, and what is pointed at. */
    constructor(group, info, element) {
      this.group = group;
      this.info = info;
      this.element = element;
      this.unit = [1, ""];
      this.plot = null; // made when the panel first comes near the window
      this.near = false;
      this.stale = false; // what is drawn is of another range, or of other layers
    }

    /** Draw the panel, if it is not drawn as it should be; from now on it follows every change. `made` is called with a new plot. */
    show() {
      this.near = true;
      if (!this.plot) {
        this.plot = new uPlot(this.options(), [[0, 1], [null, null]], this.element);
        if (this.made) this.made(this.plot);
        this.redraw();
      } else if (this.stale) this.redraw();
    }

    /** Leave the panel as it is until it is shown again: nobody sees it. */
    rest() {
      this.near = false;
    }

    /** Return the layers that are switched on and belong to the chosen connection. */
    layers() {
      return this.info.layers.filter((layer) => this.group.shows(this.info, layer));
    }

    options() {
      const { group, info } = this;
      const color = (name) => () => group.color(name);
      const axis = { stroke: color("--soft"), grid: { stroke: color("--grid"), width: 1 }, ticks: { stroke: color("--grid"), width: 1, size: 5 }, font: "12px system-ui, sans-serif" };
      const ignore = () => () => null;
      return {
        width: this.width(),
        height: info.height,
        padding: [8, 26, 0, 0],
        legend: { show: false },
        scales: { x: { time: false, auto: false, range: () => group.range }, y: { auto: false, range: () => this.fit() } },
        series: [{}, { scale: "y", show: true, paths: () => null, points: { show: false } }],
        axes: [
          { ...axis, space: 80, size: 34, values: (_, ticks, __, ___, step) => ticks.map((tick) => this.clock(tick, step)) },
          { ...axis, size: AXIS, space: 34, show: true, splits: info.lanes.length ? () => [] : undefined, values: (_, ticks, __, ___, step) => ticks.map((tick) => this.number(tick, step)) },
        ],
        cursor: {
          y: false,
          points: { show: false },
          drag: { x: true, y: !info.zero, uni: 30, setScale: false },
          bind: { dblclick: () => () => group.reset(), mousedown: (plot, target, handle) => (event) => (event.shiftKey && event.button === 0 ? group.drag(event, plot) : handle(event)), mouseleave: (plot, target, handle) => (event) => { handle(event); group.leave(); return null; } },
          focus: { prox: -1 },
        },
        hooks: {
          drawClear: [(plot) => this.paintBehind(plot)],
          draw: [(plot) => this.paint(plot)],
          setSelect: [(plot) => this.selected(plot)],
          setCursor: [(plot) => this.pointed(plot)],
        },
      };
    }

    width() {
      return Math.max(280, this.element.clientWidth);
    }

    clock(tick, step) {
      return `${tick.toFixed(decimals(step))} s`;
    }

    number(tick, step) {
      const shown = tick / this.unit[0];
      const digits = decimals(step / this.unit[0]);
      return shown.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
    }

    /** Return the vertical range for what is in view; layers that do not `fit` get at most half as much room again. */
    fit() {
      if (this.info.lanes.length) {
        this.title();
        return [0, 1];
      }
      const [from, to] = this.group.range;
      let low = Infinity;
      let high = -Infinity;
      let beyond = -Infinity;
      let stack = null;
      for (const layer of this.layers()) {
        if (layer.kind === "level") {
          beyond = Math.max(beyond, layer.value * 1.04);
          continue;
        }
        let found = this.group.data.points(layer);
        if (layer.kind === "rate") found = tcpexp.perSecond(found, from, to);
        const stepped = layer.kind === "step" || layer.kind === "rate" || layer.kind === "area";
        const start = Math.max(0, tcpexp.firstAtLeast(found.x, from) - (stepped ? 1 : 0));
        const end = tcpexp.firstAtLeast(found.x, to);
        if (layer.kind === "area") stack = stack || new Float64Array(found.x.length);
        const blocks = layer.kind === "area" || end - start < 4096 ? null : tcpexp.blocks(found);
        for (let i = start; i < end; i++) {
          let value = found.y[i];
          let top;
          const block = i / tcpexp.BLOCK;
          if (blocks && i % tcpexp.BLOCK === 0 && i + tcpexp.BLOCK <= end && blocks.low[block] >= 0) {
            value = blocks.low[block];
            top = blocks.high[block];
            i += tcpexp.BLOCK - 1;
          } else {
            if (value < 0) continue;
            if (layer.kind === "area") value = stack[i] += value;
            top = found.y2 ? found.y2[i] : value;
          }
          if (!layer.fit) beyond = Math.max(beyond, top);
          else {
            if (value < low) low = value;
            if (top > high) high = top;
          }
        }
      }
      if (high === -Infinity) [low, high] = beyond > 0 ? [0, beyond] : [0, 1];
      if (this.info.zero) low = 0;
      const tall = high - low || Math.max(1, Math.abs(high) * 0.1);
      high = Math.max(high, Math.min(beyond, high + tall * 0.5));
      const margin = (high - low || tall) * 0.06;
      this.unit = tcpexp.axisUnit(high, this.info.unit);
      this.title();
      const box = this.group.box;
      return box && box.panel === this ? box.range : [this.info.zero ? 0 : low - margin, high + margin];
    }

    title() {
      if (this.heading) this.heading.textContent = this.unit[1] && this.info.unit ? `${this.info.title} (${this.unit[1]})` : this.info.title;
    }

    view(plot) {
      const { left, top, width, height } = plot.bbox;
      const [from, to] = this.group.range;
      const { min, max } = plot.scales.y;
      const across = width / (to - from);
      const up = height / (max - min);
      return { from, to, left, top, width, height, across, ratio: devicePixelRatio, lanes: Math.max(1, this.info.lanes.length), stack: [], x: (value) => left + (value - from) * across, y: (value) => top + (max - value) * up, color: (name) => this.group.color(name) };
    }

    clipped(plot, draw) {
      const { left, top, width, height } = plot.bbox;
      plot.ctx.save();
      plot.ctx.beginPath();
      plot.ctx.rect(left, top, width, height);
      plot.ctx.clip();
      draw(plot.ctx, this.view(plot));
      plot.ctx.restore();
    }

    /** Paint bands behind the grid: what was in force, and phases where the panel shades them. */
    paintBehind(plot) {
      this.clipped(plot, (context, view) => {
        for (const [start, end, color, strip] of this.group.shades(this.info, 1 / view.across)) {
          const left = Math.max(view.left, view.x(start));
          const right = Math.min(view.left + view.width, view.x(end));
          if (right - left < (strip ? 0 : view.ratio)) continue; // too short to be seen
          context.globalAlpha = strip ? 0.6 : 0.13;
          context.fillStyle = this.group.color(color);
          context.fillRect(left, view.top, right - left, strip ? 4 * view.ratio : view.height);
          context.globalAlpha = 1;
        }
      });
    }

    paint(plot) {
      this.clipped(plot, (context, view) => {
        for (const layer of this.layers()) tcpexp.paint(context, layer, this.group.data.points(layer), view);
        if (this.group.on.marks) this.paintMarks(context, view);
        this.paintPinned(context, view);
      });
      if (this.info.lanes.length) this.paintLanes(plot);
    }

    paintMarks(context, view) {
      const ratio = view.ratio;
      context.textAlign = "left";
      context.textBaseline = "alphabetic";
      context.font = `${11 * ratio}px system-ui, sans-serif`;
      context.lineWidth = ratio;
      let free = [-Infinity, -Infinity, -Infinity];
      const labelled = view.height > 130 * ratio;
      for (const mark of this.group.marks) {
        if (mark.x < view.from || mark.x > view.to) continue;
        const x = Math.round(view.x(mark.x)) + 0.5;
        context.strokeStyle = this.group.color(mark.color);
        context.setLineDash([4 * ratio, 3 * ratio]);
        context.beginPath();
        context.moveTo(x, view.top);
        context.lineTo(x, view.top + view.height);
        context.stroke();
        context.setLineDash([]);
        const wide = context.measureText(mark.label).width + 10 * ratio;
        const row = free.findIndex((each) => each <= x);
        if (!labelled || row < 0) continue;
        free[row] = x + wide;
        const left = Math.min(x + 4 * ratio, view.left + view.width - wide);
        context.fillStyle = this.group.color("--paper");
        context.globalAlpha = 0.8;
        context.fillRect(left - 2 * ratio, view.top + (1 + 14 * row) * ratio, wide - 4 * ratio, 13 * ratio);
        context.globalAlpha = 1;
        context.fillStyle = this.group.color(mark.color);
        context.fillText(mark.label, left, view.top + (12 + 14 * row) * ratio);
      }
    }

    paintPinned(context, view) {
      const hit = this.group.pinned;
      if (!hit || hit.panel !== this) return;
      context.strokeStyle = this.group.color("--link");
      context.lineWidth = 2 * view.ratio;
      context.beginPath();
      context.arc(view.x(hit.x), view.y(hit.y), 8 * view.ratio, 0, 7);
      context.stroke();
    }

    paintLanes(plot) {
      const { left, top, height } = plot.bbox;
      const ratio = devicePixelRatio;
      const tall = height / this.info.lanes.length;
      plot.ctx.save();
      plot.ctx.font = `${11 * ratio}px system-ui, sans-serif`;
      plot.ctx.fillStyle = this.group.color("--soft");
      plot.ctx.textAlign = "right";
      plot.ctx.textBaseline = "middle";
      this.info.lanes.forEach((lane, index) => plot.ctx.fillText(lane, left - 6 * ratio, top + (index + 0.5) * tall, left - 8 * ratio));
      plot.ctx.restore();
    }

    selected(plot) {
      const { left, width, top, height } = plot.select;
      if (width < 3 || height < 3) return;
      const across = [plot.posToVal(left, "x"), plot.posToVal(left + width, "x")];
      const up = [plot.posToVal(top + height, "y"), plot.posToVal(top, "y")];
      const flat = height < plot.over.clientHeight - 2;
      plot.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
      this.group.zoom(...across, true, flat ? { panel: this, range: up } : null);
    }

    pointed(plot) {
      if (this.group.moving) return;
      const { left, top } = plot.cursor;
      if (left < 0 || top == null || top < 0) return;
      this.group.point(this, plot.posToVal(left, "x"), left, top);
    }

    /** Paint again what is shown: a pinned point or a colour has changed. */
    repaint() {
      if (this.near && this.plot) this.plot.redraw(false, true);
      else this.stale = true;
    }

    /** Show the pointer's time here too; `seconds` null hides it. */
    follow(seconds) {
      if (!this.near || !this.plot) return;
      this.plot.setCursor({ left: seconds === null ? -10 : this.plot.valToPos(seconds, "x"), top: -10 }, false);
      if (this.readout) this.readout.textContent = seconds === null ? "" : this.values(seconds);
    }

    /** Return what the lines say at a time. */
    values(seconds) {
      const said = [];
      for (const layer of this.layers()) {
        if (!["step", "line", "rate", "area"].includes(layer.kind)) continue;
        let found = this.group.data.points(layer);
        if (layer.kind === "rate") found = tcpexp.perSecond(found, ...this.group.range);
        const index = tcpexp.firstAtLeast(found.x, seconds + 1e-12) - 1;
        if (index < 0 || found.y[index] < 0 || said.length >= 8) continue;
        const name = layer.flow && Object.keys(this.group.info.flows).length > 1 ? `${layer.flow} ${layer.label}` : layer.label;
        said.push(`${name} ${tcpexp.quantity(found.y[index], this.info.unit)}`);
      }
      return said.join(" · ");
    }

    /** Return the point nearest to a place in CSS pixels, or null: {panel, layer, table, row, x, y}. */
    nearest(left, top) {
      if (this.info.lanes.length) return this.spanAt(left, top);
      const { plot } = this;
      let best = null;
      let closest = REACH * REACH;
      const [from, to] = [plot.posToVal(left - REACH, "x"), plot.posToVal(left + REACH, "x")];
      for (const layer of this.layers()) {
        if (["level", "rate", "area", "spans"].includes(layer.kind)) continue;
        const found = this.group.data.points(layer);
        const start = tcpexp.firstAtLeast(found.x, from);
        const end = tcpexp.firstAtLeast(found.x, to);
        const stride = Math.max(1, Math.ceil((end - start) / MOST_TRIED));
        for (let i = start; i < end; i += stride) {
          if (found.y[i] < 0) continue;
          const across = plot.valToPos(found.x[i], "x") - left;
          const y = plot.valToPos(found.y[i], "y");
          const high = found.y2 ? plot.valToPos(found.y2[i], "y") : y;
          const up = top > y ? top - y : top < high ? high - top : 0;
          const distance = across * across + up * up;
          if (distance < closest) {
            closest = distance;
            best = this.hit(layer, found, i);
          }
        }
      }
      return best;
    }

    hit(layer, found, i) {
      const row = found.row ? found.row[i] : i;
      const parent = this.group.data.table(layer.table).facts.packets;
      const y = found.y2 ? (found.y[i] + found.y2[i]) / 2 : found.y[i];
      if (parent) return { panel: this, layer, table: parent, row: this.group.data.column(layer.table, "packet")[row], x: found.x[i], y };
      return { panel: this, layer, table: layer.table, row, x: found.x[i], y };
    }

    spanAt(left, top) {
      const lane = Math.floor((top / this.plot.over.clientHeight) * this.info.lanes.length);
      const seconds = this.plot.posToVal(left, "x");
      for (const layer of this.layers()) {
        if (layer.lane !== lane) continue;
        const found = this.group.data.points(layer);
        const i = tcpexp.firstAtLeast(found.x, seconds + 1e-12) - 1;
        if (i >= 0 && seconds <= found.to[i]) return { panel: this, layer, table: layer.table, row: i, x: seconds, y: 0.5 };
      }
      return null;
    }

    redraw() {
      this.stale = !this.near || !this.plot;
      if (this.stale) return;
      if (this.plot.width !== this.width()) this.resize();
      const [min, max] = this.group.range;
      const [low, high] = this.fit();
      // uPlot draws once for all of these, before the next task.
      this.plot.setScale("x", { min, max });
      this.plot.setScale("y", { min: low, max: high });
      this.plot.redraw(false, true);
    }

    resize() {
      this.plot.setSize({ width: this.width(), height: this.info.height });
    }
  };
})((window.tcpexp = window.tcpexp || {}));
