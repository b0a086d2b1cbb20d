"use strict";
// The charts of the Cache tab. While the tab is shown, it polls stampede/live.json about once a second.
(() => {
  const CHARTS = [
    ["hit_pct", "Hit rate", "%"], ["loads_per_s", "Loads", "/s"], ["queries_per_s", "Database queries", "/s"],
    ["active", "Active database sessions", ""], ["commands_per_s", "Redis commands", "/s"], ["memory_mb", "Redis memory", "MB"],
    ["p50_us", "Response time, p50", "µs"], ["p99_us", "Response time, p99", "µs"],
    ["admitted_per_s", "Admitted", "/s"], ["refused_per_s", "Refused (429)", "/s"],
  ];
  const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b8860b", "#56b4e9", "#7a5195", "#666666"];
  const W = 280, H = 90, NS = "http://www.w3.org/2000/svg";
  const make = (tag, attributes = {}, text = "", ns = null) => {
    const e = ns ? document.createElementNS(ns, tag) : document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) e.setAttribute(name, value);
    e.textContent = text;
    return e;
  };
  const number = (v) => (v == null ? "–" : v.toLocaleString("en", { maximumSignificantDigits: 3 }));
  const style = "display:grid;grid-template-columns:repeat(auto-fill,minmax(280px,1fr));gap:16px";
  const panel = make("section", { id: "stampede", "aria-label": "Cache charts", style: "padding:16px 0" });
  const notes = make("p", { style: "max-width:75ch" },
    "Response times count from the due time, in microseconds, with a precision of about 1 %; Locust’s own tables and " +
    "charts show whole milliseconds. Rates are means over about one second within a cell. They include the warm-up and " +
    "the queries with which this page reads the servers once a second. Stale reads are a lower bound: each application " +
    "server finds only those of its own writes. The report checks all reads, leaves out the warm-up and lists its " +
    "warnings: base decisions on the report.");
  const links = make("p", { id: "stampede-report" });
  const legend = make("p", { id: "stampede-legend" });
  const grid = make("div", { style });
  panel.append(make("h2", { style: "font-size:1.2rem" }, "The last three minutes"), legend, grid, notes, links);
  const colours = new Map();
  const colour = (label) => {
    if (!colours.has(label)) colours.set(label, COLOURS[colours.size % COLOURS.length]);
    return colours.get(label);
  };
  const chart = ([key, title, unit], points) => {
    const known = points.filter((p) => p[key] != null);
    if (!known.length) return null;
    const last = known[known.length - 1], top = Math.max(...known.map((p) => p[key])) || 1;
    const first = points[0].t, span = Math.max(points[points.length - 1].t - first, 10);
    const figure = make("figure", { style: "margin:0", "data-chart": key });
    const caption = `${title}: ${number(last[key])} ${unit}`;
    const label = `${title}: now ${number(last[key])} ${unit}, maximum ${number(top)} ${unit} in ${Math.round(span)} s`;
    const svg = make("svg", { viewBox: `0 -14 ${W} ${H + 18}`, width: "100%", role: "img", "aria-label": label }, "", NS);
    const line = { stroke: "currentColor", "stroke-opacity": 0.3 };
    for (const y of [0, H]) svg.append(make("line", { x1: 0, x2: W, y1: y, y2: y, ...line }, "", NS));
    svg.append(make("text", { x: 0, y: -4, "font-size": 10, fill: "currentColor" }, `${number(top)} ${unit}`, NS));
    let run = [];
    const draw = () => {
      if (!run.length) return;
      const at = run.map((p) => `${((p.t - first) / span * W).toFixed(1)},${(H - p[key] / top * H).toFixed(1)}`);
      if (at.length === 1) at.push(at[0]);
      const attributes = { fill: "none", stroke: colour(run[0].label), "stroke-width": 2, "stroke-linecap": "round" };
      svg.append(make("polyline", { points: at.join(" "), ...attributes }, "", NS));
      run = [];
    };
    for (const p of points) {
      const before = run[run.length - 1];
      if (p[key] == null || (before && (before.label !== p.label || p.t - before.t > 3))) draw();
      if (p[key] != null) run.push(p);
    }
    draw();
    figure.append(make("figcaption", { "data-value": last[key] }, caption), svg);
    return figure;
  };
  const show = (live) => {
    legend.replaceChildren(...[...new Set(live.points.map((p) => p.label))].map((label) => {
      const item = make("span", { style: "margin-right:16px;white-space:nowrap" }, label);
      item.prepend(make("span", {
        style: `display:inline-block;width:16px;height:3px;margin-right:6px;vertical-align:middle;background:${colour(label)}`,
      }));
      return item;
    }));
    if (!live.points.length) legend.textContent = "No data yet: start a test.";
    grid.replaceChildren(...CHARTS.map((c) => chart(c, live.points)).filter(Boolean));
    const running = live.state === "running" || live.state === "spawning";
    if (String(running) !== links.dataset.running) {
      links.dataset.running = running;
      links.textContent = running ? "The report of this run is available when the test is stopped." : "";
      if (!running && live.rows.length) {
        const to = { href: "stampede/report.html", target: "_blank", rel: "noopener", style: "color:inherit" };
        links.append(make("a", to, "Open the report of this run"), " (takes a few seconds)");
      }
    }
  };
  let due = 0;
  const tick = async () => {
    const tabs = document.querySelector("[role=tablist]");
    const shown = new URLSearchParams(location.search).get("tab") === "cache" && tabs;
    if (!shown) { panel.remove(); due = 0; return; }
    const home = tabs.closest(".MuiContainer-root") ?? tabs.parentElement;
    if (panel.parentElement !== home) home.append(panel);
    if (Date.now() < due) return;
    due = Date.now() + 60000;
    try {
      const live = await (await fetch("stampede/live.json")).json();
      show(live);
      due = Date.now() + (live.awake ? 500 : 1500);
    } catch {
      due = Date.now() + 5000;
    }
  };
  setInterval(tick, 500);
})();
