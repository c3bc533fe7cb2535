// The display filter: text to a test of packets. Its fields come with the page (tcpexp/report/packets/fields.py).
"use strict";
(function (tcpexp) {
  /** What is wrong with a filter, where (from `at` up to `end`), and what may have been meant (a whole filter) or null. */
  tcpexp.FilterError = class extends Error {
    constructor(message, at, end, suggestion = null) {
      super(message);
      this.at = at;
      this.end = end;
      this.suggestion = suggestion;
    }
  };
  const fail = (message, token, suggestion = null) => {
    throw new tcpexp.FilterError(message, token.at, token.end, suggestion);
  };

  const TOKEN = /\s*(?:("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(\.\.)|(&&|\|\||===?|!==?|<=|>=|[<>=!&(){},~])|((?:[\w:/%µ*+-]|\.(?!\.))+))/y;
  const SIGNS = { "=": "==", "===": "==", eq: "==", any_eq: "==", "!==": "!=", ne: "!=", gt: ">", lt: "<", ge: ">=", le: "<=", "&&": "and", "||": "or", "!": "not", "~": "contains", matches: "contains" };
  const COMPARED = new Set(["==", "!=", ">", "<", ">=", "<=", "in", "contains"]);

  /** Return the tokens of a text: {kind: "text", "sign" or "word", value, at, end}, the last of kind "end". */
  function tokens(text) {
    const list = [];
    let at = 0;
    while (text.slice(at).trim()) {
      TOKEN.lastIndex = at;
      const match = TOKEN.exec(text);
      const from = at + (text.slice(at).length - text.slice(at).trimStart().length);
      if (!match) {
        const quote = text[from];
        throw quote === '"' || quote === "'" ? new tcpexp.FilterError("this text has no closing quotation mark", from, text.length, `${text}${quote}`) : new tcpexp.FilterError(`“${quote}” means nothing here`, from, from + 1);
      }
      at = TOKEN.lastIndex;
      const [, quoted, range, sign, word] = match;
      if (quoted) list.push({ kind: "text", value: quoted.slice(1, -1).replace(/\\(.)/g, "$1"), at: from, end: at });
      else if (range || sign) list.push({ kind: "sign", value: SIGNS[sign] || range || sign, at: from, end: at });
      else {
        const lower = word.toLowerCase();
        const known = ["and", "or", "not", "in", "contains"].includes(lower) ? lower : SIGNS[lower];
        list.push(known ? { kind: "sign", value: known, at: from, end: at } : { kind: "word", value: word, at: from, end: at });
      }
    }
    list.push({ kind: "end", value: "", at: text.length, end: text.length });
    return list;
  }

  /** Return how many letters have to change to make `b` of `a`. */
  function distance(a, b) {
    let row = Array.from({ length: b.length + 1 }, (_, i) => i);
    for (let i = 1; i <= a.length; i++) {
      const next = [i];
      for (let j = 1; j <= b.length; j++) next[j] = Math.min(next[j - 1] + 1, row[j] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1));
      row = next;
    }
    return row[b.length];
  }

  /** Return the one of `names` that `word` may have been meant to be, or null. */
  function nearest(word, names) {
    const lower = word.toLowerCase();
    const begun = names.find((name) => name.toLowerCase().startsWith(lower) && lower.length > 2);
    const tail = names.find((name) => lower.length > 2 && name.toLowerCase().endsWith(`.${lower}`));
    let best = null;
    let least = Math.max(2, Math.floor(word.length / 3)) + 0.5;
    for (const name of names) {
      const far = distance(lower, name.toLowerCase());
      if (far < least) [best, least] = [name, far];
    }
    return best || begun || tail || null;
  }

  const plain = (words) => words.toLowerCase().replace(/[^a-z0-9]+/g, " ").trim();
  const ALIASES = { "dup ack": "duplicate ack", "ooo": "out of order", "previous segment lost": "previous segment not captured", "zero window": "zero window", "retransmit": "retransmission" };

  class Parser {
    constructor(text, run) {
      this.text = text;
      this.run = run;
      this.tokens = tokens(text);
      this.at = 0;
      this.names = new Map();
      for (const [names, kind, columns, bit, meaning] of run.info.fields) for (const name of names) this.names.set(name, { name, kind, columns, bit, meaning });
    }

    get next() {
      return this.tokens[this.at];
    }

    take(value) {
      if (this.next.kind !== "sign" || this.next.value !== value) return false;
      this.at++;
      return true;
    }

    /** Return the text with a token's place taken by another text. */
    instead(token, text) {
      return this.text.slice(0, token.at) + text + this.text.slice(token.end);
    }

    whole() {
      const test = this.either();
      const token = this.next;
      if (token.kind !== "end") fail(token.value === ")" ? "this parenthesis closes nothing" : `“${token.value}” is not expected here`, token, this.instead(token, "").trim());
      return test;
    }

    either() {
      let test = this.all();
      while (this.take("or")) {
        const [one, two] = [test, this.all()];
        test = (capture, context) => combine(one(capture, context), two(capture, context), true);
      }
      return test;
    }

    all() {
      let test = this.one();
      for (;;) {
        const beside = this.next.kind !== "end" && (this.next.kind !== "sign" || ["(", "not"].includes(this.next.value));
        if (!this.take("and") && !beside) return test;
        const [one, two] = [test, this.one()];
        test = (capture, context) => combine(one(capture, context), two(capture, context), false);
      }
    }

    one() {
      if (this.take("not")) {
        const test = this.one();
        return (capture, context) => test(capture, context).map((is) => 1 - is);
      }
      const token = this.next;
      if (this.take("(")) {
        const test = this.either();
        if (!this.take(")")) fail("this parenthesis is never closed", token, `${this.text})`);
        return test;
      }
      if (token.kind === "end") fail(this.text.trim() ? "something is missing at the end" : "the filter is empty", token);
      if (token.kind === "sign") fail(`a field or a word is expected before “${token.value}”`, token);
      this.at++;
      return token.kind === "word" ? this.field(token) : this.search(token);
    }

    /** A name: compared, or by itself. */
    field(token) {
      const field = this.names.get(token.value) || this.names.get(token.value.toLowerCase());
      const sign = this.next;
      const compared = sign.kind === "sign" && COMPARED.has(sign.value);
      if (!field) {
        if (compared || sign.value === "&") this.unknown(token);
        return this.search(token);
      }
      if (sign.kind === "sign" && sign.value === "&") return this.scoped(field, this.masked(field));
      if (!compared) return this.scoped(field, this.alone(field));
      this.at++;
      return this.scoped(field, this.comparison(field, sign, token));
    }

    unknown(token) {
      const meant = nearest(token.value, [...this.names.keys()]);
      fail(`there is no field “${token.value}”${meant ? `; did you mean ${meant}?` : ""}`, token, meant && this.instead(token, meant));
    }

    /** `tcp.` and `udp.` mean packets of that protocol only, `ip.` any but ARP. */
    scoped(field, test) {
      const prefix = field.name.split(".")[0];
      if (!["tcp", "udp", "ip", "ipv6"].includes(prefix)) return test;
      const { protocols } = this.run.info;
      const wanted = prefix.startsWith("ip") ? null : protocols.indexOf(prefix);
      const arp = protocols.indexOf("arp");
      return (capture, context) => {
        const mask = test(capture, context);
        const protocol = capture.column("protocol");
        for (let i = 0; i < mask.length; i++) if (wanted === null ? protocol[i] === arp : protocol[i] !== wanted) mask[i] = 0;
        return mask;
      };
    }

    /** A field by itself: a flag is set, a word is there, a number is known. */
    alone({ kind, columns, bit, name }) {
      if (columns[0] === "view") return inView;
      if (kind === "both") return marked("flags", 2 ** bit);
      if (kind === "flag") return marked(columns[0], 2 ** bit);
      if (kind === "label" || kind === "fate" || name === "tcp.analysis.flags") return marked(columns[0], 2 ** 31 - 1);
      return each(columns, (value) => value >= 0);
    }

    masked(field) {
      this.at++;
      const token = this.next;
      const mask = this.number(token, field);
      this.at++;
      const { columns } = field;
      const sign = this.next;
      if (sign.kind === "sign" && COMPARED.has(sign.value) && sign.value !== "in" && sign.value !== "contains") {
        this.at++;
        const value = this.number(this.next, field);
        this.at++;
        return each(columns, (bits) => bits >= 0 && MEETS[sign.value](bits & mask, value));
      }
      return each(columns, (bits) => bits >= 0 && (bits & mask) !== 0);
    }

    comparison(field, sign, token) {
      const { kind, columns, bit } = field;
      const op = sign.value;
      if (op === "in") return this.among(field, sign);
      const value = this.next;
      if (value.kind === "end" || value.kind === "sign") fail(`a value is missing after “${this.text.slice(sign.at, sign.end)}”`, value.kind === "end" ? sign : value);
      this.at++;
      const not = op === "!=";
      if ((kind === "word" || kind === "label" || kind === "fate" || kind === "address") && !["==", "!=", "contains"].includes(op)) fail(`${field.name} is a word: compare it with ==, !=, in or contains`, sign);
      if (kind === "address") return address(columns, this.addresses(value, op === "contains"), not);
      if (kind === "word") return coded(columns[0], this.codes(field, value, op === "contains"), not);
      if (kind === "label" || kind === "fate") return marked(columns[0], this.bitsOf(field, value, op === "contains"), not);
      if (op === "contains") fail(`${field.name} is a number: compare it with ==, <, > or in {1..20}`, sign);
      if (kind === "flag") {
        if (op !== "==" && !not) fail(`${field.name} is a flag: compare it with == 1 or == 0, or write it alone`, sign);
        const set = truth(value);
        if (set === null) fail(`a flag is 1 or 0, not “${value.value}”`, value, this.instead(value, "1"));
        if (columns[0] === "view") return set === !not ? inView : (capture, context) => inView(capture, context).map((is) => 1 - is);
        return marked(columns[0], 2 ** bit, set === not);
      }
      const other = value.kind === "word" && this.names.get(value.value);
      if (other && ["number", "time", "both"].includes(other.kind)) return pair(columns[0], other.columns[0], MEETS[op]);
      const number = this.number(value, field);
      if (kind === "time" && op === "==") return each(columns, (own) => own >= 0 && Math.abs(own - number) < 5e-10);
      // of two columns (a port) all have to differ, as in Wireshark
      return each(columns, (own) => own >= 0 && MEETS[op](own, number), not);
    }

    /** `in {1..20, 25}`: ranges and values. */
    among(field, sign) {
      const open = this.next;
      if (!this.take("{")) fail("“in” wants values in braces, such as {1..20}", open.kind === "end" ? sign : open, open.kind === "end" ? `${this.text} {1..20}` : null);
      const { kind, columns } = field;
      const ranges = [];
      const values = [];
      while (!this.take("}")) {
        const token = this.next;
        if (token.kind === "end") fail("the brace is never closed", open, `${this.text}}`);
        this.at++;
        if (token.value === "," && token.kind === "sign") continue;
        if (kind === "word" || kind === "label" || kind === "fate" || kind === "address") values.push(token);
        else {
          const from = this.number(token, field);
          let to = from;
          if (this.take("..")) {
            to = this.number(this.next, field);
            this.at++;
          }
          ranges.push([from, to]);
        }
      }
      if (kind === "address") return address(columns, (code) => this.inSome(values, code));
      if (kind === "word") return coded(columns[0], new Set(values.flatMap((value) => [...this.codes(field, value, false)])));
      if (kind === "label" || kind === "fate") return marked(columns[0], values.reduce((bits, value) => bits | this.bitsOf(field, value, false), 0));
      if (kind === "flag") fail(`${field.name} is a flag: write it alone`, sign);
      return each(columns, (own) => own >= 0 && ranges.some(([from, to]) => own >= from && own <= to));
    }

    inSome(values, code) {
      return values.some((value) => this.addresses(value, false)(code));
    }

    number(token, field) {
      const match = /^(-?(?:0x[\da-f]+|\d+(?:\.\d*)?(?:e-?\d+)?))(s|ms|us|µs|ns|k|kB|M|MB)?$/i.exec(token.value);
      const units = { s: 1, ms: 1e-3, us: 1e-6, "µs": 1e-6, ns: 1e-9, k: 1e3, kb: 1e3, m: 1e6, mb: 1e6 };
      const unit = match && match[2] ? match[2].toLowerCase() : null;
      const timed = unit && /s$/.test(unit);
      if (!match || token.kind === "sign" || (timed && field.kind !== "time") || (unit && !timed && field.kind === "time")) {
        const wanted = field.kind === "time" ? "seconds, or a number with ms, us or ns" : "a number";
        fail(token.kind === "end" ? `${field.name} wants ${wanted}` : `${field.name} is compared with ${wanted}, not with “${token.value}”`, token);
      }
      return Number(match[1]) * (unit ? units[unit] : 1);
    }

    /** Return a test of address codes: an address, a network, a host's name. */
    addresses(token, part) {
      const { addresses, hosts } = this.run.info;
      const wanted = token.value.toLowerCase();
      const network = /^([\d.]+)\/(\d+)$/.exec(wanted);
      if (network) {
        const size = 2 ** (32 - Number(network[2]));
        const start = Math.floor(ipv4(network[1]) / size);
        return (code) => code >= 0 && Math.floor(ipv4(addresses[code]) / size) === start;
      }
      if (part) return (code) => code >= 0 && (addresses[code].includes(wanted) || hosts[code].toLowerCase().includes(wanted));
      const known = addresses.some((address, code) => address === wanted || hosts[code].toLowerCase() === wanted);
      if (!known && !/^[\d.]+$|:/.test(wanted)) {
        const names = [...new Set(hosts.filter(Boolean))];
        const meant = nearest(token.value, names);
        fail(`no host here is called “${token.value}”${names.length ? `; there are ${names.join(", ")}` : ""}`, token, meant && this.instead(token, meant));
      }
      return (code) => code >= 0 && (addresses[code] === wanted || hosts[code].toLowerCase() === wanted);
    }

    codes({ columns }, token, part) {
      const words = columns[0] === "flow" ? this.run.info.flows : this.run.info.protocols;
      const wanted = token.value.toLowerCase();
      const codes = new Set();
      words.forEach((word, code) => (part ? word.toLowerCase().includes(wanted) : word.toLowerCase() === wanted) && codes.add(code));
      if (!codes.size && !part) {
        const meant = nearest(token.value, words);
        fail(words.length ? `no ${columns[0]} here is called “${token.value}”; there ${words.length === 1 ? "is" : "are"} ${words.join(", ")}` : `no packet here belongs to a ${columns[0]}`, token, meant && this.instead(token, quoted(meant)));
      }
      return codes;
    }

    bitsOf({ kind, columns }, token, part) {
      const words = kind === "fate" ? this.run.info.fates.map((word) => [word, word]) : this.run.info.labels;
      const bits = labelBits(words, token.value, part);
      if (!bits) {
        const names = words.map(([, said]) => said);
        const meant = nearest(token.value, names);
        fail(`there is no ${columns[0] === "fate" ? "fate" : "label"} “${token.value}”${meant ? `; did you mean ${meant}?` : ""}`, token, meant && this.instead(token, quoted(meant)));
      }
      return bits;
    }

    /** A word that is no field: whatever of a packet is called so. */
    search(token) {
      const { info } = this.run;
      const wanted = token.value.toLowerCase();
      const tests = [];
      const labels = labelBits(info.labels, wanted, true);
      const fates = labelBits(info.fates.map((word) => [word, word]), wanted, true);
      const flags = info.flags.reduce((bits, word, bit) => bits | (word.toLowerCase() === wanted ? 2 ** bit : 0), 0);
      const codes = new Set();
      info.addresses.forEach((one, code) => (one === wanted || one.startsWith(`${wanted}.`) || info.hosts[code].toLowerCase() === wanted) && codes.add(code));
      const network = /^[\d.]+\/\d+$/.test(wanted) ? this.addresses(token, false) : null;
      const flows = new Set();
      info.flows.forEach((word, code) => word.toLowerCase().includes(wanted) && flows.add(code));
      if (labels && wanted.length > 1) tests.push(marked("labels", labels));
      if (fates && wanted.length > 2) tests.push(marked("fate", fates));
      if (flags) tests.push(marked("flags", flags));
      if (codes.size || network) tests.push(address(["src", "dst"], network || ((code) => codes.has(code))));
      if (flows.size) tests.push(coded("flow", flows));
      if (info.protocols.includes(wanted)) tests.push(coded("protocol", new Set([info.protocols.indexOf(wanted)])));
      if (wanted === "ip" || wanted === "ipv4" || wanted === "ipv6") tests.push(each(["version"], (version) => version === (wanted === "ipv6" ? 6 : 4)));
      if (wanted === "icmpv6") tests.push((capture, context) => combine(each(["version"], (version) => version === 6)(capture, context), coded("protocol", new Set(["icmp", "nd", "mld"].map((word) => info.protocols.indexOf(word))))(capture, context), false));
      if (/^\d+$/.test(wanted)) tests.push(each(["src_port", "dst_port", "number"], (value) => value === Number(wanted)));
      if (!tests.length) {
        const names = [...this.names.keys(), ...info.hosts, ...info.flows, ...info.addresses].filter(Boolean);
        const meant = nearest(token.value, names);
        fail(`there is no field “${token.value}”, and nothing here is called so${meant ? `; did you mean ${meant}?` : ""}`, token, meant && this.instead(token, meant));
      }
      return (capture, context) => tests.slice(1).reduce((mask, test) => combine(mask, test(capture, context), true), tests[0](capture, context));
    }
  }

  const MEETS = { "==": (a, b) => a === b, "!=": (a, b) => a === b, "<": (a, b) => a < b, ">": (a, b) => a > b, "<=": (a, b) => a <= b, ">=": (a, b) => a >= b };
  const quoted = (words) => (/^[\w.]+$/.test(words) ? words : `"${words}"`);

  function truth({ value }) {
    const lower = value.toLowerCase();
    return lower === "1" || lower === "true" || lower === "set" ? true : lower === "0" || lower === "false" ? false : null;
  }

  function ipv4(address) {
    const bytes = address.split(".").map(Number);
    return bytes.length === 4 ? bytes.reduce((sum, byte) => sum * 256 + byte, 0) : -1;
  }

  /** Return the bits of the labels that are called so: exactly, else those that begin so; `part`: those that contain it. */
  function labelBits(words, said, part) {
    const own = plain(said).replace(/^tcp /, "");
    const wanted = ALIASES[own] || own;
    const bits = (match) => words.reduce((sum, [key, word], bit) => sum | (match(plain(word)) || match(plain(key)) ? 2 ** bit : 0), 0);
    if (!wanted) return 0;
    if (part) return bits((word) => word.includes(wanted));
    return bits((word) => word === wanted) || bits((word) => word.startsWith(wanted));
  }

  function combine(one, two, either) {
    if (either) for (let i = 0; i < one.length; i++) one[i] |= two[i];
    else for (let i = 0; i < one.length; i++) one[i] &= two[i];
    return one;
  }

  /** Return a test: any of the columns meets it. `not`: none does, and one of them has a value. */
  function each(columns, meets, not = false) {
    return (capture) => {
      const mask = new Uint8Array(capture.count);
      const known = not ? new Uint8Array(capture.count) : null;
      for (const name of columns) {
        const values = capture.column(name);
        for (let i = 0; i < mask.length; i++) {
          if (meets(values[i])) mask[i] = 1;
          if (not && values[i] >= 0) known[i] = 1;
        }
      }
      if (not) for (let i = 0; i < mask.length; i++) mask[i] = known[i] & (1 - mask[i]);
      return mask;
    };
  }

  function pair(one, other, meets) {
    return (capture) => {
      const [a, b] = [capture.column(one), capture.column(other)];
      const mask = new Uint8Array(capture.count);
      for (let i = 0; i < mask.length; i++) mask[i] = a[i] >= 0 && b[i] >= 0 && meets(a[i], b[i]) ? 1 : 0;
      return mask;
    };
  }

  /** Return a test: any of `bits` is set in the column; `not`: none is. */
  function marked(name, bits, not = false) {
    return (capture) => {
      const values = capture.column(name);
      const mask = new Uint8Array(capture.count);
      for (let i = 0; i < mask.length; i++) mask[i] = (values[i] > 0 && (values[i] & bits) !== 0) !== not ? 1 : 0;
      return mask;
    };
  }

  /** Return a test of what a whole conversation has in common: decided once for each, not for each packet. */
  function byWay(wanted) {
    return (capture) => {
      const ways = new Uint8Array(capture.end("src").length).map((_, way) => (wanted(capture, way) ? 1 : 0));
      const ends = capture.column("ends");
      const mask = new Uint8Array(capture.count);
      for (let i = 0; i < mask.length; i++) mask[i] = ways[ends[i]];
      return mask;
    };
  }

  const coded = (name, codes, not = false) => byWay((capture, way) => {
    const code = capture.end(name)[way];
    return not ? code >= 0 && !codes.has(code) : codes.has(code);
  });

  const address = (columns, wanted, not = false) => byWay((capture, way) => {
    const codes = columns.map((name) => capture.end(name)[way]);
    return not ? codes.some((code) => code >= 0) && !codes.some(wanted) : codes.some(wanted);
  });

  function inView(capture, context) {
    const [from, to] = context.range;
    const t = capture.column("t");
    return Uint8Array.from(t, (at) => (at >= from && at <= to ? 1 : 0));
  }

  /**
   * Return a filter: `test(capture, context)` gives 1 or 0 for each packet; `context.range` is what the panels show, in seconds.
   * `viewed` says that the result changes with that range. An empty text lets all through. Throws tcpexp.FilterError.
   */
  tcpexp.parseFilter = function (text, run) {
    if (!text.trim()) return { test: (capture) => new Uint8Array(capture.count).fill(1), viewed: false };
    const parser = new Parser(text, run);
    const test = parser.whole();
    return { test, viewed: parser.tokens.some((token) => token.kind === "word" && /^(in_)?view$/.test(token.value)) };
  };

  /** Return the positions of the packets that a filter lets through. */
  tcpexp.filtered = function (filter, capture, context) {
    const mask = filter.test(capture, context);
    let count = 0;
    for (let i = 0; i < mask.length; i++) count += mask[i];
    const rows = new Int32Array(count);
    for (let i = 0, at = 0; i < mask.length; i++) if (mask[i]) rows[at++] = i;
    return rows;
  };
})((window.tcpexp = window.tcpexp || {}));
