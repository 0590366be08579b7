"use strict";
// The table of trials: sorted by a click on a column, filtered by what is typed below it.
(function () {
  const data = JSON.parse(document.getElementById("data").textContent);
  const table = document.getElementById("trials");
  const said = document.getElementById("said");
  const PAGE = 100;
  let order = data.rows.map((_, i) => i);
  let sorted = { column: data.sort, down: false };
  let page = 0;
  const filters = data.columns.map(() => "");

  const isNumber = (v) => typeof v === "number";

  function compare(a, b) {
    const va = data.rows[a][sorted.column], vb = data.rows[b][sorted.column];
    if (va === vb) return a - b;
    if (va === null) return 1; // what is not there comes last, whichever way
    if (vb === null) return -1;
    const first = isNumber(va) && isNumber(vb) ? va - vb : String(va).localeCompare(String(vb));
    return sorted.down ? -first : first;
  }

  function passes(value, text) {
    const match = /^\s*(<=|>=|!=|<|>|=)?\s*(.*?)\s*$/.exec(text);
    const sign = match[1], wanted = match[2];
    if (wanted === "") return true;
    if (value === null) return false;
    const number = Number(wanted);
    if (sign && isNumber(value) && !Number.isNaN(number)) {
      if (sign === "<") return value < number;
      if (sign === ">") return value > number;
      if (sign === "<=") return value <= number;
      if (sign === ">=") return value >= number;
      return (sign === "=") === (value === number);
    }
    const has = String(value).toLowerCase();
    if (sign === "=") return has === wanted.toLowerCase();
    if (sign === "!=") return has !== wanted.toLowerCase();
    return has.includes(wanted.toLowerCase());
  }

  function shown(value, column) {
    if (value === null) return "";
    if (!isNumber(value) || data.columns[column].whole) return String(value);
    const size = Math.abs(value);
    if (size !== 0 && (size < 1e-3 || size >= 1e6)) return value.toExponential(3);
    return String(Number(value.toPrecision(4)));
  }

  function draw() {
    const kept = order.filter((i) => filters.every((f, c) => f === "" || passes(data.rows[i][c], f)));
    const pages = Math.max(1, Math.ceil(kept.length / PAGE));
    page = Math.min(page, pages - 1);
    const body = document.createElement("tbody");
    for (const i of kept.slice(page * PAGE, (page + 1) * PAGE)) {
      const row = body.insertRow();
      if (i === data.best) row.className = "best";
      else if (data.failed.includes(i)) row.className = "failed";
      data.rows[i].forEach((value, c) => {
        const cell = row.insertCell();
        cell.textContent = shown(value, c);
        if (isNumber(value)) cell.className = "n";
      });
    }
    table.replaceChild(body, table.tBodies[0]);
    said.textContent = kept.length + " of " + data.rows.length + " trials, page " + (page + 1) + " of " + pages;
    document.getElementById("back").disabled = page === 0;
    document.getElementById("on").disabled = page >= pages - 1;
    table.querySelectorAll("thead th[data-column]").forEach((head) => {
      if (Number(head.dataset.column) !== sorted.column) head.removeAttribute("aria-sort");
      else head.setAttribute("aria-sort", sorted.down ? "descending" : "ascending");
    });
  }

  function sortBy(column) {
    sorted = { column: column, down: sorted.column === column && !sorted.down };
    order.sort(compare);
    page = 0;
    draw();
  }

  const heads = table.tHead.rows[0], boxes = table.tHead.rows[1];
  data.columns.forEach((column, c) => {
    const head = document.createElement("th");
    head.textContent = column.short;
    head.title = column.name + ": " + column.meaning;
    head.dataset.column = c;
    head.tabIndex = 0;
    head.addEventListener("click", () => sortBy(c));
    head.addEventListener("keydown", (event) => { if (event.key === "Enter") sortBy(c); });
    heads.appendChild(head);
    const box = document.createElement("input");
    box.setAttribute("aria-label", "filter " + column.name);
    box.dataset.filter = column.name;
    box.addEventListener("input", () => { filters[c] = box.value; page = 0; draw(); });
    boxes.appendChild(document.createElement("th")).appendChild(box);
  });
  document.getElementById("back").addEventListener("click", () => { page -= 1; draw(); });
  document.getElementById("on").addEventListener("click", () => { page += 1; draw(); });
  document.getElementById("clear").addEventListener("click", () => {
    filters.fill("");
    table.querySelectorAll("input").forEach((box) => { box.value = ""; });
    page = 0;
    draw();
  });
  order.sort(compare);
  draw();
})();
