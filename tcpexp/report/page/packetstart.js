// Waits until the packet list is looked at, then unpacks its script and its columns.
"use strict";
(function (tcpexp) {
  const { make } = tcpexp;

  /** Make the list when it is first near the window, asked for by the address, or by a link to a packet. */
  tcpexp.startPackets = function (root, group) {
    const element = (name) => document.getElementById(`packet-${name}`);
    root.hidden = false;
    let made = null;
    const list = () => {
      made = made || Promise.all(["script", "columns"].map((name) => tcpexp.inflate(element(name).textContent.trim()))).then(([script, bytes]) => {
        document.head.append(make("script", {}, new TextDecoder().decode(script))); // its hash is in the page's policy
        element("columns").textContent = "";
        const run = new tcpexp.PacketRun(JSON.parse(element("info").textContent), bytes, group.data);
        tcpexp.packetList = new tcpexp.PacketList(run, group, root.querySelector(".packet-place"));
        root.dataset.ready = "yes";
        return tcpexp.packetList;
      });
      return made;
    };
    new IntersectionObserver((seen, watch) => {
      if (!seen.some((each) => each.isIntersecting)) return;
      watch.disconnect();
      list();
    }, { rootMargin: "50% 0px" }).observe(root);
    const asked = () => location.hash.startsWith("#packets?") && list().then((each) => each.take(location.hash));
    addEventListener("hashchange", asked);
    document.addEventListener("click", (event) => {
      const link = event.target.closest("[data-capture][data-packet]");
      if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      list().then((each) => each.jump(link.dataset.capture, Number(link.dataset.packet)));
    });
    addEventListener("keydown", (event) => {
      if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
      event.preventDefault();
      list().then((each) => {
        each.show("list");
        root.scrollIntoView({ block: "start" });
        each.input.focus({ preventScroll: true });
        each.input.select();
      });
    });
    asked();
  };
})((window.tcpexp = window.tcpexp || {}));
