// What stands beside the packet list: a packet's header, what a connection carried, conversations, the expert summary.
"use strict";
(function (tcpexp) {
  const { make } = tcpexp;
  const grouped = (value) => value.toLocaleString("en-US", { maximumFractionDigits: 0 });
  const cell = (text, kind = "") => make("td", { class: kind }, text);
  const head = (...names) => make("thead", {}, make("tr", {}, ...names.map(([name, kind, title]) => make("th", { scope: "col", class: kind || "", title: title || null }, name))));
  const button = (text, title, act) => make("button", { type: "button", class: "plain", title, onclick: act }, text);

  /** Return a packet's headers as tables, its bytes beside them: a field's bytes are marked while it is pointed at. */
  tcpexp.headerView = function (capture, place) {
    const { layers, bytes, more } = tcpexp.headersOf(capture, place);
    const dump = bytes ? hexDump(bytes) : null;
    const mark = (field, on) => {
      if (dump && field.at !== null) for (let i = field.at; i < field.at + field.count; i++) if (dump.spans[i]) dump.spans[i].forEach((span) => span.classList.toggle("marked", on));
    };
    const tables = layers.map((layer) => {
      const rows = layer.fields.map((field) => {
        const row = make("tr", { onmouseenter: () => mark(field, true), onmouseleave: () => mark(field, false) }, make("th", { scope: "row", title: field.key }, field.name), cell(field.value, "value"), capture.run.info.explained ? cell(field.meaning, "soft") : null);
        return row;
      });
      return make("details", { class: "layer", open: true }, make("summary", {}, make("strong", {}, layer.name), " ", layer.summary), make("table", { class: "header-fields" }, make("tbody", {}, ...rows)));
    });
    const rest = make("p", { class: "soft" }, bytes ? (more > 0 ? `${grouped(more)} more bytes of this packet are in the capture.` : "") : "The capture file was not there when this page was made, or has other frames than Ethernet's: fields that only it knows are left out.");
    return make("div", {}, dump ? make("div", { class: "dump" }, dump.element, rest) : rest, ...tables);
  };

  const printable = (byte) => (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : "·");

  function hexDump(bytes) {
    const spans = [];
    const element = make("pre", { class: "hex", tabindex: "0", "aria-label": "The header's bytes in hexadecimal" });
    const wide = matchMedia("(max-width: 48rem)").matches ? 8 : 16;
    for (let line = 0; line < bytes.length; line += wide) {
      const part = [...bytes.slice(line, line + wide)];
      element.append(`${line.toString(16).padStart(4, "0")}  `);
      part.forEach((byte, i) => {
        const span = make("span", {}, byte.toString(16).padStart(2, "0"));
        spans[line + i] = [span];
        element.append(span, i === 7 && wide > 8 ? "  " : " ");
      });
      element.append(" ".repeat(3 * (wide - part.length) + (wide > 8 && part.length < 8 ? 1 : 0) + 1));
      part.forEach((byte, i) => {
        const span = make("span", {}, printable(byte));
        spans[line + i].push(span);
        element.append(span);
      });
      element.append("\n");
    }
    return { element, spans };
  }

  /** Return what a connection carried, as text or in hexadecimal, one way or both; `jump(number)` shows a packet. */
  tcpexp.followView = function (run, stream, jump) {
    const read = (name) => tcpexp.unpack(run.bytes, stream.columns[name]);
    const [way, number, start, size, gap, held, bytes] = ["way", "number", "start", "size", "gap", "held", "bytes"].map(read);
    const body = make("div", { class: "followed", tabindex: "0", role: "region", "aria-label": "What the connection carried" });
    let form = "text";
    let wanted = "both";
    const fill = () => {
      body.replaceChildren();
      let at = 0;
      let block = null;
      for (let i = 0; i < way.length; i++) {
        const own = Uint8Array.from(bytes.subarray(at, at + held[i]));
        at += held[i];
        if (wanted !== "both" && way[i] !== Number(wanted)) continue;
        if (!block || block.way !== way[i]) body.append((block = new Block(stream, way[i], number[i], jump)).element);
        if (gap[i] > 0) block.note(`${grouped(gap[i])} bytes before this were never captured`);
        block.add(own, start[i], form);
        if (held[i] < size[i]) block.note(`${grouped(size[i] - held[i])} bytes of packet ${number[i]} were cut off by the capture's snaplen`);
      }
      if (!body.childElementCount) body.append(make("p", { class: "soft" }, "Nothing was carried this way."));
    };
    const choice = (label, options, act) => make("label", { class: "choice" }, `${label} `, make("select", { onchange: (event) => { act(event.target.value); fill(); } }, ...options.map(([value, text]) => make("option", { value }, text))));
    const [client, server] = stream.ends;
    const bar = make("div", { class: "buttons" }, choice("Show as", [["text", "text"], ["hex", "hexadecimal"]], (value) => (form = value)), choice("Direction", [["both", "both"], ["0", `${client} → ${server}`], ["1", `${server} → ${client}`]], (value) => (wanted = value)));
    const left = stream.left_out.map((count, i) => (count > 0 ? `${grouped(count)} bytes from ${i ? "the server" : "the client"}` : "")).filter(Boolean);
    fill();
    return make("div", {}, bar, make("p", { class: "soft" }, `Connection ${stream.connection}, ${client} (client) to ${server} (server), put together from the packets at ${stream.capture}; what was sent twice stands here once.${left.length ? ` Not on this page: ${left.join(" and ")}.` : ""}`), body);
  };

  /** What one end said before the other spoke. */
  class Block {
    constructor(stream, way, number, jump) {
      this.way = way;
      this.text = make("pre", {});
      this.decoder = new TextDecoder("utf-8");
      const label = way ? "server → client" : "client → server";
      this.element = make("div", { class: `said way-${way}` }, make("p", { class: "who" }, label, " ", button(`#${number}`, "show this packet in the list", () => jump(number, stream.capture))), this.text);
    }

    add(bytes, start, form) {
      if (form === "text") this.text.append(this.decoder.decode(bytes, { stream: true }).replace(/\r\n/g, "\n").replace(/[\u0000-\u0008\u000b-\u001f\u007f]/g, "·"));
      else for (let line = 0; line < bytes.length; line += 16) {
        const part = [...bytes.subarray(line, line + 16)];
        this.text.append(`${String(start + line).padStart(8)}  ${part.map((byte) => byte.toString(16).padStart(2, "0")).join(" ").padEnd(48)} ${part.map(printable).join("")}\n`);
      }
    }

    note(text) {
      const begun = this.text.textContent.length > 0 && !this.text.textContent.endsWith("\n");
      this.text.append(begun ? "\n" : "", make("span", { class: "note" }, `[${text}]`), "\n");
    }
  }

  const CELLS = ["protocol", "stream", "connection", "flow", "a", "a_port", "b", "b_port", "packets", "frame_bytes", "payload_bytes", "first_number", "start_ns", "duration_ns", "rate_bps", "resent"];

  /** Return the table of a capture's conversations. `act.filter(text)`, `act.jump(number)` and `act.follow(connection)` do what is clicked. */
  tcpexp.conversationView = function (run, capture, act) {
    const rows = capture.info.conversations.map((cells) => Object.fromEntries(CELLS.map((name, i) => [name, cells[i]])));
    const named = (address, port) => {
      const host = run.host(run.info.addresses.indexOf(address)) || address;
      return port === null ? host : `${host}:${port}`;
    };
    const rate = (row, way) => (row.rate_bps ? tcpexp.quantity(row.rate_bps[way], "bps", 3) : "");
    const line = (row) => {
      const [one, two] = [row.packets, row.frame_bytes].map(([there, back]) => [grouped(there), grouped(back)]);
      const query = row.stream !== null ? `tcp.stream == ${row.stream}` : `${row.protocol} and addr == ${row.a} and addr == ${row.b}${row.a_port === null ? "" : ` and port == ${row.a_port} and port == ${row.b_port}`}`;
      return make("tr", {},
        make("th", { scope: "row" }, button(`${named(row.a, row.a_port)} ↔ ${named(row.b, row.b_port)}`, `show only these packets: ${query}`, () => act.filter(query))),
        cell(row.protocol), cell(row.flow || "", "soft"), cell(one[0], "n"), cell(one[1], "n"), cell(two[0], "n"), cell(two[1], "n"),
        cell(`${(row.start_ns / 1e9).toFixed(6)} s`, "n"), cell(tcpexp.quantity(row.duration_ns, "ns", 5), "n"), cell(rate(row, 0), "n"), cell(rate(row, 1), "n"), cell(row.resent ? `${grouped(row.resent[0])} / ${grouped(row.resent[1])}` : "", "n"),
        make("td", { class: "w" }, button(`#${row.first_number}`, "show its first packet", () => act.jump(row.first_number)), " ", act.follows(row.connection) ? button("follow", "what this connection carried", () => act.follow(row.connection)) : ""));
    };
    const table = make("table", { class: "talks" }, head(["Between A ↔ B"], ["Protocol"], ["Flow"], ["Packets A→B", "n"], ["B→A", "n"], ["Bytes A→B", "n", "whole frames"], ["B→A", "n", "whole frames"], ["Start", "n"], ["Duration", "n"], ["Rate A→B", "n", "whole frames over the duration"], ["B→A", "n"], ["Sent again A / B", "n", "packets that A and B sent again: the table resent, at each sender's own capture"], ["Look at"]), make("tbody", {}, ...rows.map(line)));
    const more = capture.info.more_conversations;
    return make("div", {}, make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Conversations" }, table), make("p", { class: "soft" }, `As ${capture.name} saw them; bytes are whole frames.${more ? ` ${grouped(more)} smaller ones are not listed.` : ""}`));
  };

  /** Return the expert summary of a capture. */
  tcpexp.expertView = function (capture, act) {
    const explained = capture.info.expert.some((row) => row.meaning); // a student's page says nothing of it
    const rows = capture.info.expert.map((row) => make("tr", {},
      cell(row.grade, `grade ${row.grade}`),
      make("th", { scope: "row" }, button(row.what, `show only these packets: ${row.filter}`, () => act.filter(row.filter))),
      cell(grouped(row.count), "n"),
      make("td", { class: "w" }, ...row.first.flatMap((number) => [button(`#${number}`, "show this packet", () => act.jump(number)), " "])),
      explained ? cell(row.meaning, "soft") : null, cell(row.source, "soft")));
    if (!rows.length) return make("p", {}, `Nothing at ${capture.name} is out of the ordinary.`);
    return make("div", {}, make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Expert summary" }, make("table", { class: "expert" }, head(["Grade"], ["What"], ["Packets", "n"], ["The first"], ...(explained ? [["What it means"]] : []), ["Who says so"]), make("tbody", {}, ...rows))), make("p", { class: "soft" }, "Grades are Wireshark's where it grades such a thing. A name shows only these packets, a number goes to the packet."));
  };
})((window.tcpexp = window.tcpexp || {}));
