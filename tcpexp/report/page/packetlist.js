// The packet list of a page: filter, quick buttons, list, header, streams, conversations, expert summary; linked with the panels.
"use strict";
(function (tcpexp) {
  const { make } = tcpexp;
  const grouped = (value) => value.toLocaleString("en-US", { maximumFractionDigits: 0 });
  const VIEWS = [["list", "Packets"], ["conversations", "Conversations"], ["expert", "Expert summary"]];
  const QUICK = [
    ["handshake", "SYN, SYN-ACK and the ACK after it", "syn or (tcp.seq == 1 and tcp.ack == 1 and tcp.len == 0 and not fin and not rst)"],
    ["data", "packets with payload", "tcp.len > 0"],
    ["retransmissions", "what a sender sent again, and what Wireshark takes for it", "resent or tcp.analysis.retransmission"],
    ["lost", "packets that never arrived", "lost"],
    ["resets", "RST", "rst"],
    ["window", "Zero Window, Window Full, Window Update and probes", "label contains window"],
    ["end", "FIN and RST", "fin or rst"],
  ];

  tcpexp.PacketList = class {
    /** `group` is the tcpexp.Group of the panels, `root` the element to fill. */
    constructor(run, group, root) {
      this.run = run;
      this.group = group;
      this.root = root;
      this.capture = run.captures[0];
      this.place = -1;
      this.text = "";
      this.filter = tcpexp.parseFilter("", run);
      this.detail = null; // "header" or "follow", while it is open
      this.view = "list";
      this.build();
      group.listen("pin", (hit) => this.pinned(group.packetOf(hit)));
      group.listen("range", () => this.filter.viewed && this.soon());
      this.refresh();
      this.capture.warm();
      if (group.pinned) this.pinned(group.packetOf(group.pinned));
    }

    build() {
      this.input = make("input", { type: "text", class: "filter", id: "packet-filter", spellcheck: "false", autocomplete: "off", autocapitalize: "off", placeholder: "tcp.len > 0 and not resent", "aria-describedby": "filter-said", oninput: () => this.typed() });
      this.input.addEventListener("keydown", (event) => {
        if (event.key === "Enter" || event.key === "ArrowDown") this.grid.element.focus();
        else if (event.key === "Escape") this.input.value ? this.setFilter("") : this.grid.element.focus();
        else return;
        event.preventDefault();
      });
      this.said = make("div", { class: "filter-said", id: "filter-said", role: "status", "aria-live": "polite" });
      this.count = make("output", { class: "time" });
      this.chooser = make("select", { "aria-label": "Capture", onchange: () => this.choose(this.run.capture(this.chooser.value)) }, ...this.run.captures.map(({ name, info }) => make("option", { value: name }, `${name} (${grouped(info.packets)})`)));
      this.quick = QUICK.map(([name, title, text]) => this.toggle(name, `${title}: ${text}`, text, () => this.setFilter(this.text === text ? "" : text)));
      this.narrow = [this.toggle("this flow", "only the connection of the selected packet", "", () => this.withPart(this.flowPart())), this.toggle("in view", "only what the panels show; follows them", "", () => this.withPart("view"))];
      this.grid = new tcpexp.PacketRows({ select: (place) => this.selected(place), open: () => this.open(this.detail === "header" ? null : "header"), close: () => (this.detail ? this.open(null) : this.group.pin(null)) });
      this.openers = [["header", "Header (Enter)", "the packet's header field by field"], ["follow", "Follow stream", "what its connection carried"]].map(([kind, text, title]) => make("button", { type: "button", title, "aria-pressed": "false", "data-kind": kind, onclick: () => this.open(this.detail === kind ? null : kind) }, text));
      this.hidden = make("span", { class: "soft" });
      this.pane = make("div", { class: "packet-detail", hidden: true, role: "region", "aria-label": "The selected packet" });
      this.other = make("div", { class: "packet-other", hidden: true });
      this.tabs = VIEWS.map(([view, text]) => make("button", { type: "button", role: "tab", id: `packets-tab-${view}`, "aria-controls": "packets-view", "aria-selected": String(view === "list"), tabindex: view === "list" ? "0" : "-1", onclick: () => this.show(view) }, text));
      const tabs = make("div", { class: "packet-tabs", role: "tablist", "aria-label": "Views of the capture" }, ...this.tabs);
      tabs.addEventListener("keydown", (event) => {
        const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (!by) return;
        const at = (VIEWS.findIndex(([view]) => view === this.view) + by + VIEWS.length) % VIEWS.length;
        this.show(VIEWS[at][0]);
        this.tabs[at].focus();
        event.preventDefault();
      });
      this.list = make("div", {},
        make("div", { class: "filter-bar" }, make("label", { for: "packet-filter" }, "Filter"), this.input, make("button", { type: "button", title: "Show all packets (Esc)", onclick: () => { this.setFilter(""); this.input.focus(); } }, "Clear")),
        this.said,
        make("div", { class: "toggles", role: "group", "aria-label": "Common filters" }, ...this.quick, ...this.narrow),
        this.grid.element,
        make("div", { class: "buttons" }, ...this.openers, make("button", { type: "button", title: "go to the panels, where this packet is pinned", onclick: () => this.toPanels() }, "Show in the panels"), this.hidden), this.pane, this.fieldHelp());
      this.root.append(
        make("div", { class: "packet-top" }, tabs, make("label", { class: "choice" }, "Capture ", this.chooser), this.count),
        make("div", { id: "packets-view", role: "tabpanel", "aria-labelledby": "packets-tab-list" }, this.list, this.other));
    }

    toggle(name, title, query, act) {
      return make("button", { type: "button", class: "quick", title, "aria-pressed": "false", "data-query": query, onclick: act }, name);
    }

    /** The fields of the filter, to look up and to put in. */
    fieldHelp() {
      const fill = (details) => {
        if (!details.open || details.childElementCount > 1) return;
        const rows = this.run.info.fields.map(([names, , , , meaning]) => make("tr", {}, make("th", { scope: "row" }, make("button", { type: "button", class: "plain", title: "put it into the filter", onclick: () => this.put(names[0]) }, names[0])), make("td", { class: "soft" }, names.slice(1).join(", ")), make("td", { class: "soft" }, meaning.replaceAll("`", ""))));
        details.append(make("p", {}, "Compare with ==, !=, <, >, <=, >=, contains and in {1..20, 25}; join with and, or, not and parentheses. A word that is no field is looked for in flags, labels, hosts, addresses, ports and flows. A link to this page keeps the filter."), make("div", { class: "scroll" }, make("table", {}, make("tbody", {}, ...rows))));
      };
      return make("details", { class: "filter-help", ontoggle: (event) => fill(event.currentTarget) }, make("summary", {}, "Fields of the filter"));
    }

    put(text) {
      this.input.setRangeText(text, this.input.selectionStart, this.input.selectionEnd, "end");
      this.input.focus();
      this.typed();
    }

    typed() {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.apply(), 40);
    }

    setFilter(text) {
      this.input.value = text;
      this.apply();
    }

    /** Take the filter that stands in the field; one that cannot be read leaves the list as it is and says why. */
    apply() {
      const text = this.input.value.trim();
      try {
        this.filter = tcpexp.parseFilter(text, this.run);
      } catch (error) {
        if (!(error instanceof tcpexp.FilterError)) throw error;
        this.complain(error);
        return;
      }
      this.text = text;
      this.said.replaceChildren();
      this.input.removeAttribute("aria-invalid");
      this.refresh();
      this.keep();
    }

    complain(error) {
      const text = this.input.value.trim();
      const marked = make("code", {}, text.slice(0, error.at), make("mark", {}, text.slice(error.at, error.end) || " "), text.slice(error.end));
      this.said.replaceChildren(make("span", { class: "wrong" }, `At ${error.at + 1}: ${error.message}${error.message.endsWith("?") ? "" : "."} `), marked);
      if (error.suggestion) this.said.append(" ", make("button", { type: "button", onclick: () => { this.setFilter(error.suggestion); this.input.focus(); } }, "Use ", make("code", {}, error.suggestion)));
      this.input.setAttribute("aria-invalid", "true");
    }

    soon() {
      clearTimeout(this.later);
      this.later = setTimeout(() => this.refresh(), 60);
    }

    /** Show what the filter lets through. */
    refresh() {
      const { capture } = this;
      this.rows = tcpexp.filtered(this.filter, capture, { range: this.group.range });
      if (this.view === "list") this.grid.show(capture, this.rows, this.place);
      const { packets, listed } = capture.info;
      const part = this.rows.length === listed ? grouped(listed) : `${grouped(this.rows.length)} of ${grouped(listed)}`;
      this.count.textContent = `${part} packets${listed < packets ? ` (the capture has ${grouped(packets)}; of the others without label, loss, SYN, FIN or RST this page has no room)` : ""}`;
      for (const each of this.quick) each.setAttribute("aria-pressed", String(each.dataset.query === this.text));
      this.narrow[0].setAttribute("aria-pressed", String(this.parts().includes(this.flowPart())));
      this.narrow[1].setAttribute("aria-pressed", String(this.parts().includes("view")));
      this.note();
      this.root.dataset.shown = String(this.rows.length);
    }

    /** Say where the selected packet is when the filter hides it. */
    note() {
      this.hidden.replaceChildren();
      if (this.place >= 0 && this.grid.at < 0) this.hidden.append(`#${this.capture.column("number")[this.place]} is selected, but the filter hides it. `, make("button", { type: "button", onclick: () => this.setFilter("") }, "Show all"));
    }

    parts() {
      return this.text.split(" and ").map((part) => part.trim());
    }

    flowPart() {
      const stream = this.place < 0 ? -1 : this.capture.column("stream")[this.place];
      const first = this.capture.info.parts[0];
      if (stream >= 0) return `tcp.stream == ${stream}`;
      if (this.place >= 0 || !first.base) return "tcp.stream == 0";
      return `tcp.stream == ${this.run.panels.table(this.group.connection || first.base).facts.stream}`;
    }

    /** Add a part to the filter, or take it away. */
    withPart(part) {
      const parts = this.parts().filter(Boolean);
      if (parts.includes(part)) this.setFilter(parts.filter((each) => each !== part).join(" and "));
      else this.setFilter(!this.text ? part : `${/\bor\b|\|\|/.test(this.text) ? `(${this.text})` : this.text} and ${part}`);
    }

    choose(capture) {
      if (!capture || capture === this.capture) return;
      const other = this.place < 0 ? null : this.capture.otherEnd(this.place);
      this.place = other && other.capture === capture ? other.place : -1;
      this.capture = capture;
      capture.warm();
      this.chooser.value = capture.name;
      this.refresh();
      this.show(this.view);
      this.fillPane();
      this.keep();
    }

    show(view) {
      this.view = view;
      this.tabs.forEach((tab, i) => {
        tab.setAttribute("aria-selected", String(VIEWS[i][0] === view));
        tab.tabIndex = VIEWS[i][0] === view ? 0 : -1;
      });
      this.root.querySelector("#packets-view").setAttribute("aria-labelledby", `packets-tab-${view}`);
      this.list.hidden = view !== "list";
      this.other.hidden = view === "list";
      const act = {
        filter: (text) => { this.show("list"); this.setFilter(text); this.grid.element.focus(); },
        jump: (number) => this.jump(this.capture.name, number, false),
        follow: (connection) => this.follow(connection),
        follows: (connection) => this.run.info.streams.some((stream) => stream.connection === connection),
      };
      if (view === "conversations") this.other.replaceChildren(tcpexp.conversationView(this.run, this.capture, act));
      else if (view === "expert") this.other.replaceChildren(tcpexp.expertView(this.capture, act));
      else this.grid.show(this.capture, this.rows, this.place);
    }

    follow(connection) {
      const stream = this.run.info.streams.find((each) => each.connection === connection);
      this.show("list");
      if (this.place < 0 || this.capture.column("connection")[this.place] !== connection) {
        const capture = this.run.capture(stream.capture);
        this.choose(capture);
        this.place = capture.column("connection").indexOf(connection);
        this.refresh();
      }
      this.open("follow");
    }

    /** The reader has chosen a packet: pin it in the panels, or bring its time into view there. */
    selected(place) {
      this.place = place;
      this.fillPane();
      this.note();
      this.narrow[0].setAttribute("aria-pressed", String(this.parts().includes(this.flowPart())));
      clearTimeout(this.pinning);
      this.pinning = setTimeout(() => this.pin(), 80);
      this.keep();
    }

    toPanels() {
      if (this.place < 0 && this.rows.length) this.grid.go(0);
      this.pin();
      this.group.root.scrollIntoView({ block: "start" });
    }

    pin() {
      const { capture, place, group } = this;
      if (place < 0) return;
      this.pins = true;
      const other = capture.otherEnd(place);
      const there = group.pinPacket(capture.name, capture.column("number")[place]) || (other !== null && group.pinPacket(other.capture.name, other.number));
      if (!there) {
        group.pin(null);
        const at = capture.column("t")[place];
        const [from, to] = group.range;
        if (at < from || at > to) group.zoom(at - (to - from) / 2, at + (to - from) / 2, false);
      }
      this.pins = false;
    }

    /** A packet was pinned in the panels: select it here. */
    pinned(packet) {
      if (this.pins || !packet) return;
      const capture = this.run.capture(packet.capture);
      if (!capture) return;
      if (capture !== this.capture) this.choose(capture);
      this.place = capture.placeOf(packet.number);
      this.grid.show(capture, this.rows, this.place);
      this.fillPane();
      this.note();
      this.keep();
    }

    open(kind) {
      this.detail = kind;
      for (const each of this.openers) each.setAttribute("aria-pressed", String(each.dataset.kind === kind));
      if (kind && this.place < 0 && this.rows.length) this.grid.go(0);
      this.fillPane();
    }

    fillPane() {
      this.pane.hidden = !this.detail;
      if (!this.detail) return;
      const { capture, place } = this;
      if (place < 0) {
        this.pane.replaceChildren(make("p", { class: "soft" }, "Select a packet."));
        return;
      }
      const number = capture.column("number")[place];
      if (this.detail === "header") {
        this.followed = null;
        const other = capture.otherEnd(place);
        const more = other ? [" ", make("button", { type: "button", onclick: () => this.jump(other.capture.name, other.number, false) }, `the same packet at ${other.capture.name}: #${other.number}`)] : [];
        this.pane.replaceChildren(make("p", { class: "soft" }, `#${number} of ${capture.name}, ${tcpexp.moment(capture.column("t")[place])}, ${grouped(capture.column("frame")[place])} bytes on the wire. In Wireshark: `, make("code", {}, `wireshark -g ${number} raw/${capture.name}.pcap`), ...more), tcpexp.headerView(capture, place));
        return;
      }
      const connection = capture.column("connection")[place];
      if (this.followed === connection && connection >= 0) return;
      this.followed = connection;
      const stream = this.run.info.streams.find((each) => each.connection === connection);
      this.pane.replaceChildren(stream ? tcpexp.followView(this.run, stream, (at, name) => this.jump(name, at, false)) : make("p", { class: "soft" }, "This page holds nothing that this packet's connection carried: it carried nothing, its capture was not there, or the page has no room for so many."));
    }

    /** Show a packet of a capture; returns whether it is listed. */
    jump(name, number, scroll = true) {
      const capture = this.run.capture(name);
      if (!capture || capture.placeOf(number) < 0) return false;
      this.choose(capture);
      this.show("list");
      let at = tcpexp.firstAtLeast(this.rows, capture.placeOf(number));
      if (this.rows[at] !== capture.placeOf(number)) {
        this.setFilter("");
        at = capture.placeOf(number);
      }
      if (scroll) this.root.scrollIntoView({ block: "start" });
      this.grid.element.focus({ preventScroll: true });
      this.grid.go(at);
      return true;
    }

    /** Keep capture, filter and packet in the page's address. */
    keep() {
      if (this.taking) return;
      const state = new URLSearchParams();
      if (this.capture !== this.run.captures[0]) state.set("capture", this.capture.name);
      if (this.text) state.set("filter", this.text);
      if (this.place >= 0) state.set("packet", this.capture.column("number")[this.place]);
      const words = state.toString();
      const hash = words ? `#packets?${words}` : "#packets";
      if (words || location.hash.startsWith("#packets")) history.replaceState(history.state, "", hash);
    }

    /** Take capture, filter and packet from an address. */
    take(hash) {
      const state = new URLSearchParams(hash.split("?")[1] || "");
      this.taking = true;
      this.choose(this.run.capture(state.get("capture") || this.run.captures[0].name));
      this.setFilter(state.get("filter") || "");
      this.taking = false;
      if (state.has("packet")) this.jump(this.capture.name, Number(state.get("packet")));
      else this.root.scrollIntoView({ block: "start" });
    }
  };
})((window.tcpexp = window.tcpexp || {}));
