"use strict";
(() => {
  // Sorting: a click on a header, or Enter or Space, goes through the two directions and back to the order at first.
  const value = (cell, words) => {
    const text = cell.textContent.trim();
    if (words) return text;
    const plain = text.replace(/,(?=\d{3})/g, "").replace(/^[<≈]\s*/, "");
    const number = parseFloat(plain);
    return Number.isNaN(number) ? null : number;
  };
  const compare = (a, b, words, sign) => {
    if (words) return sign * a.localeCompare(b, "en", { numeric: true });
    if (a === null || b === null) return (a === null) - (b === null); // what has no number stays below
    return sign * (a - b);
  };
  for (const table of document.querySelectorAll("table.sortable")) {
    const body = table.tBodies[0];
    const first = [...body.rows];
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const words = head.classList.contains("words");
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const turns = words ? ["ascending", "descending", ""] : ["descending", "ascending", ""];
        const now = head.getAttribute("aria-sort") || "";
        const next = turns[(turns.indexOf(now) + 1) % turns.length];
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        if (next === "") {
          body.append(...first);
          return;
        }
        head.setAttribute("aria-sort", next);
        const sign = next === "ascending" ? 1 : -1;
        const keyed = first.map((row) => [value(row.cells[column], words), row]);
        keyed.sort(([a], [b]) => compare(a, b, words, sign));
        body.append(...keyed.map(([, row]) => row));
      });
    });
  }

  // The theme is kept in this page's memory only.
  const theme = document.getElementById("theme");
  const themes = ["system", "light", "dark"];
  let chosen = 0;
  theme.hidden = false;
  theme.addEventListener("click", () => {
    chosen = (chosen + 1) % themes.length;
    theme.textContent = `Theme: ${themes[chosen]}`;
    if (chosen === 0) delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = themes[chosen];
  });

  // A link to a trial opens it.
  const reveal = () => {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target && target.tagName === "DETAILS") {
      target.open = true;
      target.scrollIntoView();
    }
  };
  addEventListener("hashchange", reveal);
  reveal();

  const each = (open) => document.querySelectorAll("#trials details").forEach((found) => { found.open = open; });
  document.querySelector("#trials .tools").hidden = false;
  document.getElementById("open").addEventListener("click", () => each(true));
  document.getElementById("close").addEventListener("click", () => each(false));

  // Paper shows everything.
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("details:not([open])")];
    closed.forEach((found) => { found.open = true; });
  });
  addEventListener("afterprint", () => closed.forEach((found) => { found.open = false; }));
})();
