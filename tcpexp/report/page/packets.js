// The packets of the run's captures as columns: the counterpart of tcpexp/report/packets/listing.py. Times are seconds; -1 stands for no value.
"use strict";
(function (tcpexp) {
  const SECONDS = new Set(["t"]);
  const ENDS = new Set(["src", "dst", "src_port", "dst_port", "protocol", "stream", "connection", "flow"]);
  const FLAG_VALUES = [0x02, 0x01, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80]; // in the order of info.flags: S F R P A U E C
  const ZERO = new Set(["fate", "flags", "labels", "again", "shift", "acked", "link", "layout"]);

  /** One capture: `column(name)` has a value per listed packet, in the order of their numbers. */
  tcpexp.Capture = class {
    constructor(run, info) {
      this.run = run;
      this.info = info;
      this.name = info.name;
      this.count = info.listed;
      this.columns = new Map();
      this.parts = null;
      this.ways = null;
    }

    unpack(at) {
      return tcpexp.unpack(this.run.bytes, at);
    }

    /** Return the parts with `place` (each row's position in the capture) and `order` (the row of each stored value). */
    assembled() {
      if (this.parts) return this.parts;
      const parts = this.info.parts.map((part) => {
        const ends = this.unpack(part.plain.ends);
        const number = part.base ? this.run.panels.column(part.base, "number") : this.unpack(part.plain.number);
        return { ...part, ends, number, place: new Int32Array(number.length), order: stableOrder(ends) };
      });
      const last = parts.reduce((most, part) => part.number.reduce((a, b) => Math.max(a, b), most), 0);
      const rank = new Int32Array(last + 2);
      for (const part of parts) for (let i = 0; i < part.number.length; i++) rank[part.number[i]] = 1;
      for (let number = 0, seen = 0; number <= last; number++) {
        const there = rank[number];
        rank[number] = seen;
        seen += there;
      }
      for (const part of parts) for (let i = 0; i < part.number.length; i++) part.place[i] = rank[part.number[i]];
      this.rank = rank;
      return (this.parts = parts);
    }

    /** Return the position of frame `number`, -1 when it is not listed. */
    placeOf(number) {
      this.assembled();
      const place = number > 0 && number < this.rank.length ? this.rank[number] : -1;
      return place >= 0 && place < this.count && this.column("number")[place] === number ? place : -1;
    }

    /** Unpack what filters ask for most, a column at a time while the browser has nothing else to do. */
    warm(idle = window.requestIdleCallback || ((act) => setTimeout(act, 50))) {
      const names = ["t", "ends", "len", "flags", "labels", "seq", "ack", "win", "fate", "again", "other", "ocap", "frame", "end", "acked", "rtt", "delay", "blocks"];
      const next = () => {
        const name = names.shift();
        if (!name) return;
        this.column(name);
        idle(next);
      };
      idle(next);
    }

    /** Return the table of ends: a column by name. */
    end(name) {
      this.ways = this.ways || new Map();
      if (!this.ways.has(name)) this.ways.set(name, this.unpack(this.info.ends[name]));
      return this.ways.get(name);
    }

    column(name) {
      if (!this.columns.has(name)) this.columns.set(name, this.make(name));
      return this.columns.get(name);
    }

    make(name) {
      if (MADE[name]) return MADE[name](this);
      if (ENDS.has(name)) {
        const values = this.end(name);
        return this.column("ends").map((way) => values[way]);
      }
      const whole = new Float64Array(this.count).fill(ZERO.has(name) ? 0 : -1);
      for (const part of this.assembled()) {
        const own = name === "ends" || name === "number";
        let values = own ? part[name] : null;
        let order = null;
        if (!own && part.base && this.run.panels.table(part.base).columns[name]) values = this.run.panels.column(part.base, name);
        else if (!own && part.columns[name]) {
          values = this.unpack(part.columns[name]);
          order = part.order;
          if (SECONDS.has(name)) for (let i = 0; i < values.length; i++) values[i] *= 1e-9;
        }
        if (!values) continue;
        const { place } = part;
        if (order) for (let i = 0; i < values.length; i++) whole[place[order[i]]] = values[i];
        else for (let i = 0; i < values.length; i++) whole[place[i]] = values[i];
      }
      return whole;
    }

    /** Return SACK blocks by packet's position: a list of [left, right], relative. */
    sacks() {
      if (this.blocks) return this.blocks;
      this.blocks = new Map();
      for (const part of this.assembled()) {
        if (!part.sack) continue;
        const [row, left, right] = ["row", "left", "right"].map((name) => this.unpack(part.sack[name]));
        for (let i = 0; i < row.length; i++) {
          const place = part.place[row[i]];
          if (!this.blocks.has(place)) this.blocks.set(place, []);
          this.blocks.get(place).push([left[i], right[i]]);
        }
      }
      return this.blocks;
    }

    /** Return a function that makes a new column of others: `make(values...)` is called with each packet's. */
    derive(names, make) {
      const columns = names.map((name) => this.column(name));
      const whole = new Float64Array(this.count);
      if (columns.length === 1) for (let i = 0; i < whole.length; i++) whole[i] = make(columns[0][i]);
      else if (columns.length === 2) for (let i = 0; i < whole.length; i++) whole[i] = make(columns[0][i], columns[1][i]);
      else for (let i = 0; i < whole.length; i++) whole[i] = make(...columns.map((column) => column[i]));
      return whole;
    }

    /** Return the other end's packet: {capture, place}, or null. */
    otherEnd(place) {
      const number = this.column("other")[place];
      const capture = this.run.captures[this.column("ocap")[place]];
      const there = number > 0 && capture ? capture.placeOf(number) : -1;
      return there < 0 ? null : { capture, place: there, number };
    }
  };

  const raw = (relative, base) => (relative < 0 || base < 0 ? -1 : (relative + base) % 4294967296);
  const MADE = {
    frame: (capture) => capture.derive(["over", "len"], (over, len) => over + Math.max(len, 0)),
    caplen: (capture) => {
      const { recorded } = capture.info;
      return recorded ? capture.derive(["captured", "frame"], (less, frame) => less + Math.min(frame, recorded.snap)) : new Float64Array(capture.count).fill(-1);
    },
    end: (capture) => capture.derive(["seq", "len"], (seq, len) => (seq < 0 || len < 0 ? -1 : seq + len)),
    seq_raw: (capture) => capture.derive(["seq", "base"], raw),
    ack_raw: (capture) => capture.derive(["ack", "aback"], raw),
    field: (capture) => {
      const scaled = capture.derive(["win", "shift"], (win, shift) => (win < 0 ? -1 : win / 2 ** shift));
      for (const part of capture.assembled()) {
        if (!part.columns.field) continue;
        const values = capture.unpack(part.columns.field);
        values.forEach((value, i) => (scaled[part.place[part.order[i]]] = value));
      }
      return scaled;
    },
    flag_field: (capture) => {
      const values = new Float64Array(256).map((_, bits) => FLAG_VALUES.reduce((sum, value, bit) => sum + ((bits >> bit) & 1 ? value : 0), 0));
      const tcp = capture.run.info.protocols.indexOf("tcp");
      return capture.derive(["flags", "protocol"], (bits, protocol) => (protocol === tcp ? values[bits] : -1));
    },
    delta: (capture) => {
      const t = capture.column("t");
      return t.map((now, i) => (i ? now - t[i - 1] : 0));
    },
    rtt: (capture) => {
      const t = capture.column("t");
      return capture.column("acked").map((back, i) => (back > 0 ? t[i] - t[i - back] : -1));
    },
    blocks: (capture) => {
      const counts = new Float64Array(capture.count).fill(-1);
      capture.sacks().forEach((blocks, place) => (counts[place] = blocks.length));
      return counts;
    },
    version: (capture) => {
      const kinds = capture.run.info.addresses.map((address) => (address.includes(":") ? 6 : 4));
      const { protocols } = capture.run.info;
      return capture.derive(["src", "protocol"], (src, protocol) => (src < 0 || protocols[protocol] === "arp" ? -1 : kinds[src]));
    },
    delay: (capture) => {
      const whole = new Float64Array(capture.count).fill(-1);
      const t = capture.column("t");
      const [other, at] = [capture.column("other"), capture.column("ocap")];
      const there = new Map(); // the other ends' captures, by their place: what is asked of each packet
      for (const part of capture.assembled()) {
        const { place } = part;
        const known = part.base ? capture.run.panels.column(part.base, "delay") : null;
        for (let row = 0; row < place.length; row++) {
          const i = place[row];
          if (known) {
            if (known[row] >= 0) whole[i] = known[row] * 1e-9;
            continue;
          }
          const end = other[i] > 0 ? capture.run.captures[at[i]] : null;
          if (!end) continue;
          if (!there.has(end)) there.set(end, end.column("t"));
          const far = end.placeOf(other[i]);
          if (far >= 0) whole[i] = Math.abs(there.get(end)[far] - t[i]);
        }
      }
      return whole;
    },
  };

  /** Return the rows in the order of `codes`, rows of one code as they were. */
  function stableOrder(codes) {
    let most = -1;
    for (let i = 0; i < codes.length; i++) if (codes[i] > most) most = codes[i];
    const next = new Int32Array(most + 2);
    for (let i = 0; i < codes.length; i++) next[codes[i] + 1]++;
    for (let code = 1; code < next.length; code++) next[code] += next[code - 1];
    const order = new Int32Array(codes.length);
    for (let i = 0; i < codes.length; i++) order[next[codes[i]]++] = i;
    return order;
  }

  /** All captures of a run. `panels` is the tcpexp.Data of the page's panels: what they hold is not here again. */
  tcpexp.PacketRun = class {
    constructor(info, bytes, panels) {
      this.info = info;
      this.bytes = bytes;
      this.panels = panels;
      this.captures = info.captures.map((capture) => new tcpexp.Capture(this, capture));
    }

    capture(name) {
      return this.captures.find((capture) => capture.name === name);
    }

    /** Return how an address reads: its host's name where it has one. */
    host(code) {
      return code < 0 ? "" : this.info.hosts[code] || this.info.addresses[code];
    }
  };
})((window.tcpexp = window.tcpexp || {}));
