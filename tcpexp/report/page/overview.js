// The strip over all panels: how much went on when, where it was lost and what was done; its window is what the panels show.
"use strict";
(function (tcpexp) {
  const { make } = tcpexp;
  const ALONG = 0.02; // of the whole: how far an arrow key moves one end

  /** Paint a run's activity into its share of the strip: frames as columns, below them losses (dark) and retransmissions (pale). */
  function activity(context, group, { table, color }, top, tall, x, wide) {
    const [from, to, frames, again, lost] = ["t", "to", "n", "again", "lost"].map((name) => group.data.column(table, name));
    const ratio = devicePixelRatio;
    const most = new Float64Array(wide + 1);
    const bad = new Uint8Array(wide + 1);
    for (let i = 0; i < frames.length; i++) {
      if (!frames[i]) continue;
      const last = Math.min(wide, Math.max(x(from[i]), x(to[i]) - 1));
      for (let column = Math.max(0, Math.floor(x(from[i]))); column <= last; column++) {
        most[column] = Math.max(most[column], frames[i]);
        bad[column] = Math.max(bad[column], lost[i] ? 2 : again[i] ? 1 : 0);
      }
    }
    const peak = most.reduce((one, other) => Math.max(one, other), 1);
    const floor = top + tall - 3 * ratio;
    for (let column = 0; column <= wide; column++) {
      if (!most[column]) continue;
      context.fillStyle = group.color(color);
      context.globalAlpha = 0.75;
      const height = Math.max(1.5 * ratio, Math.sqrt(most[column] / peak) * (tall - 5 * ratio));
      context.fillRect(column, floor - height, 1, height);
      context.globalAlpha = 1;
      if (!bad[column]) continue;
      context.fillStyle = group.color("--alarm");
      context.globalAlpha = bad[column] === 2 ? 1 : 0.55;
      context.fillRect(column - ratio / 2, floor, Math.max(1, ratio), 3 * ratio);
      context.globalAlpha = 1;
    }
  }

  /** Return the strip. One drags its window or its ends, clicks or drags elsewhere, or uses the arrow keys. */
  tcpexp.overview = function (group) {
    const canvas = make("canvas", { "aria-hidden": "true" });
    const end = (name, side) => make("span", { class: `grip ${name}`, role: "slider", tabindex: "0", "aria-label": side, "aria-orientation": "horizontal", title: `${side}: drag, or arrow keys` });
    const ends = [end("from", "Beginning of what is shown"), end("to", "End of what is shown")];
    const shown = make("div", { class: "shown" }, ...ends);
    const strip = make("div", { class: "overview", role: "group", "aria-label": "Overview of the whole run", title: "Frames over the whole run (higher: more), below them red: losses and retransmissions; dashed: actions. Drag the window or its ends; click elsewhere to go there." }, canvas, shown);
    const part = (time) => (time - group.whole[0]) / (group.whole[1] - group.whole[0]);

    const place = () => {
      const [from, to] = group.range;
      shown.style.left = `${100 * part(from)}%`;
      shown.style.width = `${100 * (part(to) - part(from))}%`;
      ends.forEach((each, i) => {
        each.setAttribute("aria-valuemin", group.whole[0]);
        each.setAttribute("aria-valuemax", group.whole[1]);
        each.setAttribute("aria-valuenow", group.range[i]);
        each.setAttribute("aria-valuetext", tcpexp.moment(group.range[i], 3));
      });
    };

    const paint = () => {
      const ratio = devicePixelRatio;
      const wide = Math.round(strip.clientWidth * ratio);
      const tall = Math.round(strip.clientHeight * ratio);
      if (!wide || !tall) return;
      canvas.width = wide;
      canvas.height = tall;
      const context = canvas.getContext("2d");
      const x = (time) => part(time) * wide;
      const rows = group.info.activity;
      rows.forEach((row, i) => activity(context, group, row, (i * tall) / rows.length, tall / rows.length, x, wide));
      context.setLineDash([3 * ratio, 2 * ratio]);
      context.lineWidth = ratio;
      for (const mark of group.marks) {
        context.strokeStyle = group.color(mark.color);
        context.beginPath();
        context.moveTo(Math.round(x(mark.x)) + 0.5, 0);
        context.lineTo(Math.round(x(mark.x)) + 0.5, tall);
        context.stroke();
      }
      place();
    };

    strip.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      const box = strip.getBoundingClientRect();
      const time = (now) => group.whole[0] + ((now.clientX - box.left) / box.width) * (group.whole[1] - group.whole[0]);
      const start = group.range;
      const begun = time(event);
      const moved = ends.indexOf(event.target);
      const half = (start[1] - start[0]) / 2;
      const inside = event.target === shown && half * 2 < 0.98 * (group.whole[1] - group.whole[0]);
      const drag = (now) => {
        const at = time(now);
        if (moved === 0) group.zoom(Math.min(at, start[1]), start[1], false);
        else if (moved === 1) group.zoom(start[0], Math.max(at, start[0]), false);
        else if (inside) group.zoom(start[0] + at - begun, start[1] + at - begun, false);
        else if (Math.abs(at - begun) * box.width > 4 * (group.whole[1] - group.whole[0])) group.zoom(Math.min(at, begun), Math.max(at, begun), false);
      };
      const stop = () => {
        strip.removeEventListener("pointermove", drag);
        strip.removeEventListener("pointerup", stop);
        strip.removeEventListener("pointercancel", stop);
        if (moved < 0 && !inside && group.range === start) group.zoom(begun - half, begun + half, false);
        if (group.range !== start) group.history.push(start);
      };
      strip.setPointerCapture(event.pointerId);
      strip.addEventListener("pointermove", drag);
      strip.addEventListener("pointerup", stop);
      strip.addEventListener("pointercancel", stop);
      event.preventDefault();
      if (moved >= 0) ends[moved].focus();
    });
    ends.forEach((each, i) => each.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -5, PageUp: 5 }[event.key];
      if (!by) return;
      const range = [...group.range];
      const step = by * ALONG * (group.whole[1] - group.whole[0]);
      range[i] = Math.max(group.whole[0], Math.min(group.whole[1], range[i] + step));
      if (range[0] < range[1]) group.zoom(...range, false);
      event.preventDefault();
      event.stopPropagation(); // the panels do not move as well
    }));

    group.listen("range", place);
    group.listen("whole", paint);
    group.listen("colours", paint);
    const resized = new ResizeObserver(paint);
    resized.observe(strip);
    group.ondestroy(() => resized.disconnect());
    return strip;
  };
})((window.tcpexp = window.tcpexp || {}));
