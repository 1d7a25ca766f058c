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

  // Navigation: the part in view is marked; what a link leads to is opened.
  const reveal = () => {
    const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    const own = target.querySelector(":scope > details");
    if (own) own.open = true;
    for (let item = target.closest("details"); item; item = item.parentElement.closest("details")) item.open = true;
    target.scrollIntoView();
  };
  addEventListener("hashchange", reveal);
  reveal();
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
  all("main > section, main > .part").forEach((section) => watcher.observe(section));

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

  // Filtering: rows, charts and markers go, lines of other implementations fade, and the headline
  // says what has the lowest time among the rest.
  const filters = document.querySelector(".filters");
  const headline = document.querySelector("#summary .headline");
  const original = headline && headline.textContent;
  const hidden = new Set();
  const hide = (item, yes) => {
    if (yes) hidden.add(item); else hidden.delete(item);
    item.toggleAttribute("hidden", yes);
    item.style.display = yes ? "none" : "";
  };
  const selected = () => {
    const found = {};
    for (const box of filters.querySelectorAll("input:checked")) (found[box.name] ??= new Set()).add(box.value);
    return found;
  };
  const lowest = () => {
    const best = new Map();
    all("#picture tbody tr").forEach((row) => all(".dot", row).forEach((dot) => {
      const panel = row.closest(".panel-of");
      if (hidden.has(row) || hidden.has(dot) || hidden.has(panel)) return;
      const now = best.get(panel.dataset.batch);
      const seconds = Number(dot.dataset.at);
      if (!now || seconds < now.seconds) best.set(panel.dataset.batch, { name: row.dataset.implementation, seconds });
    }));
    const sizes = new Map();
    best.forEach((one, size) => sizes.set(one.name, [...(sizes.get(one.name) ?? []), size]));
    const said = [...sizes].map(([name, some]) => `${name} at batch ${some.join(", ")}`);
    return said.length ? `Lowest time in this selection: ${said.join("; ")}.` : "Nothing in this selection was measured.";
  };
  // The label of a row is that of its lowest time: with that one away, of the lowest that is left.
  const relabel = (row) => {
    const marks = all(".dot", row).sort((a, b) => a.dataset.at - b.dataset.at);
    const [time, note] = [row.cells[2], row.cells[3]];
    for (const cell of [time, note]) cell.dataset.original ??= cell.textContent;
    const left = marks.filter((mark) => !hidden.has(mark));
    const same = left.length === 0 || left[0] === marks[0];
    time.textContent = same ? time.dataset.original : left[0].dataset.tip.replace(/^.*: /, "").replace(/ \(.*$/, "");
    note.textContent = same ? note.dataset.original : "";
  };
  const apply = () => {
    const wanted = selected();
    const fits = (data) => ["implementation", "batch", "place"].every(
      (field) => !wanted[field] || data[field] === undefined || wanted[field].has(data[field]));
    all("main tbody tr, main figure, .panel-of, .rowchart .dot").forEach((item) => hide(item, !fits(item.dataset)));
    all("main thead th[data-batch]").forEach((head) => {
      const away = !fits(head.dataset);
      hide(head, away);
      all("tbody tr", head.closest("table")).forEach((row) => { row.cells[head.cellIndex].style.display = away ? "none" : ""; });
    });
    all("#picture tbody tr").forEach(relabel);
    const series = wanted.implementation && new Set(
      all("input[name=implementation]:checked", filters).map((box) => box.dataset.seriesName));
    all("[data-series]").forEach((item) => item.classList.toggle("faded", Boolean(series) && !series.has(item.dataset.series)));
    all(".key [data-series-name]").forEach((item) => item.classList.toggle("faded", Boolean(series) && !series.has(item.dataset.seriesName)));
    all(".pick", filters).forEach((pick) => {
      const some = all("input:checked", pick);
      pick.querySelector("summary span").textContent =
        some.length === 0 ? "all" : some.length === 1 ? some[0].parentElement.textContent.trim() : `${some.length} chosen`;
    });
    const filtered = Object.keys(wanted).length > 0;
    filters.querySelector(".all").hidden = !filtered;
    if (headline) headline.textContent = filtered ? lowest() : original;
    all("#summary .start, #summary .doubt").forEach((line) => hide(line, filtered));
  };
  if (filters) {
    filters.hidden = false;
    filters.addEventListener("change", apply);
    filters.querySelector(".all").addEventListener("click", () => {
      for (const box of filters.querySelectorAll("input:checked")) box.checked = false;
      apply();
    });
    document.addEventListener("click", (event) => all(".pick[open]", filters).forEach((pick) => {
      if (!pick.contains(event.target)) pick.open = false;
    }));
    filters.addEventListener("keydown", (event) => {
      const pick = event.key === "Escape" && event.target.closest(".pick");
      if (pick) { pick.open = false; pick.querySelector("summary").focus(); }
    });
  }

  // Values: what a marker stands for, by pointer; by arrow keys where its chart has the focus.
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.setAttribute("role", "status");
  tip.hidden = true;
  document.body.append(tip);
  const show = (mark) => {
    const box = mark.getBoundingClientRect();
    tip.textContent = mark.dataset.tip;
    tip.hidden = false;
    const left = Math.min(box.left + box.width / 2 + 8, innerWidth - tip.offsetWidth - 8);
    tip.style.left = `${scrollX + Math.max(left, 8)}px`;
    tip.style.top = `${scrollY + box.top - tip.offsetHeight - 4}px`;
  };
  const hideTip = () => { tip.hidden = true; };
  all("main svg title").forEach((title) => {
    const mark = title.parentElement;
    if (mark.tagName === "svg") return;
    const row = mark.closest(".rowchart tr");
    mark.dataset.tip = (row ? `${row.cells[0].textContent}, ` : "") + title.textContent;
    title.remove();
    mark.addEventListener("pointerenter", () => show(mark));
    mark.addEventListener("pointerleave", hideTip);
  });
  all(".chartbox, main figure").forEach((chart) => {
    const marks = all("[data-tip]", chart);
    if (!marks.length) return;
    chart.tabIndex = 0;
    let place = -1;
    chart.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (!step) return;
      event.preventDefault();
      place = (place + step + marks.length) % marks.length;
      show(marks[place]);
    });
    chart.addEventListener("blur", hideTip);
  });

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

  // Printing: on white.
  let chosenTheme;
  addEventListener("beforeprint", () => {
    chosenTheme = root.dataset.theme;
    root.dataset.theme = "light";
  });
  addEventListener("afterprint", () => {
    if (chosenTheme) root.dataset.theme = chosenTheme;
    else delete root.dataset.theme;
  });
})();
