// Colours of figures, by the theme of the system, and scales of axes.

const root = document.documentElement;
const dark = window.matchMedia("(prefers-color-scheme: dark)");
let printing = false;
const isDark = () => dark.matches && !printing;
dark.addEventListener("change", () => tell("look"));
window.addEventListener("beforeprint", () => { printing = true; tell("look"); });
window.addEventListener("afterprint", () => { printing = false; tell("look"); });

// Okabe and Ito's colours, which colour-blind people tell apart; lighter ones for a dark page.
function palette() {
  return isDark()
    ? ["#56b4e9", "#e69f00", "#2fc79b", "#e39bc4", "#7f9cf5", "#f0784a", "#f0e442", "#b0b7c3"]
    : ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#a89a00", "#777777"];
}

// Good is what stands out most from the page.
function ramp() {
  return isDark()
    ? ["#fde725", "#c2df23", "#86d549", "#52c569", "#2ab07f", "#25908c", "#2f6f8e", "#3d5a8a", "#4a4a7d"]
    : ["#440154", "#472f7d", "#39568c", "#2a788e", "#1f988b", "#22a884", "#54c568", "#92d050", "#c8d838"];
}

function colours() {
  return isDark()
    ? { ink: "#e6ebf1", soft: "#9aa7b5", line: "#2c3743", back: "#12181f", failed: "#ff8a5c", best: "#ff8a5c", edge: "#12181f", plain: "#56b4e9" }
    : { ink: "#1c2733", soft: "#5c6b7a", line: "#e3e8ed", back: "#ffffff", failed: "#c2410c", best: "#d55e00", edge: "#ffffff", plain: "#3a9bd9" };
}

// Colours of the marks, in the order of the clicks.
function markColour(place) {
  const both = ["#e6007e", "#00a3a3", "#8a5cf6", "#c98700", "#2e9e2e", "#3d7bff"];
  return both[place % both.length];
}

// What a column looks like as an axis: numbers, or names in their order.
function scale(name) {
  const column = trials.columns.get(name);
  const known = column.values.filter((value) => value !== null);
  const distinct = new Set(known);
  const few = column.kind === "text" || (distinct.size <= 8 && !column.score);
  if (few) {
    const levels = [...distinct];
    if (column.kind === "text") levels.sort((a, b) => String(a).localeCompare(String(b)));
    else levels.sort((a, b) => a - b);
    const place = new Map(levels.map((level, at) => [level, at]));
    return {
      name: name, label: column.label, levels: levels.map((level) => shown(level, name)), log: false,
      at: (i) => (column.values[i] === null ? null : place.get(column.values[i])),
    };
  }
  return { name: name, label: column.label, levels: null, log: column.log, at: (i) => column.values[i] };
}

// A number between -1 and 1 that is always the same for a trial.
function jitter(i) {
  const x = Math.sin((i + 1) * 12.9898) * 43758.5453;
  return 2 * (x - Math.floor(x)) - 1;
}

function axis(scale_, range, options) {
  const look = colours(), { log, horizontal, title } = options;
  const common = {
    name: title === undefined ? scale_.label : title, nameLocation: "middle", nameGap: horizontal ? 28 : 46,
    nameTextStyle: { color: look.ink, fontSize: 12.5 },
    axisLine: { show: true, onZero: false, lineStyle: { color: look.soft } },
    axisTick: { show: !scale_.levels, lineStyle: { color: look.soft } },
    splitLine: { show: !scale_.levels, lineStyle: { color: look.line } },
    minorTick: { show: false },
    axisPointer: { show: false },
    axisLabel: { color: look.soft, fontSize: 11.5, hideOverlap: true, formatter: tick },
  };
  if (scale_.levels) {
    common.type = "value";
    common.min = -0.5;
    common.max = Math.max(0.5, scale_.levels.length - 0.5);
    common.interval = 0.5; // the ends lie between two names, at which no label is written
    common.axisLabel.hideOverlap = false;
    const most = horizontal ? Math.max(4, Math.floor((narrow() ? 44 : 66) / Math.max(1, scale_.levels.length))) : 11;
    common.axisLabel.formatter = (value) => {
      const name = Number.isInteger(value) ? scale_.levels[value] : "";
      return name === undefined ? "" : name.length > most ? name.slice(0, most - 1) + "…" : name;
    };
    return common;
  }
  common.type = log ? "log" : "value";
  if (range) {
    common.min = range[0];
    common.max = range[1];
    common.axisLabel.showMinLabel = false;
    common.axisLabel.showMaxLabel = false;
  } else {
    common.scale = true;
  }
  if (log && range && range[1] / range[0] < 30) common.axisLabel.formatter = (value) => short(Number(value.toPrecision(2)));
  return common;
}

// How trials are coloured: the bin of each, the colours of the bins, and the legend.
function colouring(name, indices) {
  const look = colours();
  if (!name) return { bins: [look.plain], of: () => 0, legend: null };
  const column = trials.columns.get(name), line = scale(name);
  if (line.levels && column.kind === "text") {
    const own = palette(), last = own.length - 1;
    return {
      bins: own, of: (i) => (line.at(i) === null ? last : Math.min(line.at(i), last)),
      legend: { label: column.label, keys: line.levels.slice(0, last + 1).map((level, at) => [at === last && line.levels.length > last + 1 ? "others" : level, own[at]]) },
    };
  }
  const numbers = indices.map((i) => column.values[i]).filter((value) => value !== null);
  const log = column.log && numbers.every((value) => value > 0);
  const own = ramp();
  const sorted = Float64Array.from(numbers).sort();
  const low = sorted.length ? sorted[0] : 0;
  const high = sorted.length ? (column.score && name !== "iteration" ? quantile(sorted, 0.93) : sorted[sorted.length - 1]) : 1;
  const f = log ? Math.log : (value) => value;
  const span = f(high) - f(low) || 1;
  const reverse = name === "hyper_loss_phi2";
  return {
    bins: own,
    of: (i) => {
      const value = column.values[i];
      if (value === null) return own.length - 1;
      const share = Math.max(0, Math.min(0.999, (f(value) - f(low)) / span));
      const bin = Math.floor(share * own.length);
      return reverse ? own.length - 1 - bin : bin;
    },
    legend: { label: column.label, ramp: reverse ? [...own].reverse() : own, low: shown(low, name), high: (high < sorted[sorted.length - 1] ? "≥ " : "") + shown(high, name) },
  };
}

function drawLegend(place, legend) {
  place.replaceChildren();
  if (!legend) return;
  place.append(make("span", {}, legend.label + ": "));
  if (legend.ramp) {
    const bar = make("i", { className: "ramp" });
    bar.style.background = "linear-gradient(90deg," + legend.ramp.join(",") + ")";
    place.append(legend.low + " ", bar, " " + legend.high);
    return;
  }
  for (const [name, colour] of legend.keys) {
    const dot = make("i", { className: "dot" });
    dot.style.background = colour;
    place.append(make("span", { className: "key" }, dot, name));
  }
}
