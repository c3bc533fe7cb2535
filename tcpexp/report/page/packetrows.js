// What a row of the packet list says, and the list itself: only the rows in sight are in the document.
"use strict";
(function (tcpexp) {
  const { make } = tcpexp;
  const grouped = (value) => value.toLocaleString("en-US", { maximumFractionDigits: 0 });
  /** The columns: name, heading, what the heading's title says. */
  const COLUMNS = [
    ["no", "No.", "number in the capture, as Wireshark shows it"],
    ["time", "Time", "seconds from the experiment's zero"],
    ["from", "Source", "host and port that sent it"],
    ["to", "Destination", "host and port it was sent to"],
    ["flags", "Flags", "of TCP; the protocol of other packets"],
    ["seq", "Seq", "sequence number, relative"],
    ["ack", "Ack", "acknowledgment number, relative"],
    ["len", "Len", "bytes of payload"],
    ["win", "Window", "bytes, scaled"],
    ["info", "Info", "what it does, Wireshark's labels, and what became of it"],
  ];
  const MOST_HEIGHT = 8e6; // pixels: browsers cannot scroll much further

  /** Return a packet in words: {texts by column, tags: [[text, kind]], tone, narrow: what only a narrow screen shows}. */
  tcpexp.packetRow = function (capture, place) {
    const get = (name) => capture.column(name)[place];
    const { info } = capture.run;
    const protocol = info.protocols[get("protocol")];
    const bits = get("flags");
    const is = { syn: bits & 1, fin: bits & 2, rst: bits & 4, ack: bits & 16 };
    const end = (name) => {
      const port = get(`${name}_port`);
      const host = capture.run.host(get(name));
      return port < 0 ? host : `${host}:${port}`;
    };
    const tcp = protocol === "tcp";
    const labels = tcpexp.bits(get("labels"), info.labels.map(([, word]) => word));
    const fates = tcpexp.bits(get("fate"), info.fates).map((fate) => fate.replace(" on the way", ""));
    const again = labels.filter((label) => label.includes("Retransmission"));
    const shown = labels.filter((label) => label !== "Retransmission" || again.length === 1); // the more exact word says it too
    const tags = [...fates.map((fate) => [fate, fate === "lost" ? "bad" : "odd"]), ...(get("again") === 1 && !again.length ? [["sent again", "odd"]] : []), ...shown.map((label) => [label, "label"])];
    if (get("bad") === 1) tags.unshift(["bad checksum", "bad"]);
    const number = (name) => (get(name) < 0 ? "" : grouped(get(name)));
    const texts = {
      no: String(get("number")), time: get("t").toFixed(6), from: end("src"), to: end("dst"),
      flags: tcp ? tcpexp.bits(bits, info.flags).join(" ") || "none" : protocol === "other" ? "" : protocol.toUpperCase(),
      seq: tcp ? number("seq") : "", ack: tcp && is.ack ? number("ack") : "", len: number("len"), win: tcp ? number("win") : "",
      info: tcp ? segmentWords(capture, place, is) : otherWords(capture, place, protocol),
    };
    const tone = get("fate") & 1 || get("bad") === 1 ? "gone" : is.rst ? "reset" : labels.length || fates.length || get("again") === 1 ? "noted" : is.syn || is.fin ? "ends" : tcp ? "" : "other";
    // on a narrow screen there is no column for it
    const narrow = tcp && is.ack && get("len") === 0 && !is.syn ? `ack ${grouped(get("ack"))}${texts.info ? ", " : ""}` : "";
    return { texts, tags, tone, narrow };
  };

  /** Return what a TCP segment does. */
  function segmentWords(capture, place, is) {
    const get = (name) => capture.column(name)[place];
    const said = [];
    if (is.syn) {
      said.push(is.ack ? "accepts the connection" : "asks for a connection");
      if (get("mss") >= 0) said.push(`MSS ${get("mss")}`);
      if (get("wscale") >= 0) said.push(`window × ${2 ** get("wscale")}`);
      if (get("sackok") === 1) said.push("SACK permitted");
      if (get("tsval") >= 0) said.push("time stamps");
    }
    if (get("len") > 0) said.push(`bytes ${grouped(get("seq"))} to ${grouped(get("end") - 1)}`);
    if (is.fin) said.push("no more data from here");
    if (is.rst) said.push("ends the connection at once");
    const blocks = get("blocks") > 0 ? capture.sacks().get(place) : [];
    if (blocks.length) said.push(`SACK ${blocks.map(([left, right]) => `${grouped(left)}–${grouped(right)}`).join(", ")}`);
    if (get("acked") > 0) said.push(`for #${capture.column("number")[place - get("acked")]}, RTT ${tcpexp.quantity(get("rtt") * 1e9, "ns", 4)}`);
    if (get("win") === 0 && !is.rst) said.push("window 0");
    if (get("ecn") === 3) said.push("CE");
    return said.join(", ");
  }

  function otherWords(capture, place, protocol) {
    const get = (name) => capture.column(name)[place];
    if (protocol === "udp") return `${grouped(get("len"))} bytes`;
    const { recorded } = capture.info;
    if (!recorded || !recorded.raw[get("number")]) return "";
    const { layers } = tcpexp.headersOf(capture, place);
    return layers.length ? layers[layers.length - 1].summary : "";
  }

  /** The list as an ARIA grid. `select(place)` and `open()` tell what the reader does; `rows` are the packets' positions. */
  tcpexp.PacketRows = class {
    constructor({ select, open, close }) {
      this.tell = { select, open, close };
      this.capture = null;
      this.rows = new Int32Array(0);
      this.at = -1; // the selected row
      this.pool = [];
      this.body = make("div", { class: "packet-body" });
      this.space = make("div", { class: "packet-space", role: "rowgroup" });
      this.body.append(this.space);
      const head = make("div", { class: "packet-row packet-head", role: "row", "aria-rowindex": "1" }, ...COLUMNS.map(([name, heading, title]) => make("span", { role: "columnheader", class: `c-${name}`, title }, heading)));
      this.element = make("div", { class: "packet-grid", role: "grid", tabindex: "0", "aria-label": "Packets", "aria-colcount": COLUMNS.length, "aria-readonly": "true" }, make("div", { role: "rowgroup" }, head), this.body);
      this.body.addEventListener("scroll", () => this.later(), { passive: true });
      this.element.addEventListener("keydown", (event) => this.key(event));
      this.space.addEventListener("click", (event) => this.clicked(event));
      this.space.addEventListener("dblclick", () => this.tell.open());
      new ResizeObserver(() => this.later()).observe(this.body);
    }

    /** Show these packets of a capture. The selected packet stays selected where it is among them. */
    show(capture, rows, place) {
      this.capture = capture;
      this.rows = rows;
      this.at = place < 0 ? -1 : rowOf(rows, place);
      this.element.setAttribute("aria-rowcount", String(rows.length + 1));
      this.body.style.height = `${capture.count * this.tall}px`; // at most what the style sheet allows; not shorter for a filter
      this.space.style.height = `${Math.min(rows.length * this.tall, MOST_HEIGHT)}px`;
      if (this.at >= 0) this.reveal();
      else if (this.body.scrollTop > this.space.offsetHeight) this.body.scrollTop = 0;
      this.draw();
    }

    get tall() {
      return matchMedia("(max-width: 48rem)").matches ? 46 : 24;
    }

    /** How many rows are in sight. */
    get seen() {
      return Math.max(1, Math.floor(this.body.clientHeight / this.tall));
    }

    later() {
      if (this.waiting) return;
      this.waiting = true;
      requestAnimationFrame(() => {
        this.waiting = false;
        this.draw();
      });
    }

    /** Return the first row in sight; of a list that is longer than a browser can scroll, by its part. */
    get top() {
      const whole = this.rows.length * this.tall;
      if (whole <= MOST_HEIGHT) return this.body.scrollTop / this.tall;
      const part = this.body.scrollTop / Math.max(1, MOST_HEIGHT - this.body.clientHeight);
      return part * Math.max(0, this.rows.length - this.body.clientHeight / this.tall);
    }

    draw() {
      if (!this.capture) return;
      const { tall } = this;
      const first = Math.max(0, Math.floor(this.top) - 2);
      const last = Math.min(this.rows.length, Math.ceil(this.top + this.body.clientHeight / tall) + 2);
      const long = this.rows.length * tall > MOST_HEIGHT;
      while (this.pool.length < last - first) {
        const cells = Object.fromEntries(COLUMNS.map(([name]) => [name, make("span", { role: "gridcell", class: `c-${name}` })]));
        const row = make("div", { role: "row", class: "packet-row" }, ...Object.values(cells));
        this.pool.push({ row, cells });
        this.space.append(row);
      }
      this.pool.forEach((slot, i) => {
        const at = first + i;
        slot.row.hidden = at >= last;
        if (at < last) this.fill(slot, at, long ? this.body.scrollTop + (at - this.top) * tall : at * tall);
      });
      if (this.at >= first && this.at < last) this.element.setAttribute("aria-activedescendant", `packet-${this.at}`);
      else this.element.removeAttribute("aria-activedescendant");
    }

    fill({ row, cells }, at, down) {
      const place = this.rows[at];
      row.style.transform = `translateY(${Math.round(down)}px)`;
      const selected = at === this.at;
      if (row.dataset.place !== String(place) || row.owner !== this.capture) {
        const { texts, tags, tone, narrow } = tcpexp.packetRow(this.capture, place);
        for (const [name] of COLUMNS) cells[name].textContent = texts[name];
        if (narrow) cells.info.prepend(make("span", { class: "narrow" }, narrow));
        for (const [text, kind] of tags.reverse()) cells.info.prepend(make("span", { class: `tag ${kind}` }, text), " ");
        cells.info.title = [...tags.map(([text]) => text).reverse(), texts.info].join(", ");
        row.dataset.place = place;
        row.dataset.tone = tone;
        row.owner = this.capture;
      }
      row.id = `packet-${at}`;
      row.dataset.at = at;
      row.setAttribute("aria-rowindex", String(at + 2));
      row.setAttribute("aria-selected", String(selected));
    }

    clicked(event) {
      const row = event.target.closest(".packet-row");
      if (row) this.go(Number(row.dataset.at));
    }

    /** Select a row, and bring it into sight. */
    go(at) {
      if (!this.rows.length) return;
      this.at = Math.max(0, Math.min(this.rows.length - 1, at));
      this.reveal();
      this.draw();
      this.tell.select(this.rows[this.at]);
    }

    reveal() {
      const { tall } = this;
      const whole = this.rows.length * tall;
      const high = this.body.clientHeight;
      if (whole > MOST_HEIGHT) {
        if (this.at < this.top || this.at > this.top + high / tall - 1) this.body.scrollTop = (Math.max(0, this.at - high / tall / 2) / Math.max(1, this.rows.length - high / tall)) * (MOST_HEIGHT - high);
        return;
      }
      const down = this.at * tall;
      if (down < this.body.scrollTop) this.body.scrollTop = down;
      else if (down + tall > this.body.scrollTop + high) this.body.scrollTop = down + tall - high;
    }

    key(event) {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const moves = { ArrowDown: this.at + 1, ArrowUp: this.at - 1, PageDown: Math.max(0, this.at) + this.seen, PageUp: this.at - this.seen, Home: 0, End: this.rows.length - 1 };
      if (event.key in moves) this.go(moves[event.key]);
      else if (event.key === "Enter" && this.at >= 0) this.tell.open();
      else if (event.key === "Escape") this.tell.close();
      else return;
      event.preventDefault();
      event.stopPropagation();
    }
  };

  /** Return where `place` is among ascending `rows`, -1 when it is not. */
  function rowOf(rows, place) {
    const at = tcpexp.firstAtLeast(rows, place);
    return at < rows.length && rows[at] === place ? at : -1;
  }
})((window.tcpexp = window.tcpexp || {}));
