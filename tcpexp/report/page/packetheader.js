// A packet's headers, field by field and byte by byte, put together again from the page's columns.
"use strict";
(function (tcpexp) {
  const grouped = (value) => value.toLocaleString("en-US", { maximumFractionDigits: 0 });
  const hex = (value, digits) => `0x${value.toString(16).padStart(digits, "0")}`;
  const ECN = ["Not-ECT: not ECN-capable", "ECT(1): ECN-capable", "ECT(0): ECN-capable", "CE: congestion experienced"];
  const TCP_FLAGS = [["cwr", 7], ["ece", 6], ["urg", 5], ["ack", 4], ["push", 3], ["reset", 2], ["syn", 0], ["fin", 1]]; // in the header's order, with our bits
  const TYPES = { 0x0800: "IPv4", 0x86dd: "IPv6", 0x0806: "ARP" };
  const PROTOCOL_NAMES = { 1: "ICMP", 2: "IGMP", 6: "TCP", 17: "UDP", 58: "ICMPv6" };
  const ICMP = { 0: "echo reply", 3: "destination unreachable", 5: "redirect", 8: "echo request", 11: "time exceeded" };
  const UNREACHABLE = ["network", "host", "protocol", "port", "too large, and must not be fragmented"];
  const ICMP6 = { 1: "destination unreachable", 2: "packet too big", 3: "time exceeded", 128: "echo request", 129: "echo reply", 130: "multicast listener query", 131: "multicast listener report", 133: "router solicitation", 134: "router advertisement", 135: "neighbour solicitation", 136: "neighbour advertisement", 143: "multicast listener report (version 2)" };

  /** Collects bytes and the fields that stand in them. */
  class Writer {
    constructor(words) {
      this.words = words;
      this.bytes = [];
      this.layers = [];
    }

    layer(name, summary) {
      this.layers.push({ name, summary, fields: [] });
    }

    /** A field that stands in the next `count` bytes, or (count 0) in the byte at `at`, or (null) in none. */
    field(key, value, meaning, { at = this.bytes.length, count = 0, name = null } = {}) {
      const [named, general] = this.words[key] || [key, ""];
      this.layers[this.layers.length - 1].fields.push({ key, name: name || named, value, meaning: meaning === undefined || meaning === null ? general : meaning, at, count });
    }

    put(value, count) {
      for (let shift = count - 1; shift >= 0; shift--) this.bytes.push(Math.floor(value / 256 ** shift) % 256);
    }

    putHex(digits) {
      for (let i = 0; i < digits.length; i += 2) this.bytes.push(parseInt(digits.slice(i, i + 2), 16));
    }
  }

  /**
   * Return a packet's headers: {layers, bytes, more}. A layer has a name, a summary and fields {name, value, meaning, at, count}: `count` bytes from `at` on.
   * `bytes` is null where the capture file was not there when the page was made; `more` is how many captured bytes are not shown.
   */
  tcpexp.headersOf = function (capture, place) {
    const get = (name) => capture.column(name)[place];
    const { info } = capture.run;
    const { recorded } = capture.info;
    const writer = new Writer(info.words);
    const kept = recorded && recorded.raw[get("number")];
    const protocol = info.protocols[get("protocol")];
    if (protocol === "tcp" || protocol === "udp") {
      written(writer, capture, get, kept ? null : recorded);
      if (kept) writer.putHex(kept);
    } else if (kept) rawHeaders(writer, kept);
    else {
      writer.layer(protocol.toUpperCase(), `${info.addresses[get("src")] || ""} → ${info.addresses[get("dst")] || ""}`);
      writer.field("Header", "", "this page does not hold it; it is in the capture", { at: null });
      return { layers: writer.layers, bytes: null, more: 0 };
    }
    return { layers: writer.layers, bytes: recorded ? Uint8Array.from(writer.bytes) : null, more: recorded ? Math.max(0, get("caplen") - writer.bytes.length) : 0 };
  };

  /** Write the headers of a TCP segment or a UDP datagram; `recorded` null: without what only the capture file knows. */
  function written(writer, capture, get, recorded) {
    const { info } = capture.run;
    const [src, dst] = [get("src"), get("dst")].map((code) => info.addresses[code] || "");
    const protocol = info.protocols[get("protocol")];
    const layout = recorded ? recorded.layouts[get("layout")] : null;
    const options = layout === null ? 0 : layout.length / 2;
    if (recorded) ethernet(writer, recorded.links[get("link")]);
    const transport = protocol === "tcp" ? 20 + options : 8;
    const size = transport + Math.max(0, get("len"));
    if (src.includes(":")) ipv6(writer, get, recorded, { src, dst, size, protocol });
    else if (src) ipv4(writer, get, recorded, { src, dst, size, protocol });
    if (protocol === "tcp") tcp(writer, capture, get, { recorded, layout });
    else if (protocol === "udp") udp(writer, get);
  }

  const mac = (digits) => digits.match(/../g).join(":");

  function ethernet(writer, [to, from, type]) {
    writer.layer("Ethernet", `${mac(from)} → ${mac(to)}`);
    writer.field("Destination", mac(to), "the next interface on this link", { count: 6 });
    writer.putHex(to);
    writer.field("Source", mac(from), "the interface that sent the frame", { count: 6 });
    writer.putHex(from);
    writer.field("Type", `${hex(type, 4)} (${TYPES[type] || "?"})`, "what the frame holds", { count: 2 });
    writer.put(type, 2);
  }

  function ipv4(writer, get, recorded, { src, dst, size, protocol }) {
    const start = writer.bytes.length;
    const ecn = Math.max(0, get("ecn"));
    const number = protocol === "tcp" ? 6 : 17;
    writer.layer("Internet Protocol", `${src} → ${dst}`);
    const field = (key, value, at, count, meaning) => writer.field(key, value, meaning, { at: start + at, count });
    field("ip.version", "4", 0, 1);
    field("ip.hdr_len", "5 (20 bytes)", 0, 1);
    if (recorded) field("ip.dsfield.dscp", String(get("dscp")), 1, 1);
    field("ip.dsfield.ecn", `${ecn} (${ECN[ecn]})`, 1, 1);
    if (recorded) field("ip.len", `${grouped(20 + size)} bytes`, 2, 2);
    field("ip.id", `${hex(get("id"), 4)} (${get("id")})`, 4, 2);
    if (recorded) {
      const fragment = get("fragment");
      field("ip.flags.rb", String((fragment >> 15) & 1), 6, 1);
      field("ip.flags.df", (fragment >> 14) & 1 ? "1 (set)" : "0 (not set)", 6, 1);
      field("ip.flags.mf", (fragment >> 13) & 1 ? "1 (set)" : "0 (not set)", 6, 1);
      field("ip.frag_offset", String((fragment & 0x1fff) * 8), 6, 2);
    }
    field("ip.ttl", String(get("ttl")), 8, 1);
    field("ip.proto", `${number} (${PROTOCOL_NAMES[number]})`, 9, 1);
    if (recorded) {
      const words = [0x4500 | (get("dscp") << 2) | ecn, 20 + size, get("id"), get("fragment"), (get("ttl") << 8) | number, 0, ...halves(src), ...halves(dst)];
      let sum = words.reduce((total, word) => total + word, 0);
      while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
      const right = ~sum & 0xffff;
      words[5] = (right + get("ip_sum")) & 0xffff;
      field("ip.checksum", hex(words[5], 4) + (get("ip_sum") ? ` (wrong, it should be ${hex(right, 4)})` : " (right)"), 10, 2);
      for (const word of words) writer.put(word, 2);
    }
    field("ip.src", src, 12, 4);
    field("ip.dst", dst, 16, 4);
  }

  function halves(address) {
    const [a, b, c, d] = address.split(".").map(Number);
    return [a * 256 + b, c * 256 + d];
  }

  /** Return the eight words of an IPv6 address. */
  function groups(address) {
    const [left, right] = address.split("::").map((part) => (part ? part.split(":") : []));
    if (!right) return left.map((word) => parseInt(word, 16));
    return [...left, ...Array(8 - left.length - right.length).fill("0"), ...right].map((word) => parseInt(word, 16));
  }

  function ipv6(writer, get, recorded, { src, dst, size, protocol }) {
    const start = writer.bytes.length;
    const ecn = Math.max(0, get("ecn"));
    const number = protocol === "tcp" ? 6 : 17;
    writer.layer("Internet Protocol, version 6", `${src} → ${dst}`);
    const field = (key, value, at, count, meaning) => writer.field(key, value, meaning, { at: start + at, count });
    field("ipv6.version", "6", 0, 1);
    if (recorded) field("ipv6.tclass.dscp", String(get("dscp")), 0, 2);
    field("ipv6.tclass.ecn", `${ecn} (${ECN[ecn]})`, 1, 1);
    if (recorded) {
      field("ipv6.flow", hex(get("flow_label"), 5), 1, 3);
      field("ipv6.plen", `${grouped(size)} bytes`, 4, 2);
    }
    field("ipv6.nxt", `${number} (${PROTOCOL_NAMES[number]})`, 6, 1);
    field("ipv6.hlim", String(get("ttl")), 7, 1);
    if (recorded) {
      writer.put(0x60000000 + (get("dscp") * 4 + ecn) * 1048576 + get("flow_label"), 4);
      writer.put(size, 2);
      writer.put(number, 1);
      writer.put(get("ttl"), 1);
      for (const address of [src, dst]) for (const word of groups(address)) writer.put(word, 2);
    }
    field("ipv6.src", src, 8, 16);
    field("ipv6.dst", dst, 24, 16);
  }

  function checksumWords(get, size) {
    const sum = hex(get("sum"), 4);
    if (get("bad") === 1) return `${sum} (a checksum of this packet is wrong)`;
    return sum + (get("caplen") < size ? " (not verified: the packet was not captured whole)" : " (right)");
  }

  function udp(writer, get) {
    const start = writer.bytes.length;
    writer.layer("User Datagram Protocol", `${get("src_port")} → ${get("dst_port")}, ${grouped(get("len"))} bytes of payload`);
    const field = (name, value, at, meaning) => writer.field(name, value, meaning, { at: start + at, count: 2 });
    field("Source Port", String(get("src_port")), 0, "the sender's end");
    field("Destination Port", String(get("dst_port")), 2, "the receiver's end");
    field("Length", `${grouped(get("len") + 8)} bytes`, 4, "this header and the payload");
    field("Checksum", checksumWords(get, get("frame")), 6, "over addresses, header and payload; 0: none (RFC 768)");
    for (const name of ["src_port", "dst_port"]) writer.put(get(name), 2);
    writer.put(get("len") + 8, 2);
    writer.put(get("sum"), 2);
  }

  function sequenceWords(get, flags) {
    if (get("base") < 0 || get("seq") < 0) return "";
    if (flags.syn) return "relative 0: the initial sequence number itself, chosen so that nobody can guess it (RFC 6528)";
    const what = get("len") > 0 ? "number of the first byte of the payload" : flags.fin ? "the FIN's number" : "number of the byte that would come next";
    return `relative ${grouped(get("seq"))} = ${get("seq_raw")} − ${get("base")}, the initial one: ${what}`;
  }

  function windowWords(get, flags) {
    const [field, win, shift] = ["field", "win", "shift"].map(get);
    const room = "room in the receive buffer, counted from the acknowledgment number";
    if (win < 0) return `${room}; by how much it is scaled is not known`;
    if (flags.syn) return `${grouped(win)} bytes: ${room}; in a SYN it is never scaled`;
    const scaled = shift > 0 && field > 0 ? `× ${2 ** shift} = ${grouped(win)} bytes` : `${grouped(win)} bytes`;
    return `${scaled}: ${room}${win === 0 && !flags.rst ? "; the sender must stop" : ""}`;
  }

  function tcp(writer, capture, get, { recorded, layout }) {
    const { info } = capture.run;
    const start = writer.bytes.length;
    const bits = get("flags");
    const flags = { syn: bits & 1, fin: bits & 2, rst: bits & 4, ack: bits & 16 };
    const names = tcpexp.bits(bits, info.flags);
    const size = 20 + (layout === null ? 0 : layout.length / 2);
    writer.layer("Transmission Control Protocol", `${get("src_port")} → ${get("dst_port")} [${names.join(", ") || "no flag"}] Seq ${grouped(get("seq"))}${flags.ack ? ` Ack ${grouped(get("ack"))}` : ""} Len ${grouped(get("len"))}`);
    const field = (key, value, at, count, meaning) => writer.field(key, value, meaning, { at: start + at, count });
    field("tcp.srcport", String(get("src_port")), 0, 2);
    field("tcp.dstport", String(get("dst_port")), 2, 2);
    field("tcp.seq_raw", String(get("seq_raw")), 4, 4, sequenceWords(get, flags));
    field("tcp.ack_raw", String(get("ack_raw")), 8, 4, flags.ack ? `relative ${grouped(get("ack"))}: all bytes before this one have arrived, this one is expected next` : "without ACK it means nothing");
    if (layout !== null) field("tcp.hdr_len", `${size / 4} (${size} bytes)`, 12, 1);
    if (recorded) field("tcp.flags.res", String(get("reserved") >> 1), 12, 1);
    if (recorded) field("tcp.flags.ae", String(get("reserved") & 1), 12, 1);
    for (const [name, bit] of TCP_FLAGS) field(`tcp.flags.${name}`, (bits >> bit) & 1 ? "1 (set)" : "0 (not set)", 13, 1);
    field("tcp.window_size_value", String(get("field")), 14, 2, windowWords(get, flags));
    field("tcp.checksum", checksumWords(get, get("frame")), 16, 2);
    if (recorded) field("tcp.urgent_pointer", String(get("urgent")), 18, 2);
    if (!recorded) return optionsKnown(writer, get);
    writer.put(get("src_port"), 2);
    writer.put(get("dst_port"), 2);
    writer.put(get("seq_raw"), 4);
    writer.put(get("ack_raw"), 4);
    writer.put(((size / 4) << 4) | get("reserved"), 1);
    writer.put(get("flag_field"), 1);
    writer.put(get("field"), 2);
    writer.put(get("sum"), 2);
    writer.put(get("urgent"), 2);
    return optionsRecorded(writer, capture, get, layout);
  }

  /** Without the capture file, options are known by their values only. */
  function optionsKnown(writer, get) {
    const field = (key, value) => writer.field(key, value, undefined, { at: null });
    if (get("mss") >= 0) field("tcp.options.mss", `${grouped(get("mss"))} bytes`);
    if (get("wscale") >= 0) field("tcp.options.wscale", `${get("wscale")} (multiply by ${2 ** get("wscale")})`);
    if (get("sackok") === 1) field("tcp.options.sack_perm", "");
    if (get("tsval") >= 0) field("tcp.options.timestamp", `TSval ${get("tsval")}, TSecr ${get("tsecr")}`);
  }

  function optionsRecorded(writer, capture, get, layout) {
    const place = capture.placeOf(get("number"));
    const blocks = capture.sacks().get(place) || [];
    const cut = layout.match(/../g) || [];
    const byte = (at) => parseInt(cut[at], 16);
    for (let at = 0; at < cut.length; ) {
      const kind = byte(at);
      const length = kind === 0 ? cut.length - at : kind === 1 ? 1 : Math.max(1, byte(at + 1) || 1);
      const from = writer.bytes.length;
      const field = (key, value, meaning, name = null) => writer.field(key, value, meaning, { at: from, count: length, name });
      if (kind === 8 && length === 10) {
        field("tcp.options.timestamp", `TSval ${get("tsval")}, TSecr ${get("tsecr")}`);
        writer.put(0x080a, 2);
        writer.put(get("tsval"), 4);
        writer.put(get("tsecr"), 4);
      } else if (kind === 5 && length % 8 === 2) {
        field("tcp.options.sack", blocks.map(([left, right]) => `${grouped(left)}–${grouped(right)}`).join(", "), `${blocks.length === 1 ? "a block" : `${blocks.length} blocks`} that arrived behind a gap, or twice: left edge, right edge, relative (RFC 2018, RFC 2883)`);
        writer.put(0x0500 + length, 2);
        for (const edge of blocks.flat()) writer.put((edge + get("aback")) % 4294967296, 4);
      } else {
        const value = kind === 2 ? `${grouped(byte(at + 2) * 256 + byte(at + 3))} bytes` : kind === 3 ? `${byte(at + 2)} (multiply by ${2 ** byte(at + 2)})` : "";
        const key = { 0: "eol", 1: "nop", 2: "mss", 3: "wscale", 4: "sack_perm" }[kind];
        if (key) field(`tcp.options.${key}`, value);
        else field("", cut.slice(at + 2, at + length).join(" "), kind === 34 ? "a cookie, or the request for one (RFC 7413)" : "not looked into", kind === 34 ? "Option 34: Fast Open" : `Option ${kind}`);
        writer.putHex(cut.slice(at, at + length).join(""));
      }
      at += length;
    }
  }

  /** A packet that the page holds as its bytes: ARP, ICMP and their like. */
  function rawHeaders(writer, digits) {
    const bytes = digits.match(/../g).map((pair) => parseInt(pair, 16));
    const word = (at) => bytes[at] * 256 + bytes[at + 1];
    const address = (at) => bytes.slice(at, at + 4).join(".");
    const address6 = (at) => Array.from({ length: 8 }, (_, i) => word(at + 2 * i).toString(16)).join(":");
    const station = (at) => mac(digits.slice(2 * at, 2 * at + 12));
    ethernet(writer, [digits.slice(0, 12), digits.slice(12, 24), word(12)]);
    writer.putHex(digits.slice(28));
    const field = (key, value, at, count, meaning, name = null) => writer.field(key, value, meaning, { at, count, name });
    if (word(12) === 0x0806 && bytes.length >= 42) {
      const asks = word(20) === 1;
      writer.layer("Address Resolution Protocol", asks ? `who has ${address(38)}? Tell ${address(28)}` : `${address(28)} is at ${station(22)}`);
      field("Operation", asks ? "1 (request)" : "2 (reply)", 20, 2, "RFC 826");
      field("Sender hardware address", station(22), 22, 6, "");
      field("Sender protocol address", address(28), 28, 4, "");
      field("Target hardware address", station(32), 32, 6, asks ? "not yet known" : "");
      field("Target protocol address", address(38), 38, 4, "");
      return;
    }
    const v4 = word(12) === 0x0800;
    if (!v4 && word(12) !== 0x86dd) return;
    const begin = v4 ? 14 + (bytes[14] & 15) * 4 : bytes[20] === 0 ? 62 : 54;
    const protocol = v4 ? bytes[23] : bytes[20] === 0 ? bytes[54] : bytes[20];
    const ends = v4 ? [address(26), address(30)] : [address6(22), address6(38)];
    writer.layer(v4 ? "Internet Protocol" : "Internet Protocol, version 6", ends.join(" → "));
    if (v4) {
      field("ip.hdr_len", `${bytes[14] & 15} (${(bytes[14] & 15) * 4} bytes)`, 14, 1);
      field("ip.dsfield.ecn", `${bytes[15] & 3} (${ECN[bytes[15] & 3]})`, 15, 1);
      field("ip.len", `${grouped(word(16))} bytes`, 16, 2);
      field("ip.id", `${hex(word(18), 4)} (${word(18)})`, 18, 2);
      field("ip.flags.df", (bytes[20] >> 6) & 1 ? "1 (set)" : "0 (not set)", 20, 1);
      field("ip.flags.mf", (bytes[20] >> 5) & 1 ? "1 (set)" : "0 (not set)", 20, 1);
      field("ip.frag_offset", String((word(20) & 0x1fff) * 8), 20, 2);
      field("ip.ttl", String(bytes[22]), 22, 1);
      field("ip.proto", `${protocol} (${PROTOCOL_NAMES[protocol] || "?"})`, 23, 1, "what the payload is");
      field("ip.checksum", hex(word(24), 4), 24, 2);
    } else {
      field("ipv6.nxt", `${bytes[20]} (${PROTOCOL_NAMES[bytes[20]] || "an extension header"})`, 20, 1, "what follows");
      field("ipv6.hlim", String(bytes[21]), 21, 1);
    }
    field(v4 ? "ip.src" : "ipv6.src", ends[0], v4 ? 26 : 22, v4 ? 4 : 16);
    field(v4 ? "ip.dst" : "ipv6.dst", ends[1], v4 ? 30 : 38, v4 ? 4 : 16);
    if ((protocol !== 1 && protocol !== 58) || bytes.length < begin + 4) return;
    const [type, code] = [bytes[begin], bytes[begin + 1]];
    const said = tcpexp.icmpWords(protocol === 58, type, code);
    writer.layer(protocol === 1 ? "Internet Control Message Protocol" : "Internet Control Message Protocol, version 6", said);
    field("Type", `${type} (${(protocol === 1 ? ICMP : ICMP6)[type] || "?"})`, begin, 1, protocol === 1 ? "RFC 792" : "RFC 4443, RFC 4861");
    field("Code", String(code), begin + 1, 1, said);
    field("Checksum", hex(word(begin + 2), 4), begin + 2, 2, "over the whole message");
    if (protocol === 1 && type === 3 && code === 4) field("Next-hop MTU", `${grouped(word(begin + 6))} bytes`, begin + 6, 2, "the largest packet that would have passed (RFC 1191)");
    if (protocol === 58 && type === 2) field("MTU", `${grouped(word(begin + 4) * 65536 + word(begin + 6))} bytes`, begin + 4, 4, "the largest packet that would have passed (RFC 8201)");
    const quoted = begin + 8;
    if (protocol === 1 && [3, 5, 11].includes(type) && bytes.length >= quoted + 28) {
      const inner = quoted + (bytes[quoted] & 15) * 4;
      field("Quoted packet", `${address(quoted + 12)}:${word(inner)} → ${address(quoted + 16)}:${word(inner + 2)}, ${PROTOCOL_NAMES[bytes[quoted + 9]] || bytes[quoted + 9]}`, quoted, Math.min(28, bytes.length - quoted), "the packet that this message is about");
    }
  }

  /** Return what an ICMP message says. */
  tcpexp.icmpWords = function (six, type, code) {
    const said = (six ? ICMP6 : ICMP)[type] || `type ${type}, code ${code}`;
    return !six && type === 3 && UNREACHABLE[code] ? `${said}: ${UNREACHABLE[code]}` : said;
  };
})((window.tcpexp = window.tcpexp || {}));
