"use strict";
(() => {
  const byId = (id) => document.getElementById(id);

  // The timeline's filter. Without scripts it stays hidden and everything is shown.
  const box = byId("filter"), rows = [...document.querySelectorAll(".timeline tbody tr")];
  if (box) {
    box.hidden = false;
    box.addEventListener("input", () => {
      const wanted = box.value.toLowerCase();
      for (const row of rows) row.classList.toggle("filtered", !row.textContent.toLowerCase().includes(wanted));
    });
  }

  const source = byId("curves");
  if (!source || typeof uPlot === "undefined") return;
  const data = JSON.parse(source.textContent);
  const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6bb1", "#7f7f7f"];
  const DASHES = [[], [6, 3], [2, 3], [8, 3, 2, 3]];
  const SCALE = { min: 1 / 60, "%": 1, ms: 1000 };

  // A date whose local getters read as the report's own offset, wherever this file is opened.
  const inZone = (ts) => {
    const here = new Date(ts * 1e3).getTimezoneOffset() * 60;
    return new Date((ts + data.offset + here) * 1e3);
  };

  // Curves have their own moments: one sorted x for all, undefined where a curve has no point (its line goes on), null
  // where it is broken.
  const joined = (chart) => uPlot.join(
    chart.series.map((s) => [s.x, s.y.map((y) => (y === null ? null : y * SCALE[chart.unit]))]),
  );

  const draw = (chart, paper) => {
    const place = byId("chart-" + chart.id);
    if (!place) return null;
    place.textContent = "";
    const css = getComputedStyle(document.documentElement);
    const dim = paper ? "#444" : css.getPropertyValue("--dim").trim();
    const grid = { stroke: paper ? "#ddd" : css.getPropertyValue("--grid").trim(), width: 1 };
    const values = (_, value) => (value == null ? "–" : value.toFixed(chart.unit === "%" ? 0 : 1) + " " + chart.unit);
    const options = {
      width: Math.max(280, place.clientWidth), height: 220, tzDate: inZone,
      cursor: { y: false }, legend: { live: true },
      scales: { y: { range: (_, low, high) => {
        if (low == null) return [0, 1];
        const room = Math.max(1e-3, (high - low) * 0.08);
        return chart.unit === "min" ? [Math.min(0, low) - room, Math.max(0, high) + room]
          : chart.unit === "%" ? [0, Math.max(100, high)] : [0, high + room];
      } } },
      axes: [
        { stroke: dim, grid, ticks: grid, values: "{HH}:{mm}" },
        { stroke: dim, grid, ticks: grid, size: 62, values: (_, ticks) => ticks.map((v) => v + " " + chart.unit) },
      ],
      series: [
        { label: "time", value: "{YYYY}-{MM}-{DD} {HH}:{mm}:{ss}" },
        ...chart.series.map((s, i) => ({
          label: s.name, stroke: COLOURS[i % COLOURS.length], dash: DASHES[Math.floor(i / 2) % DASHES.length],
          width: 1.5, value: values, points: { show: false },
        })),
      ],
      hooks: { draw: [(plot) => {
        if (chart.unit !== "min") return;
        const zero = Math.round(plot.valToPos(0, "y", true)) + 0.5, { ctx, bbox } = plot;
        ctx.save();
        ctx.strokeStyle = "#d55e00";
        ctx.setLineDash([4, 4]);
        ctx.beginPath();
        ctx.moveTo(bbox.left, zero);
        ctx.lineTo(bbox.left + bbox.width, zero);
        ctx.stroke();
        ctx.restore();
      }] },
    };
    return new uPlot(options, joined(chart), place);
  };

  let plots = [];
  const drawAll = (paper) => {
    for (const plot of plots) plot.destroy();
    plots = data.charts.map((chart) => draw(chart, paper)).filter(Boolean);
  };
  drawAll(false);
  const again = () => drawAll(false);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
  addEventListener("beforeprint", () => drawAll(true));
  addEventListener("afterprint", again);
  let width = innerWidth;
  addEventListener("resize", () => {
    if (innerWidth !== width) { width = innerWidth; again(); }
  });
})();
