// Numbers and packets as a reader wants to see them.
"use strict";
(function (tcpexp) {
  const SIZES = [[1e9, "G"], [1e6, "M"], [1e3, "k"], [1, ""]];
  const TIMES = [[1e9, "s"], [1e6, "ms"], [1e3, "µs"], [1, "ns"]];
  const plain = (value, digits) => Number(value.toPrecision(digits)).toString();
  const grouped = (value) => value.toLocaleString("en-US", { maximumFractionDigits: 0 });

  /** Return a moment such as "12.345678901 s". */
  tcpexp.moment = (seconds, digits = 9) => `${seconds.toFixed(digits)} s`;

  /** Return `value` with its unit. */
  tcpexp.quantity = function (value, unit, digits = 4) {
    if (unit === "ns") {
      const [size, name] = TIMES.find(([each]) => Math.abs(value) >= each) || TIMES[3];
      return `${plain(value / size, digits)} ${name}`;
    }
    if (unit === "bps") {
      const [size, prefix] = SIZES.find(([each]) => Math.abs(value) >= each) || SIZES[3];
      return `${plain(value / size, digits)} ${prefix}bit/s`;
    }
    const number = Number.isInteger(value) ? grouped(value) : plain(value, digits);
    return unit === "count" || !unit ? number : `${number} ${unit}`;
  };

  /** Return divisor and name of the unit in which an axis up to `largest` reads well. */
  tcpexp.axisUnit = function (largest, unit) {
    if (unit === "ns") return TIMES.find(([size]) => largest >= size) || TIMES[3];
    const [size, prefix] = SIZES.find(([each]) => largest >= each * (unit === "bytes" && each === 1e3 ? 10 : 1)) || SIZES[3];
    if (unit === "bps") return [size, `${prefix}bit/s`];
    if (unit === "bytes") return [size, size === 1 ? "bytes" : `${prefix}B`];
    return [1, unit];
  };

  /** Return the names of the bits that are set in `value`. */
  tcpexp.bits = (value, words) => words.filter((word, bit) => Math.floor(value / 2 ** bit) % 2 === 1);

  /** Return what is known of one packet, as pairs of a name and a text; the first pair names the packet. */
  tcpexp.packetWords = function (data, table, row) {
    const { columns, facts } = data.table(table);
    const get = (name) => data.column(table, name)[row];
    const number = (name) => grouped(get(name));
    const outgoing = get("out") === 1;
    const flags = tcpexp.bits(get("flags"), columns.flags.words).join(" ");
    const labels = tcpexp.bits(get("labels"), columns.labels.words);
    const fate = tcpexp.bits(get("fate"), columns.fate.words);
    const lines = [
      [`#${get("number")}`, `${facts.run ? `run ${facts.run}, ` : ""}${facts.capture}, ${tcpexp.moment(get("t"))}`],
      ["from", outgoing ? `${facts.from} → ${facts.to}` : `${facts.to} → ${facts.from}`],
      ["flags", flags || "none"],
      ["seq", get("seq") < 0 ? "none" : `${number("seq")}${get("len") > 0 ? " to " + grouped(get("end")) : ""}`],
      ["ack", get("ack") < 0 ? "none" : number("ack")],
      ["win", get("win") < 0 ? "none" : `${number("win")} bytes`],
      ["len", `${number("len")} bytes`],
    ];
    if (get("flight") >= 0) lines.push(["in flight", `${number("flight")} bytes`]);
    if (labels.length) lines.push(["labels", labels.join(", ")]);
    if (get("again") === 1) lines.push(["sent again", "all of its bytes were sent before"]);
    if (fate.length) lines.push(["fate", fate.join(", ")]);
    if (get("other") >= 0) {
      const delay = tcpexp.quantity(get("delay"), "ns", 6);
      lines.push(["journey", outgoing === (facts.side === "sender") ? `arrived at ${facts.peer} as #${get("other")} after ${delay}` : `left ${facts.peer} as #${get("other")}, ${delay} before`]);
    }
    return lines;
  };

  /** Return what is known of one row of samples. */
  tcpexp.sampleWords = function (data, table, row) {
    const { columns, facts } = data.table(table);
    const lines = Object.entries(facts).map(([name, value]) => [name, String(value)]);
    for (const [name, column] of Object.entries(columns)) {
      const value = data.column(table, name)[row];
      if (!column.label || value < 0) continue;
      if (name === "t" || name === "to") lines.push([column.label, tcpexp.moment(value)]);
      else lines.push([column.label, column.words.length ? column.words[value] : tcpexp.quantity(value, column.unit)]);
    }
    return lines;
  };
})((window.tcpexp = window.tcpexp || {}));
