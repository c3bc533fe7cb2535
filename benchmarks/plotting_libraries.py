"""Compare plotting libraries that can be embedded in a page: size, time to draw, time of a linked
zoom, in headless Chromium.

    npm install uplot echarts plotly.js-basic-dist-min @bokeh/bokehjs      # in a folder of its own
    python benchmarks/plotting_libraries.py FOLDER/node_modules [--points N] [--panels N]

Each library draws the same PANELS line panels of POINTS points, with its own ways of down-sampling
and of linking the time axes, from one HTML file without network. Measured, best of three: from
navigation to two animation frames after all panels are drawn; then from setting the range of the
first panel until two animation frames after all panels show it. Needs Chromium and the Python
package playwright.
"""

from __future__ import annotations

import argparse
import gzip
import shutil
import tempfile
from pathlib import Path

COMMON = """
const N = %(points)d, P = %(panels)d, root = document.getElementById("root");
const x = Float64Array.from({length: N}, (_, i) => i * 60 / N);
const ys = Array.from({length: P}, (_, p) =>
  Float64Array.from({length: N}, (_, i) =>
    50 + 40 * Math.sin(i / 900 + p) + (i * 7919 %% 97) / 10));
const frame = () => new Promise((done) => requestAnimationFrame(done));
const frames = async () => { await frame(); await frame(); };
const place = () => {
  const div = document.createElement("div");
  div.style.cssText = "width:1000px;height:220px";
  root.append(div);
  return div;
};
"""
UPLOT = """
const plots = ys.map((y) => new uPlot({width: 1000, height: 220, legend: {show: false},
  scales: {x: {time: false}},
  series: [{}, {stroke: "#0072b2", points: {show: false}}]}, [x, y], place()));
const zoom = (a, b) => plots.forEach((plot) => plot.setScale("x", {min: a, max: b}));
"""
ECHARTS = """
const plots = ys.map((y) => {
  const chart = echarts.init(place()), data = Array.from(y, (v, i) => [x[i], v]);
  chart.group = "run";
  chart.setOption({animation: false, xAxis: {type: "value"}, yAxis: {},
    dataZoom: [{type: "inside"}],
    series: [{type: "line", showSymbol: false, sampling: "minmax", data}]});
  return chart;
});
echarts.connect("run");
const zoom = (a, b) => plots[0].dispatchAction({type: "dataZoom", startValue: a, endValue: b});
"""
PLOTLY = """
const axes = {};
const traces = ys.map((y, p) => {
  const n = p ? p + 1 : "";
  axes["yaxis" + n] = {domain: [p / P, (p + 0.9) / P]};
  return {x, y, type: "scatter", mode: "lines", xaxis: "x", yaxis: "y" + n};
});
const div = place(); div.style.height = 220 * P + "px";
const ready = Plotly.newPlot(div, traces,
  {width: 1000, height: 220 * P, showlegend: false, ...axes}, {staticPlot: false});
const zoom = (a, b) => Plotly.relayout(div, {"xaxis.range": [a, b]});
"""
BOKEH = """
const range = new Bokeh.Range1d({start: 0, end: 60});
const figures = ys.map((y) => {
  const figure = Bokeh.Plotting.figure(
    {width: 1000, height: 220, x_range: range, output_backend: "canvas"});
  const source = new Bokeh.ColumnDataSource({data: {x, y}});
  figure.line({field: "x"}, {field: "y"}, {source, line_color: "#0072b2"});
  return figure;
});
const ready = Bokeh.Plotting.show(new Bokeh.Column({children: figures}), place());
const zoom = (a, b) => { range.setv({start: a, end: b}); };
"""
LIBRARIES: dict[str, tuple[tuple[str, ...], str]] = {
    "uPlot": (("uplot/dist/uPlot.iife.min.js",), UPLOT),
    "ECharts": (("echarts/dist/echarts.min.js",), ECHARTS),
    "Plotly.js (basic)": (("plotly.js-basic-dist-min/plotly-basic.min.js",), PLOTLY),
    "BokehJS": (
        ("@bokeh/bokehjs/build/js/bokeh.min.js", "@bokeh/bokehjs/build/js/bokeh-api.min.js"),
        BOKEH,
    ),
}


def page(scripts: list[str], body: str, points: int, panels: int) -> str:
    """Return a page that draws, and then holds the time it took in ``drawn`` and a function
    ``timed``.
    """
    inline = "".join(
        "<script>" + text.replace("</script", "<\\/script") + "</script>" for text in scripts
    )
    program = COMMON % {"points": points, "panels": panels} + body
    timing = """
    const settled = (async () => {
      if (typeof ready !== "undefined") await ready;
      await frames();
      window.drawn = performance.now();
    })();
    window.timed = async (a, b) => {
      await settled;
      const start = performance.now();
      await zoom(a, b);
      await frames();
      return performance.now() - start;
    };
    """
    return (
        "<!DOCTYPE html><meta charset=utf-8><div"
        f" id=root></div>{inline}<script>{program}{timing}</script>"
    )


def main() -> None:
    """Measure every library that is installed and print a table."""
    from playwright.sync_api import sync_playwright

    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("modules", type=Path, help="a node_modules folder")
    options.add_argument("--points", type=int, default=200_000)
    options.add_argument("--panels", type=int, default=4)
    given = options.parse_args()
    print(f"{given.panels} panels of {given.points:,} points; milliseconds, best of three")
    print(f"{'library':20}{'kB':>8}{'kB gzip':>9}{'draw':>8}{'zoom to 1/10':>14}{'zoom out':>10}")
    with sync_playwright() as driver, tempfile.TemporaryDirectory() as folder:
        chromium = driver.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        for name, (files, body) in LIBRARIES.items():
            texts = [(given.modules / file).read_text(encoding="utf-8") for file in files]
            path = Path(folder) / "page.html"
            path.write_text(page(texts, body, given.points, given.panels), encoding="utf-8")
            rows = []
            for _ in range(3):
                tab = chromium.new_page()
                tab.on("pageerror", lambda error: print(f"  {error}"))
                tab.goto(path.as_uri())
                tab.wait_for_function("window.drawn > 0", timeout=60_000)
                rows.append(
                    (
                        tab.evaluate("drawn"),
                        tab.evaluate("timed(20, 26)"),
                        tab.evaluate("timed(0, 60)"),
                    )
                )
                tab.close()
            whole = "".join(texts).encode()
            best = [min(column) for column in zip(*rows, strict=True)]
            print(
                f"{name:20}{len(whole) / 1000:8.0f}{len(gzip.compress(whole)) / 1000:9.0f}"
                f"{best[0]:8.0f}{best[1]:14.0f}{best[2]:10.0f}",
                flush=True,
            )
        chromium.close()


if __name__ == "__main__":
    main()
