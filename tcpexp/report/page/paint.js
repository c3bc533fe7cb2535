// Painters, one per kind of layer. Each draws what is visible, down-sampled to what a pixel can show; no peak is lost.
"use strict";
(function (tcpexp) {
  const { firstAtLeast, BLOCK } = tcpexp;

  /** Return the indexes of the points in view, and one more on either side. */
  function inView(points, view) {
    return [Math.max(0, firstAtLeast(points.x, view.from) - 1), Math.min(points.x.length, firstAtLeast(points.x, view.to) + 1)];
  }

  /** Draw a line through the points: per column of pixels its first, lowest, highest and last value. A negative value parts the line. */
  function line(context, points, view, layer, stepped) {
    const [start, end] = inView(points, view);
    const dense = end - start > 3 * view.width;
    context.beginPath();
    let down = false;
    let column = NaN;
    let low = 0;
    let high = 0;
    let last = 0;
    const flush = () => {
      if (low !== high) {
        context.moveTo(column, low);
        context.lineTo(column, high);
        context.moveTo(column, last);
      }
    };
    const blocks = dense ? tcpexp.blocks(points) : null;
    const right = (x) => (x + 0.5 - view.left) / view.across + view.from; // the first moment beyond a column of pixels
    let beyond = -Infinity;
    for (let i = start; i < end; i++) {
      if (dense && down && i % BLOCK === 0 && i + BLOCK < end && points.x[i + BLOCK - 1] < beyond && blocks.low[i / BLOCK] >= 0) {
        low = Math.min(low, view.y(blocks.high[i / BLOCK])); // the whole block lies in this column of pixels
        high = Math.max(high, view.y(blocks.low[i / BLOCK]));
        i += BLOCK - 1;
        last = view.y(points.y[i]);
        continue;
      }
      const value = points.y[i];
      if (value < 0) {
        if (dense) flush();
        down = false;
        column = NaN;
        continue;
      }
      const y = view.y(value);
      const x = dense ? Math.round(view.x(points.x[i])) : view.x(points.x[i]);
      if (dense && down && x === column) {
        low = Math.min(low, y);
        high = Math.max(high, y);
      } else {
        if (dense && down) flush();
        if (!down) context.moveTo(x, y);
        else {
          if (stepped) context.lineTo(x, last);
          context.lineTo(x, y);
        }
        column = x;
        beyond = right(x);
        low = high = y;
      }
      last = y;
      down = true;
    }
    if (dense && down) flush();
    if (stepped && down && end === points.x.length && layer.kind !== "counts") context.lineTo(Math.min(view.x(points.x[end - 1]) + 2, view.left + view.width), last);
    context.stroke();
  }

  /** Draw bars from y to y2; bars that touch in one column of pixels become one. */
  function bars(context, points, view, layer) {
    const [start, end] = inView(points, view);
    const wide = Math.max(1, layer.width * view.ratio * Math.min(1, Math.max(0.5, (4 * view.width) / (end - start + 1))));
    const ends = (end - start) * 8 < view.width;
    let column = NaN;
    let low = 0;
    let high = 0;
    const flush = () => {
      if (!Number.isNaN(column)) context.fillRect(column - wide / 2, low, wide, Math.max(view.ratio, high - low));
    };
    for (let i = start; i < end; i++) {
      if (points.y[i] < 0) continue;
      const x = Math.round(view.x(points.x[i]));
      const top = view.y(points.y2[i]);
      const bottom = view.y(points.y[i]);
      if (x === column && top <= high + 1 && bottom >= low - 1) {
        low = Math.min(low, top);
        high = Math.max(high, bottom);
        continue;
      }
      flush();
      column = x;
      low = top;
      high = bottom;
    }
    flush();
    if (!ends) return;
    const reach = 3.5 * view.ratio; // tcptrace's arrows: the first and the last byte
    for (let i = start; i < end; i++) {
      for (const value of [points.y[i], points.y2[i]]) if (value >= 0) context.fillRect(view.x(points.x[i]) - reach, view.y(value) - view.ratio / 2, 2 * reach, view.ratio);
    }
    if (layer.marker.length === 1 && layer.marker >= "A" && layer.marker <= "Z") {
      context.font = `600 ${11 * view.ratio}px system-ui, sans-serif`;
      for (let i = start; i < end; i++) context.fillText(layer.marker, view.x(points.x[i]) + 4 * view.ratio, view.y(points.y2[i]) - 3 * view.ratio);
    }
  }

  const MARKERS = {
    ".": (c, x, y, r) => c.fillRect(x - r * 0.45, y - r * 0.45, r * 0.9, r * 0.9),
    tick: (c, x, y, r) => c.fillRect(x - r * 0.3, y - r, r * 0.6, 2 * r),
    x: (c, x, y, r) => path(c, [[x - r, y - r], [x + r, y + r], null, [x - r, y + r], [x + r, y - r]]),
    o: (c, x, y, r) => { c.beginPath(); c.arc(x, y, r, 0, 7); c.stroke(); },
    s: (c, x, y, r) => c.strokeRect(x - r, y - r, 2 * r, 2 * r),
    d: (c, x, y, r) => path(c, [[x, y - r], [x + r, y], [x, y + r], [x - r, y], [x, y - r]]),
    v: (c, x, y, r) => path(c, [[x - r, y - 1.7 * r], [x + r, y - 1.7 * r], [x, y], [x - r, y - 1.7 * r]]),
    "^": (c, x, y, r) => path(c, [[x - r, y + 1.7 * r], [x + r, y + 1.7 * r], [x, y], [x - r, y + 1.7 * r]]),
    F: (c, x, y, r) => path(c, [[x - r, y], [x + r, y], null, [x, y - 1.6 * r], [x, y + 1.6 * r]]),
  };

  function path(context, corners) {
    context.beginPath();
    let lift = true;
    for (const corner of corners) {
      if (corner === null) lift = true;
      else {
        context[lift ? "moveTo" : "lineTo"](...corner);
        lift = false;
      }
    }
    context.stroke();
  }

  /** Draw a marker per point, one per cell of two by two pixels (smaller dots) or four by four. */
  function points(context, found, view, layer) {
    const [start, end] = inView(found, view);
    const mark = MARKERS[layer.marker] || MARKERS["."];
    const cell = layer.marker === "." || layer.marker === "tick" ? 2 : 4;
    const across = Math.ceil(view.width / cell) + 3;
    const taken = new Uint8Array(across * (Math.ceil(view.height / cell) + 3));
    const radius = (layer.marker === "." ? (end - start > 2 * view.width ? 1.8 : 3) : end - start > 150 ? 2.6 : end - start > 40 ? 3.4 : 4.2) * view.ratio;
    context.lineWidth = 1.3 * view.ratio;
    for (let i = start; i < end; i++) {
      if (found.y[i] < 0) continue;
      const x = view.x(found.x[i]);
      const y = view.y(found.y[i]);
      const place = (((y - view.top) / cell + 1) | 0) * across + (((x - view.left) / cell + 1) | 0);
      if (taken[place] === 1) continue;
      taken[place] = 1;
      mark(context, x, y, radius);
    }
  }

  /** Draw a stroke from 0 to each value, one per column of pixels: the highest. */
  function stems(context, found, view) {
    const [start, end] = inView(found, view);
    const bottom = view.y(0);
    let column = NaN;
    let high = bottom;
    context.beginPath();
    const flush = () => {
      if (Number.isNaN(column)) return;
      context.moveTo(column, bottom);
      context.lineTo(column, high);
    };
    for (let i = start; i < end; i++) {
      const x = Math.round(view.x(found.x[i]));
      const y = view.y(found.y[i]);
      if (x !== column) {
        flush();
        column = x;
        high = y;
      } else high = Math.min(high, y);
    }
    flush();
    context.stroke();
  }

  /** Draw spans of time in their lane, coloured by code. */
  function spans(context, found, view, layer) {
    const tall = view.height / view.lanes;
    const top = view.top + layer.lane * tall + tall * view.above;
    const shades = layer.palette.map((name) => view.color(name));
    let column = NaN;
    let drawn = 0; // bits of the codes that this column of pixels has had
    for (let i = Math.max(0, firstAtLeast(found.x, view.from) - 1); i < found.x.length && found.x[i] <= view.to; i++) {
      const left = Math.max(view.left, view.x(found.x[i]));
      const right = Math.min(view.left + view.width, view.x(found.to[i]));
      if (right < view.left || right < left) continue;
      if (right - left < view.ratio) {
        if (Math.round(left) !== column) drawn = 0;
        column = Math.round(left);
        if (drawn & (1 << found.y[i])) continue;
        drawn |= 1 << found.y[i];
      }
      context.fillStyle = shades[found.y[i]];
      context.fillRect(left, top, Math.max(view.ratio, right - left), tall * (0.86 - view.above));
    }
  }

  /** Draw bands stacked on `below` (the sums drawn so far, one per point), and add this one to it. */
  function area(context, found, view, layer) {
    const [start, end] = inView(found, view);
    const below = view.stack;
    context.globalAlpha = 0.55;
    context.beginPath();
    for (let i = start; i < end; i++) {
      const y = view.y((below[i] || 0) + Math.max(0, found.y[i]));
      const x = view.x(found.x[i]);
      if (i === start) context.moveTo(x, y);
      context.lineTo(x, y);
      if (i + 1 < end) context.lineTo(view.x(found.x[i + 1]), y);
    }
    for (let i = end - 1; i >= start; i--) {
      if (i + 1 < end) context.lineTo(view.x(found.x[i + 1]), view.y(below[i] || 0));
      context.lineTo(view.x(found.x[i]), view.y(below[i] || 0));
    }
    context.closePath();
    context.fill();
    context.globalAlpha = 1;
    view.stack = Float64Array.from(found.y, (value, i) => (below[i] || 0) + Math.max(0, value));
  }

  /** Return the interval in seconds by which a range is counted: 1, 2 or 5 times a power of ten. */
  tcpexp.interval = function (from, to) {
    const wanted = Math.max((to - from) / 240, 1e-6);
    const size = 10 ** Math.floor(Math.log10(wanted));
    return [1, 2, 5, 10].map((each) => each * size).find((each) => each >= wanted * 0.999);
  };

  /** Return sums per interval that suits the view: a step line. */
  tcpexp.perInterval = function (found, from, to) {
    if (found.sums && found.sums.from === from && found.sums.to === to) return found.sums;
    const width = tcpexp.interval(from, to);
    const first = Math.floor(from / width);
    const count = Math.ceil(to / width) - first + 1;
    const x = new Float64Array(count);
    const y = new Float64Array(count);
    let index = firstAtLeast(found.x, first * width);
    for (let bin = 0; bin < count; bin++) {
      x[bin] = (first + bin) * width;
      const end = (first + bin + 1) * width;
      for (; index < found.x.length && found.x[index] < end; index++) y[bin] += found.y[index];
    }
    return (found.sums = { x, y, width, from, to });
  };

  /** Draw counts as steps, the room below them shaded. */
  function counts(context, found, view, layer) {
    const sums = tcpexp.perInterval(found, view.from, view.to);
    if (!layer.dash.length) {
      const bottom = view.y(0);
      context.globalAlpha = 0.22;
      sums.x.forEach((x, i) => sums.y[i] && context.fillRect(view.x(x), view.y(sums.y[i]), sums.width * view.across, bottom - view.y(sums.y[i])));
      context.globalAlpha = 1;
    }
    line(context, sums, view, layer, true);
  }

  /** Return a text cut to `room` with a mark of it; nothing where that says too little. */
  tcpexp.shortened = function (context, text, room) {
    if (context.measureText(text).width <= room) return text;
    for (let length = text.length - 1; length >= 5; length--) {
      const short = `${text.slice(0, length).trimEnd()}…`;
      if (context.measureText(short).width <= room) return short;
    }
    return "";
  };

  /** Draw one layer. `view` has from, to, left, top, width, height, x(), y(), ratio, color(), and for stacks what is below. */
  tcpexp.paint = function (context, layer, found, view) {
    context.strokeStyle = context.fillStyle = view.color(layer.color);
    context.lineWidth = layer.width * view.ratio;
    context.setLineDash(layer.dash.map((each) => each * view.ratio));
    context.lineJoin = "round";
    context.textAlign = "left";
    context.textBaseline = "alphabetic";
    if (layer.kind === "line" || layer.kind === "step") line(context, found, view, layer, layer.kind === "step");
    else if (layer.kind === "counts") counts(context, found, view, layer);
    else if (layer.kind === "bars") bars(context, found, view, layer);
    else if (layer.kind === "points") points(context, found, view, layer);
    else if (layer.kind === "stems") stems(context, found, view);
    else if (layer.kind === "spans") spans(context, found, view, layer);
    else if (layer.kind === "area") area(context, found, view, layer);
    else if (layer.kind === "level") path(context, [[view.left, view.y(layer.value)], [view.left + view.width, view.y(layer.value)]]);
    context.setLineDash([]);
  };
})((window.tcpexp = window.tcpexp || {}));
