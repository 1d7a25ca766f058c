"use strict";
// Everything here is a convenience: the page says the same with scripts off.
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  // Theme: the system's choice until the reader makes another.
  const root = document.documentElement;
  const theme = document.querySelector("button.theme");
  const systemDark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : systemDark.matches);
  const nameTheme = () => { theme.textContent = isDark() ? "Light theme" : "Dark theme"; };
  theme.hidden = false;
  theme.addEventListener("click", () => { root.dataset.theme = isDark() ? "light" : "dark"; nameTheme(); });
  systemDark.addEventListener("change", nameTheme);
  nameTheme();

  // Menu: folded where it would cover the page.
  const menu = document.querySelector(".menu");
  const narrow = matchMedia("(max-width: 44rem)");
  const fold = () => { menu.open = !narrow.matches; };
  narrow.addEventListener("change", fold);
  menu.addEventListener("click", (event) => { if (event.target.matches("a")) fold(); });
  fold();
  const links = new Map(all("nav a").map((link) => [link.hash.slice(1), link]));
  const watcher = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      const link = links.get(entry.target.id);
      if (link && entry.isIntersecting) {
        links.forEach((other) => other.removeAttribute("aria-current"));
        link.setAttribute("aria-current", "true");
      }
    }
  }, { rootMargin: "-25% 0px -70% 0px" });
  all("main > section").forEach((section) => watcher.observe(section));

  // Sorting: by the number behind a cell where there is one, else by its text.
  const order = (cell) => (cell.dataset.value === undefined ? null : Number(cell.dataset.value));
  const compare = (a, b) => {
    const [x, y] = [order(a), order(b)];
    if (x !== null && y !== null) return x - y;
    if (x !== null || y !== null) return x === null ? 1 : -1;
    return a.textContent.localeCompare(b.textContent);
  };
  const sort = (table, column, heading) => {
    const down = heading.getAttribute("aria-sort") === "ascending";
    all("thead th", table).forEach((other) => other.removeAttribute("aria-sort"));
    heading.setAttribute("aria-sort", down ? "descending" : "ascending");
    const body = table.tBodies[0];
    const rows = [...body.rows].sort((a, b) => {
      const [x, y] = [a.cells[column], b.cells[column]];
      const bothNumbers = order(x) !== null && order(y) !== null;
      const missing = (order(x) === null) !== (order(y) === null);
      return compare(x, y) * (down && (bothNumbers || !missing) ? -1 : 1);
    });
    body.append(...rows);
  };
  all("table[data-sortable]").forEach((table) => {
    all("thead th", table).forEach((heading, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...heading.childNodes);
      heading.append(button);
      button.addEventListener("click", () => sort(table, column, heading));
    });
  });

  // Filtering: rows and figures go, lines of other implementations fade.
  const form = document.querySelector(".filters");
  const apply = () => {
    const wanted = Object.fromEntries(new FormData(form));
    const fits = (data) => ["implementation", "batch", "place"].every(
      (field) => !wanted[field] || data[field] === undefined || data[field] === wanted[field]);
    all("tbody tr, figure").forEach((item) => { item.hidden = !fits(item.dataset); });
    const chosen = form.elements.implementation.selectedOptions[0].dataset.seriesName;
    const fades = (series) => chosen !== undefined && series !== chosen;
    all("[data-series]").forEach((item) => item.classList.toggle("faded", fades(item.dataset.series)));
    all(".key [data-series-name]").forEach((item) => item.classList.toggle("faded", fades(item.dataset.seriesName)));
  };
  if (form) {
    form.hidden = false;
    form.addEventListener("change", apply);
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("reset", () => setTimeout(apply));
  }

  // Copying and downloading.
  const copy = async (button, text) => {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(button.parentElement.querySelector("code"));
      button.textContent = "Selected";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 1600);
  };
  all(".code").forEach((block) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Copy";
    block.append(button);
    button.addEventListener("click", () => copy(button, block.querySelector("code").textContent));
  });
  all(".needs-script").forEach((item) => { item.hidden = false; });
  all("button.download").forEach((button) => {
    button.addEventListener("click", () => {
      const text = document.getElementById(button.dataset.from).textContent;
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
      link.download = button.dataset.name;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    });
  });

  // Printing: folded parts too, and on white.
  let chosenTheme;
  addEventListener("beforeprint", () => {
    all("main details").forEach((item) => { item.open = true; });
    chosenTheme = root.dataset.theme;
    root.dataset.theme = "light";
  });
  addEventListener("afterprint", () => {
    if (chosenTheme) root.dataset.theme = chosenTheme;
    else delete root.dataset.theme;
  });
})();
