"use strict";
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const slugs = new Map(all("#patterns [data-contender][data-name]").map((e) => [e.dataset.contender, e.dataset.name]));
  const bar = document.getElementById("show");
  if (bar && slugs.size > 1) {
    bar.append("Show: ");
    for (const [slug, name] of slugs) {
      const box = document.createElement("input");
      const label = document.createElement("label");
      box.type = "checkbox";
      box.checked = true;
      box.addEventListener("change", () => {
        for (const e of all(`[data-contender="${slug}"], [id*="--${slug}--"]`)) {
          e.style.display = box.checked ? "" : "none";
        }
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
