// Unpacks the page's columns: base64, gzip, byte planes, deltas. The counterpart of tcpexp/report/panels/columns.py.
"use strict";
(function (tcpexp) {
  /** Return the bytes of a base64 text. */
  function bytesOf(base64) {
    if (Uint8Array.fromBase64) return Uint8Array.fromBase64(base64);
    const text = atob(base64);
    const bytes = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
    return bytes;
  }

  /** Return the bytes that `base64` holds compressed with gzip; a promise. */
  tcpexp.inflate = async function (base64) {
    const stream = new Blob([bytesOf(base64)]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  };

  /** Return one column as numbers; `at` is [offset, length, bytes per value, 1 when each is a distance from the one before, first value]. */
  tcpexp.unpack = function (bytes, at) {
    const [offset, length, width, delta, first] = at;
    const values = new Float64Array(length);
    if (width === 0) return values.fill(first);
    const top = offset + (width - 1) * length;
    for (let i = 0; i < length; i++) values[i] = (bytes[top + i] << 24) >> 24; // the highest byte carries the sign
    for (let plane = top - length; plane >= offset; plane -= length) {
      for (let i = 0; i < length; i++) values[i] = values[i] * 256 + bytes[plane + i];
    }
    let before = first;
    if (delta) for (let i = 0; i < length; i++) values[i] = before += values[i];
    else for (let i = 0; i < length; i++) values[i] += first;
    return values;
  };

  /** The run's tables: columns are unpacked when they are first asked for. Times are seconds, other values in the column's unit. */
  tcpexp.Data = class {
    constructor(info, bytes) {
      this.info = info;
      this.bytes = bytes;
      this.columns = new Map();
      this.drawn = new Map(); // the points of layers
    }

    table(name) {
      return this.info.tables[name];
    }

    /** Return a whole column; `t` and other moments in seconds. `end` and `edge` of packets are made here. */
    column(table, name) {
      const key = table + "\u0000" + name;
      if (!this.columns.has(key)) this.columns.set(key, this.make(table, name));
      return this.columns.get(key);
    }

    make(table, name) {
      const columns = this.table(table).columns;
      if (name === "end" && !columns.end) return this.sum(table, "seq", "len");
      if (name === "edge" && !columns.edge) return this.sum(table, "ack", "win");
      const column = columns[name];
      const values = tcpexp.unpack(this.bytes, column.at);
      const scale = name === "t" || name === "to" ? 1e-9 : column.scale;
      if (scale !== 1) for (let i = 0; i < values.length; i++) values[i] *= scale;
      return values;
    }

    sum(table, one, other) {
      const a = this.column(table, one);
      const b = this.column(table, other);
      return a.map((value, i) => (value < 0 || b[i] < 0 ? -1 : value + b[i]));
    }

    /** Return a layer's points: `x`, `y`, `y2` and `row` (each point's row in its table, null when all rows are drawn). */
    points(layer) {
      if (!this.drawn.has(layer)) {
        const row = layer.rows ? tcpexp.unpack(this.bytes, layer.rows) : null;
        const pick = (name) => {
          const whole = this.column(layer.table, name);
          if (!row) return whole;
          const picked = new Float64Array(row.length);
          for (let i = 0; i < row.length; i++) picked[i] = whole[row[i]];
          return picked;
        };
        const points = { row, x: pick("t"), y: layer.y ? pick(layer.y) : null, y2: layer.y2 ? pick(layer.y2) : null };
        if (layer.kind === "spans") points.to = pick("to");
        this.drawn.set(layer, points);
      }
      return this.drawn.get(layer);
    }
  };

  const BLOCK = (tcpexp.BLOCK = 16);

  /** Return the lowest and the highest value of every BLOCK points of a layer, worked out when first asked for. */
  tcpexp.blocks = function (found) {
    if (found.blocks) return found.blocks;
    const upper = found.y2 || found.y;
    const count = Math.ceil(found.y.length / BLOCK);
    const low = new Float64Array(count).fill(Infinity);
    const high = new Float64Array(count).fill(-Infinity);
    for (let i = 0; i < upper.length; i++) {
      const block = (i / BLOCK) | 0;
      if (found.y[i] < low[block]) low[block] = found.y[i];
      if (upper[i] > high[block]) high[block] = upper[i];
    }
    return (found.blocks = { low, high });
  };

  /** Return the first index whose value is at least `wanted`; `values` ascend. */
  tcpexp.firstAtLeast = function (values, wanted) {
    let low = 0;
    let high = values.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (values[middle] < wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  };
})((window.tcpexp = window.tcpexp || {}));
