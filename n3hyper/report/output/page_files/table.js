// The table of trials: sorted by a click on a column, filtered by what is typed below it; and the
// marked trials side by side.

const table = document.getElementById("trials");
const said = document.getElementById("said");
const PAGE = 100;
let sorted = { column: trials.sort, down: false };
let page = 0;
let kept = [];

function sortRows() {
  const column = values(trials.columns.has(sorted.column) ? sorted.column : "tid");
  kept = visible.slice().sort((a, b) => {
    const va = column[a], vb = column[b];
    if (va === vb) return a - b;
    if (va === null) return 1; // what is not there comes last, whichever way
    if (vb === null) return -1;
    const first = isNumber(va) && isNumber(vb) ? va - vb : String(va).localeCompare(String(vb));
    return sorted.down ? -first : first;
  });
}

function drawTable() {
  const pages = Math.max(1, Math.ceil(kept.length / PAGE));
  page = Math.max(0, Math.min(page, pages - 1));
  const names = trials.table, chosen = marked();
  const body = document.createElement("tbody");
  for (const i of kept.slice(page * PAGE, (page + 1) * PAGE)) {
    const row = body.insertRow();
    if (i === trials.best) row.className = "best";
    else if (!trials.ok[i]) row.className = "failed";
    const at = chosen.indexOf(i);
    const box = make("input", { type: "checkbox", checked: at >= 0 });
    box.setAttribute("aria-label", "mark " + trials.keys[i]);
    if (at >= 0) {
      row.classList.add("marked");
      row.style.setProperty("--mark", markColour(at));
    }
    row.dataset.trial = i;
    row.insertCell().append(box);
    for (const name of names) {
      const value = values(name)[i], cell = row.insertCell();
      cell.textContent = shown(value, name);
      if (isNumber(value)) cell.className = "n";
      if (name === "reason" && !trials.ok[i]) cell.title = trials.texts[trials.text[i]] || "";
    }
  }
  table.replaceChild(body, table.tBodies[0]);
  const total = state.failed ? trials.count : trials.ok.reduce((sum_, ok) => sum_ + ok, 0);
  said.textContent = kept.length + " of " + total + " trials, page " + (page + 1) + " of " + pages;
  document.getElementById("back").disabled = page === 0;
  document.getElementById("on").disabled = page >= pages - 1;
  table.querySelectorAll("thead th[data-column]").forEach((head) => {
    if (head.dataset.column !== sorted.column) head.removeAttribute("aria-sort");
    else head.setAttribute("aria-sort", sorted.down ? "descending" : "ascending");
  });
}

function sortBy(name) {
  sorted = { column: name, down: sorted.column === name && !sorted.down };
  page = 0;
  sortRows();
  drawTable();
}

function drawHeads() {
  const heads = table.tHead.rows[0], boxes = table.tHead.rows[1];
  const wanted = trials.table.join("\n");
  if (table.dataset.columns === wanted) return; // what is typed stays where it is
  table.dataset.columns = wanted;
  heads.replaceChildren(make("th", { scope: "col" }, make("span", { className: "hidden" }, "marked")));
  boxes.replaceChildren(make("td"));
  for (const name of trials.table) {
    const column = trials.columns.get(name);
    const button = make("button", { type: "button", title: name + ": " + column.meaning }, column.short);
    const head = make("th", { scope: "col" }, button);
    head.dataset.column = name;
    button.addEventListener("click", () => sortBy(name));
    heads.append(head);
    const box = make("input", { value: state.filters.get(name) || "" });
    box.setAttribute("aria-label", "filter " + name);
    box.dataset.filter = name;
    box.addEventListener("input", () => {
      state.filters.set(name, box.value);
      page = 0;
      choose();
    });
    boxes.append(make("td", {}, box));
  }
}

table.addEventListener("click", (event) => {
  const row = event.target.closest("tbody tr");
  if (row) toggleMark(Number(row.dataset.trial));
});
document.getElementById("back").addEventListener("click", () => { page -= 1; drawTable(); });
document.getElementById("on").addEventListener("click", () => { page += 1; drawTable(); });
document.getElementById("clear").addEventListener("click", () => {
  state.filters.clear();
  table.querySelectorAll("thead input").forEach((box) => { box.value = ""; });
  page = 0;
  choose();
});
on("trials", drawHeads);
on("visible", () => { sortRows(); drawTable(); });
on("marks", () => {
  const chosen = marked();
  table.querySelectorAll("tbody tr").forEach((row) => {
    const at = chosen.indexOf(Number(row.dataset.trial));
    row.classList.toggle("marked", at >= 0);
    if (at >= 0) row.style.setProperty("--mark", markColour(at));
    row.querySelector("input").checked = at >= 0;
  });
});

// The marked trials, a column for each; rows that differ stand out.
function drawMarked() {
  const panel = document.getElementById("marked"), chosen = marked();
  panel.hidden = chosen.length === 0;
  if (!chosen.length) return panel.replaceChildren();
  const body = make("table", {});
  const head = body.createTHead().insertRow();
  head.append(make("td"));
  chosen.forEach((i, at) => {
    const close = make("button", { type: "button", title: "Take the mark away" }, "×");
    close.setAttribute("aria-label", "take the mark of " + trials.keys[i] + " away");
    close.addEventListener("click", () => toggleMark(i));
    const cell = make("th", { scope: "col" }, trials.keys[i], i === trials.best ? " ★ " : " ", close);
    cell.style.borderTop = "4px solid " + markColour(at);
    head.append(cell);
  });
  const rows = body.createTBody();
  const add = (title, cells, fixed) => {
    const row = rows.insertRow();
    if (fixed) row.className = "fixed";
    row.append(make("th", { scope: "row" }, title));
    cells.forEach((cell) => row.append(make("td", {}, cell)));
  };
  add("loss", chosen.map((i) => (trials.ok[i] ? sum(i) : "failed: " + (values("reason")[i] || "") + (trials.texts[trials.text[i]] ? ", " + trials.texts[trials.text[i]] : ""))));
  for (const name of trials.shown) {
    const cells = chosen.map((i) => shown(values(name)[i], name));
    if (cells.every((cell) => cell === "")) continue;
    const same = chosen.length > 1 && cells.every((cell) => cell === cells[0]);
    add(label(name), cells, same);
  }
  const clear = make("button", { type: "button" }, "clear marks");
  clear.addEventListener("click", clearMarks);
  const chips = chosen.map((i, at) => {
    const chip = make("span", { className: "chip" }, make("i", { className: "dot" }), trials.keys[i] + (trials.ok[i] ? ", loss " + short(values("loss")[i]) : ", failed"));
    chip.firstChild.style.background = markColour(at);
    return chip;
  });
  const open = panel.querySelector("details")?.open || false;
  const line = make("summary", {}, "Marked: ", ...chips, make("span", { className: "more" }, "compare"));
  panel.replaceChildren(make("details", { open: open }, line, make("div", { className: "scroll free" }, body), clear));
}
on("marks", drawMarked);
on("trials", drawMarked);
