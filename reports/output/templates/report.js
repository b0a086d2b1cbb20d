"use strict";
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const slugs = new Map(all("#patterns [data-contender][data-name]").map((e) => [e.dataset.contender, e.dataset.name]));
  const bar = document.getElementById("show");
  const hidden = new Set();
  const ticks = (low, high, log) => {
    if (log) {
      const found = [];
      for (let k = Math.floor(Math.log10(low)); k <= Math.log10(high); k++) {
        for (const digit of [1, 2, 5]) found.push(digit * 10 ** k);
      }
      return found.filter((v) => v >= low && v <= high);
    }
    const rough = (high - low) / 5;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = power * [1, 2, 5, 10].find((m) => m * power >= rough);
    return Array.from({ length: Math.floor(high / step) + 1 }, (_, i) => i * step);
  };
  // Moves the marks of a chart to the scale of those that are shown: every panel has a scale of its own.
  const rescale = (drawing, hidden) => {
    const svg = drawing.querySelector("svg");
    const prefix = svg.getAttribute("aria-labelledby").split("-title ")[0];
    const find = (id) => svg.querySelector(`[id="${prefix}-${id}"]`);
    JSON.parse(drawing.dataset.scales).forEach((panel, i) => {
      const axes = find(`axes_${i + 1}`);
      const shown = panel.marks.filter((m) => !hidden.has(m.contender));
      if (!axes || !shown.length) return;
      const outline = axes.querySelector("path").getAttribute("d").match(/-?\d+(\.\d+)?/g).map(Number);
      const edges = outline.filter((_, k) => k % 2 === 0);
      const [left, right] = [Math.min(...edges), Math.max(...edges)];
      const f = panel.log ? Math.log10 : (v) => v;
      const greatest = Math.max(...shown.map((m) => m.high));
      const least = Math.min(...shown.map((m) => m.low));
      let [low, high] = [panel.low, panel.high];
      if (shown.length < panel.marks.length) {
        const span = panel.log ? (greatest / least) ** panel.room : 1;
        [low, high] = panel.log ? [least / span, greatest * span] : [0, panel.room * greatest];
        if (!(high > low)) [low, high] = [panel.low, panel.high];
      }
      const place = (v, a, b) => left + ((f(v) - f(a)) / (f(b) - f(a))) * (right - left);
      const was = (v) => place(v, panel.low, panel.high);
      const is = (v) => place(v, low, high);
      for (const m of panel.marks) {
        find(m.id)?.setAttribute("transform", `translate(${is(m.value) - was(m.value)},0)`);
        find(`${m.id}-text`)?.setAttribute("transform", `translate(${is(m.high) - was(m.high)},0)`);
        const stretch = (f(panel.high) - f(panel.low)) / (f(high) - f(low));
        find(`${m.id}-bar`)?.setAttribute("transform", `matrix(${stretch},0,0,1,${is(m.low) - stretch * was(m.low)},0)`);
      }
      const axis = axes.querySelector('[id*="matplotlib.axis_"]');
      const drawn = all('[id*="xtick_"]', axis);
      all(".rescaled", axis).forEach((e) => e.remove());
      const full = low === panel.low && high === panel.high;
      drawn.forEach((e) => (e.style.display = full ? "" : "none"));
      if (full) return;
      const model = drawn.find((e) => e.querySelector("text"));
      const from = Number(model.querySelector("use").getAttribute("x"));
      for (const v of ticks(low, high, panel.log)) {
        const tick = model.cloneNode(true);
        tick.removeAttribute("id");
        all("[id]", tick).filter((e) => !e.closest("defs")).forEach((e) => e.removeAttribute("id"));
        tick.style.display = "";
        tick.classList.add("rescaled");
        tick.setAttribute("transform", `translate(${is(v) - from},0)`);
        tick.querySelector("text").textContent = Number(v.toPrecision(3)).toString();
        axis.append(tick);
      }
    });
  };
  if (bar && slugs.size > 1) {
    bar.append("Show: ");
    for (const [slug, name] of slugs) {
      if (!document.querySelector(`#patterns svg [id*="--${slug}--"]`)) continue;
      const box = document.createElement("input");
      const label = document.createElement("label");
      box.type = "checkbox";
      box.checked = true;
      box.dataset.slug = slug;
      box.addEventListener("change", () => {
        for (const e of all(`[data-contender="${slug}"], [id*="--${slug}--"]`)) {
          e.style.display = box.checked ? "" : "none";
        }
        box.checked ? hidden.delete(slug) : hidden.add(slug);
        for (const drawing of all("[data-scales]")) rescale(drawing, hidden);
      });
      label.append(box, " ", name);
      bar.append(label);
    }
  }
  const reveal = () => {
    for (let e = document.getElementById(location.hash.slice(1)); e; e = e.parentElement) {
      if (e.tagName === "DETAILS") e.open = true;
    }
    document.getElementById(location.hash.slice(1))?.scrollIntoView();
  };
  addEventListener("hashchange", reveal);
  if (location.hash) reveal();
  for (const table of all("table[data-sort]")) {
    const heads = all("thead tr:last-child th", table);
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") === "ascending";
        heads.forEach((h) => h.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const key = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent;
        const number = (text) => (text === "" ? Infinity : Number(text));
        const order = (a, b) => {
          const [x, y] = [key(a), key(b)];
          const numeric = !Number.isNaN(number(x)) && !Number.isNaN(number(y));
          return numeric ? number(x) - number(y) || 0 : x.localeCompare(y);
        };
        const rows = all("tbody tr", table).sort(order);
        table.tBodies[0].append(...(down ? rows.reverse() : rows));
      });
    });
  }
  for (const table of all("details table")) {
    const button = document.createElement("button");
    button.textContent = "Copy as CSV";
    button.className = "copy";
    button.addEventListener("click", async () => {
      const quoted = (text) => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
      const lines = all("tr", table).map((row) => [...row.cells].map((c) => quoted(c.textContent.trim())).join(","));
      await navigator.clipboard.writeText(lines.join("\n") + "\n");
      button.textContent = "Copied";
    });
    (table.closest(".box") ?? table).before(button);
  }
})();
