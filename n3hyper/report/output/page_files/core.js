// The trials of the page, the reader's choices, and who is told when one of them changes.

const state = {
  marks: [], // keys of the marked trials, in the order of the clicks
  failed: false,
  logLoss: false,
  whole: false,
  colour: "",
  filters: new Map(), // column -> what was typed
  brush: null, // column -> ranges that are drawn on parallel coordinates, or null
};
const MOST_MARKS = 6;
const listeners = { visible: [], marks: [], look: [], trials: [] };
const on = (what, call) => listeners[what].push(call);
const tell = (what) => listeners[what].forEach((call) => call());
const isNumber = (value) => typeof value === "number";
const narrow = () => window.innerWidth < 620;

let trials = read(JSON.parse(document.getElementById("data").textContent));
let visible = [];
state.failed = trials.failedShown;

// Columns come as lists of numbers, or as texts by their place in a list of distinct ones.
function read(data) {
  const columns = new Map();
  for (const column of data.columns) {
    const values = column.levels
      ? column.values.map((place) => (place === null ? null : column.levels[place]))
      : column.values;
    columns.set(column.name, { ...column, values: values });
  }
  const count = data.ok.length;
  const tid = columns.get("tid").values;
  const scan = columns.has("scan") ? columns.get("scan").values : null;
  const keys = [], byKey = new Map();
  for (let i = 0; i < count; i++) {
    let key = (scan ? scan[i] + " " : "") + "trial " + tid[i];
    while (byKey.has(key)) key += "'";
    keys.push(key);
    byKey.set(key, i);
  }
  return { ...data, count: count, columns: columns, keys: keys, byKey: byKey };
}

const values = (name) => trials.columns.get(name).values;
const marked = () => state.marks.map((key) => trials.byKey.get(key)).filter((i) => i !== undefined);

function replaceTrials(data) {
  trials = read(data);
  tell("trials");
  choose();
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

// Trials that the filters of the table and the ranges on parallel coordinates keep.
function select({ failed, brush }) {
  const tests = [], found = [];
  for (const [name, text] of state.filters) {
    if (text !== "" && trials.columns.has(name)) tests.push([values(name), text]);
  }
  const ranges = brush ? [...brush].filter(([name]) => trials.columns.has(name)).map(([name, each]) => [scale(name), each]) : [];
  for (let i = 0; i < trials.count; i++) {
    if (!failed && !trials.ok[i]) continue;
    if (!tests.every(([column, text]) => passes(column[i], text))) continue;
    if (ranges.every(([line, each]) => within(line.at(i), each))) found.push(i);
  }
  return found;
}

const within = (value, ranges) => value !== null && ranges.some(([low, high]) => low <= value && value <= high);

function choose() {
  visible = select(state);
  tell("visible");
}

function toggleMark(i) {
  const key = trials.keys[i], place = state.marks.indexOf(key);
  if (place >= 0) state.marks.splice(place, 1);
  else state.marks.push(key);
  if (state.marks.length > MOST_MARKS) state.marks.shift();
  tell("marks");
}

function clearMarks() {
  state.marks = [];
  tell("marks");
}

// A number as a table shows it: four digits.
function short(value) {
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) return value.toExponential(3).replace("e+", "e");
  return String(Number(value.toPrecision(4)));
}

function shown(value, name) {
  if (value === null || value === undefined) return "";
  if (!isNumber(value) || trials.columns.get(name).whole) return String(value);
  return short(value);
}

const tick = (value) => {
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e5)) return value.toExponential().replace("e+", "e");
  return String(Number(value.toPrecision(6)));
};

const label = (name) => trials.columns.get(name).label;

// The loss in words of its parts: "1.74 = chi2 1.59 + saturation 0.1".
function sum(i) {
  const loss = values("loss")[i];
  if (loss === null) return "";
  const parts = trials.parts
    .map((part) => [part.label, values(part.name)[i]])
    .filter(([, value]) => value !== null && value !== 0);
  const words = parts.map(([name, value]) => name + " " + short(value)).join(" + ");
  return short(loss) + (parts.length > 1 ? " = " + words : "");
}

function quantile(sorted, share) {
  const place = share * (sorted.length - 1), low = Math.floor(place);
  const high = Math.min(low + 1, sorted.length - 1);
  return sorted[low] + (place - low) * (sorted[high] - sorted[low]);
}

// Range of losses that are shown: without the worst, which would leave no room for the others.
function limits(numbers, whole, log) {
  const sorted = Float64Array.from(numbers).sort();
  if (!sorted.length) return [0, 1];
  let low = sorted[0], high = whole ? sorted[sorted.length - 1] : quantile(sorted, 0.93);
  if (log) {
    if (high <= low) high = low * 1.1;
    const factor = Math.pow(high / low, 0.06);
    return [low / factor, high * factor];
  }
  if (high <= low) high = low + Math.max(Math.abs(low), 1) * 0.05;
  const margin = 0.06 * (high - low);
  return [low - margin, high + margin];
}

// Trials that no other beats in both: a lower chi2 and a larger phi2.
function front(indices, chi2, phi2) {
  const known = indices.filter((i) => trials.ok[i] && chi2[i] !== null && phi2[i] !== null);
  known.sort((a, b) => chi2[a] - chi2[b] || phi2[b] - phi2[a]);
  const found = [];
  let highest = -Infinity;
  for (const i of known) {
    if (phi2[i] > highest) {
      highest = phi2[i];
      found.push(i);
    }
  }
  return found;
}

function make(tag, properties, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties || {})) {
    if (name in element) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}
