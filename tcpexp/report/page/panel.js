// One panel: a uPlot frame (axes, scales, pointer, selection) whose layers are painted by paint.js.
"use strict";
(function (tcpexp) {
  const REACH = matchMedia("(pointer: coarse)").matches ? 24 : 14; // CSS pixels around the pointer in which a point counts as pointed at
  const MARK_REACH = 4;
  const ROW = 13; // CSS pixels of a row of marks' names
  const STEPS = Array.from({ length: 16 }, (_, power) => [1, 2, 5].map((step) => step * 10 ** power)).flat(); // of what is counted there are no halves
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
      this.lock = null; // the vertical range, while the reader keeps it
      this.counted = info.layers.some((layer) => layer.kind === "counts");
      this.rows = info.lanes.length ? 0 : Math.min(group.marks.length, info.id === "sequence" ? 3 : 1); // of marks' names over the plot
    }

    get height() {
      const lanes = this.group.narrow ? this.info.lanes.length : 0; // their names stand over them
      return this.info.height + ROW * (Math.max(0, this.rows - 1) + lanes);
    }

    /** Draw the panel, if it is not drawn as it should be; from now on it follows every change. `made` is called with a new plot. */
    show() {
      this.near = true;
      if (!this.plot) {
        this.plot = new uPlot(this.options(), [[0, 1], [null, null]], this.element);
        if (this.made) this.made(this.plot);
        this.redraw();
        this.follow(this.group.at);
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

    /** Return whether the panel has something of the chosen connection, or is not about one. */
    concerns() {
      const { connection } = this.group;
      return this.info.layers.some((layer) => !layer.connection || layer.connection === connection);
    }

    options() {
      const { group, info } = this;
      const color = (name) => () => group.color(name);
      const axis = { stroke: color("--soft"), grid: { stroke: color("--grid"), width: 1 }, ticks: { stroke: color("--grid"), width: 1, size: 5 }, font: `${group.narrow ? 11 : 12}px system-ui, sans-serif` };
      return {
        width: this.width(),
        height: this.height,
        padding: [6 + ROW * this.rows, () => group.side, 0, 0],
        legend: { show: false },
        scales: { x: { time: false, auto: false, range: () => group.range }, y: { auto: false, range: () => this.fit() } },
        series: [{}, { scale: "y", show: true, paths: () => null, points: { show: false } }],
        axes: [
          { ...axis, space: (_, __, from, to) => this.spacing(from, to), size: 34, values: (plot, ticks, __, ___, step) => ticks.map((tick) => this.clock(plot, tick, step)) },
          { ...axis, size: () => group.axis, space: 34, incrs: STEPS, splits: info.lanes.length ? () => [] : undefined, values: (_, ticks, __, ___, step) => ticks.map((tick) => this.number(tick, step)) },
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
      return Math.max(240, this.element.clientWidth);
    }

    /** Return how far apart ticks of time must be for their texts. */
    spacing(from, to) {
      const digits = Math.max(0, Math.ceil(-Math.log10((to - from) / 6)));
      return (to.toFixed(digits).length + 2) * 7 + (this.group.narrow ? 14 : 34);
    }

    /** Return a tick's time; none where the text would be cut at the right. */
    clock(plot, tick, step) {
      const text = `${tick.toFixed(decimals(step))} s`;
      const [from, to] = this.group.range;
      const wide = plot.bbox.width / devicePixelRatio || plot.width - this.group.axis - this.group.side;
      return ((to - tick) / (to - from)) * wide + this.group.side < text.length * 3.5 ? "" : text;
    }

    /** Return a tick's value; of very many digits only those that differ, for which there is room. */
    number(tick, step) {
      const shown = tick / this.unit[0];
      const digits = decimals(step / this.unit[0]);
      const text = shown.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
      const room = this.group.narrow ? 7 : 9;
      return text.length > room ? `…${text.slice(1 - room)}` : text;
    }

    /** Return the vertical range: what was locked or drawn with the pointer, else what is in view has room. */
    fit() {
      if (this.info.lanes.length) {
        this.title();
        return [0, 1];
      }
      const { box } = this.group;
      const range = this.lock || (box && box.panel === this ? box.range : null) || this.roomy();
      this.unit = tcpexp.axisUnit(range[1], this.info.unit);
      this.title();
      return (this.shown = range);
    }

    /** Return the range of what is in view; what need not `fit` gets at most half as much room again, if it then comes into view. */
    roomy() {
      let low = Infinity;
      let high = -Infinity;
      const near = []; // what need not fit, where it comes nearest and how far it reaches
      let stack = null;
      let summed = this.info.unit === "bps";
      for (const layer of this.layers()) {
        if (layer.kind === "level") {
          near.push([layer.value, layer.value * 1.04]);
          continue;
        }
        if (layer.kind === "area") stack = stack || new Float64Array(this.group.data.points(layer).x.length);
        if (["area", "counts", "stems"].includes(layer.kind)) summed = true;
        const [least, most] = this.extent(layer, stack);
        if (most === -Infinity) continue;
        if (!layer.fit) near.push([least, most]);
        else {
          low = Math.min(low, least);
          high = Math.max(high, most);
        }
      }
      this.blank = high === -Infinity;
      if (this.blank) [low, high] = near.length ? [0, Math.max(...near.map((each) => each[1]))] : [0, 1];
      const zoomed = this.group.range[1] - this.group.range[0] < 0.98 * (this.group.whole[1] - this.group.whole[0]);
      const grounded = this.info.zero && (summed || !zoomed || low < 0.6 * high);
      if (grounded) low = 0;
      const tall = high - low || Math.max(1, Math.abs(high) * 0.1);
      const most = high + tall * 0.5;
      for (const [least, reach] of near) if (least <= most) high = Math.max(high, Math.min(reach, most));
      const margin = (high - low || tall) * 0.06;
      return [grounded ? 0 : low - margin, high + margin];
    }

    /** Return the lowest and the highest value of a layer in view; `stack` are the sums of the areas below, to which it adds. */
    extent(layer, stack) {
      const [from, to] = this.group.range;
      let low = Infinity;
      let high = -Infinity;
      let found = this.group.data.points(layer);
      if (layer.kind === "counts") found = tcpexp.perInterval(found, from, to);
      const stepped = ["step", "counts", "area"].includes(layer.kind);
      const start = Math.max(0, tcpexp.firstAtLeast(found.x, from) - (stepped ? 1 : 0));
      const end = tcpexp.firstAtLeast(found.x, to);
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
        if (value < low) low = value;
        if (top > high) high = top;
      }
      return [low, high];
    }

    /** Keep the vertical range as it is, or let it follow the zoom again. */
    locked(on) {
      if (this.info.lanes.length) return;
      this.lock = on ? this.shown || this.fit() : null;
      if (this.lockButton) this.lockButton.setAttribute("aria-pressed", String(on));
      this.redraw();
    }

    title() {
      if (!this.heading) return;
      const { title, unit } = this.info;
      const of = this.counted ? ` per ${tcpexp.quantity(tcpexp.interval(...this.group.range) * 1e9, "ns")}` : "";
      this.heading.textContent = this.unit[1] && unit && !this.counted ? `${title} (${this.unit[1]})` : title + of;
    }

    view(plot) {
      const { left, top, width, height } = plot.bbox;
      const [from, to] = this.group.range;
      const { min, max } = plot.scales.y;
      const across = width / (to - from);
      const up = height / (max - min);
      return { from, to, left, top, width, height, across, ratio: devicePixelRatio, lanes: Math.max(1, this.info.lanes.length), above: this.group.narrow ? 0.5 : 0.14, stack: [], x: (value) => left + (value - from) * across, y: (value) => top + (max - value) * up, color: (name) => this.group.color(name) };
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
          context.globalAlpha = strip ? 0.35 : 0.6;
          context.fillStyle = this.group.color(color);
          context.fillRect(left, view.top, right - left, strip ? 4 * view.ratio : view.height);
          context.globalAlpha = 1;
        }
      });
    }

    paint(plot) {
      this.clipped(plot, (context, view) => {
        for (const layer of this.layers()) tcpexp.paint(context, layer, this.group.data.points(layer), view);
        this.paintPinned(context, view);
        if (this.blank) this.paintBlank(context, view);
      });
      if (this.group.on.marks) this.paintMarks(plot.ctx, this.view(plot));
      if (this.info.lanes.length) this.paintLanes(plot);
    }

    paintBlank(context, view) {
      context.font = `${12 * view.ratio}px system-ui, sans-serif`;
      context.fillStyle = this.group.color("--soft");
      context.textAlign = "center";
      context.fillText("nothing in this part of the run", view.left + view.width / 2, view.top + view.height / 2);
    }

    /** Paint a line for each mark, and their names over the plot where there is room for them. */
    paintMarks(context, view) {
      const ratio = view.ratio;
      context.save();
      context.textBaseline = "alphabetic";
      context.textAlign = "left";
      context.font = `${11 * ratio}px system-ui, sans-serif`;
      context.lineWidth = ratio;
      const free = Array(this.rows).fill(-Infinity);
      const inView = this.group.marks.filter((mark) => mark.x >= view.from && mark.x <= view.to);
      for (const mark of inView) {
        const x = Math.round(view.x(mark.x)) + 0.5;
        const [row, left, text] = this.rows ? this.nameOf(context, mark, x, view, free) : [-1];
        const top = row < 0 ? view.top : view.top - (5 + ROW * (this.rows - row - 1)) * ratio;
        context.strokeStyle = this.group.color(mark.color);
        context.globalAlpha = inView.length > 40 ? 0.35 : 1;
        context.setLineDash([4 * ratio, 3 * ratio]);
        context.beginPath();
        context.moveTo(x, top);
        context.lineTo(x, view.top + view.height);
        context.stroke();
        context.setLineDash([]);
        context.globalAlpha = 1;
        if (row < 0) continue;
        context.fillStyle = this.group.color(mark.color);
        context.fillText(text, left, top);
      }
      context.restore();
    }

    /** Return row, place and text of a mark's name; row -1 where there is no room. `free` says where each row is free from, and is brought up to date. */
    nameOf(context, mark, x, view, free) {
      const { ratio } = view;
      const end = view.left + view.width + this.group.side * ratio * 0.6;
      const wide = context.measureText(mark.label).width;
      for (let row = 0; row < free.length; row++) {
        if (free[row] > x) continue;
        if (x + 3 * ratio + wide <= end) {
          free[row] = x + wide + 10 * ratio;
          return [row, x + 3 * ratio, mark.label];
        }
        const left = Math.max(free[row], view.left);
        if (x - left >= wide + 8 * ratio) {
          free[row] = end;
          return [row, x - wide - 4 * ratio, mark.label];
        }
        const room = Math.max(end - x - 3 * ratio, x - left - 8 * ratio);
        const text = tcpexp.shortened(context, mark.label, room);
        if (!text) continue;
        const there = room > end - x - 3 * ratio ? x - context.measureText(text).width - 4 * ratio : x + 3 * ratio;
        free[row] = end;
        return [row, there, text];
      }
      return [-1];
    }

    paintPinned(context, view) {
      const hit = this.group.pinned;
      if (!hit) return;
      context.strokeStyle = this.group.color("--link");
      context.lineWidth = view.ratio;
      context.beginPath();
      context.moveTo(view.x(hit.x), view.top);
      context.lineTo(view.x(hit.x), view.top + view.height);
      context.stroke();
      if (hit.panel !== this) return;
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
      this.info.lanes.forEach((lane, index) => {
        if (this.group.narrow) { // over its strip: there is no room beside it
          plot.ctx.textAlign = "left";
          plot.ctx.fillText(lane, left, top + (index + 0.28) * tall);
        } else plot.ctx.fillText(lane, left - 6 * ratio, top + (index + 0.5) * tall, left - 8 * ratio);
      });
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

    /** Say what is drawn at a time, and put the cursor there if `line`; null hides both. `pointed`: the pointer itself is here. */
    follow(seconds, pointed = false, line = false) {
      if (!this.near || !this.plot) return;
      if (!pointed) this.plot.setCursor({ left: line ? this.plot.valToPos(seconds, "x") : -10, top: -10 }, false);
      if (this.readout) this.readout.replaceChildren(...(seconds === null ? [] : this.values(seconds)));
    }

    /** Return what is drawn at a time, as elements: a key of the colour, the name, the value. */
    values(seconds) {
      const said = [];
      const several = Object.keys(this.group.info.flows).length > 1;
      for (const layer of this.layers()) {
        const text = said.length < 8 ? this.valueAt(layer, seconds) : "";
        if (!text) continue;
        const name = this.info.lanes.length ? this.info.lanes[layer.lane] : layer.flow && several ? `${layer.flow} ${layer.label}` : layer.label;
        said.push(tcpexp.make("span", { class: "value" }, tcpexp.swatch(this.info.lanes.length ? null : layer), `${name} `, tcpexp.make("b", {}, text)));
      }
      return said;
    }

    /** Return what a layer says at a time: the value that holds then, of single samples the last one in view. */
    valueAt(layer, seconds) {
      const { data, range } = this.group;
      const sampled = layer.kind === "points" && layer.marker === ".";
      if (!sampled && !["step", "line", "counts", "area", "bars", "spans"].includes(layer.kind)) return "";
      let found = data.points(layer);
      if (layer.kind === "counts") found = tcpexp.perInterval(found, ...range);
      const index = tcpexp.firstAtLeast(found.x, seconds + 1e-12) - 1;
      if (index < 0 || (index === found.x.length - 1 && seconds > found.x[index] && layer.kind !== "spans")) return ""; // not yet, or no more
      if (layer.kind === "spans") return seconds <= found.to[index] ? data.table(layer.table).columns.code.words[found.y[index]].replaceAll("_", " ") : "";
      if ((sampled || layer.kind === "bars") && found.x[index] < range[0]) return "";
      const value = (found.y2 || found.y)[index];
      return value < 0 ? "" : tcpexp.quantity(value, this.info.unit);
    }

    /** Return the point nearest to a place in CSS pixels, or null: {panel, layer, table, row, x, y}. */
    nearest(left, top) {
      if (this.info.lanes.length) return this.spanAt(left, top);
      const { plot } = this;
      let best = null;
      let closest = REACH * REACH;
      const [from, to] = [plot.posToVal(left - REACH, "x"), plot.posToVal(left + REACH, "x")];
      for (const layer of this.layers()) {
        if (["level", "counts", "area", "spans"].includes(layer.kind)) continue;
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
      return best || this.markAt(left);
    }

    /** Return the mark that is pointed at, or null. */
    markAt(left) {
      if (!this.group.on.marks) return null;
      const mark = this.group.marks.find((each) => Math.abs(this.plot.valToPos(each.x, "x") - left) <= MARK_REACH);
      return mark ? { panel: this, mark, layer: { label: mark.kind }, x: mark.x } : null;
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
      const section = this.element.closest("section");
      if (section) section.hidden = !this.concerns();
      this.stale = !this.near || !this.plot;
      if (this.stale || (section && section.hidden)) return;
      if (this.plot.width !== this.width()) this.resize();
      const [min, max] = this.group.range;
      const [low, high] = this.fit();
      // uPlot draws once for all of these, before the next task.
      this.plot.setScale("x", { min, max });
      this.plot.setScale("y", { min: low, max: high });
      this.plot.redraw(false, true);
    }

    /** Make the plot anew: its axes have other widths and letters. */
    again() {
      if (!this.plot) return;
      this.plot.destroy();
      this.plot = null;
      if (this.near) this.show();
    }

    resize() {
      this.plot.setSize({ width: this.width(), height: this.height });
    }
  };
})((window.tcpexp = window.tcpexp || {}));
