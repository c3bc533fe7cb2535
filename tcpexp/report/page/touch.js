// Fingers on a panel: one moves the time sideways, two zoom; up and down the page scrolls, and a tap points and pins.
"use strict";
(function (tcpexp) {
  const STILL = 6; // CSS pixels that a finger may move and still tap

  tcpexp.touch = function (group, over) {
    const fingers = new Map(); // pointer to its place sideways
    let begun = null;
    const begin = () => {
      begun = { range: group.range, places: [...fingers.values()], moved: false };
    };
    over.addEventListener("pointerdown", (event) => {
      if (event.pointerType !== "touch") return;
      fingers.set(event.pointerId, event.clientX);
      begin();
    });
    over.addEventListener("pointermove", (event) => {
      if (!fingers.has(event.pointerId)) return;
      fingers.set(event.pointerId, event.clientX);
      const [first, second] = [...fingers.values()];
      const [from, to] = begun.range;
      const [a, b] = begun.places;
      const perPixel = (to - from) / over.clientWidth;
      if (!begun.moved && Math.abs(first - a) < STILL && (second === undefined || Math.abs(second - b) < STILL)) return;
      if (!begun.moved) group.history.push(begun.range);
      begun.moved = true;
      if (second === undefined) {
        group.zoom(from - (first - a) * perPixel, to - (first - a) * perPixel, false);
        return;
      }
      const apart = second - first;
      if (Math.abs(apart) < 12 || Math.sign(apart) !== Math.sign(b - a)) return;
      const left = over.getBoundingClientRect().left; // the moments under the fingers stay under them
      const each = (perPixel * (b - a)) / apart;
      const start = from + (a - left) * perPixel - (first - left) * each;
      group.zoom(start, start + each * over.clientWidth, false);
    });
    const lift = (event) => {
      if (fingers.delete(event.pointerId) && fingers.size) begin();
    };
    over.addEventListener("pointerup", lift);
    over.addEventListener("pointercancel", lift);
  };
})((window.tcpexp = window.tcpexp || {}));
