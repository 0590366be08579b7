// A figure: drawn when it can be seen, with hover, marks, zoom and keys.

const figures = [];
const tip = make("div", { id: "tip", hidden: true });
document.body.append(tip);
const spoken = document.getElementById("spoken");
const seen = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    const figure = figures.find((each) => each.canvas === entry.target);
    figure.inView = entry.isIntersecting;
    if (figure.inView) figure.refresh();
  }
}, { rootMargin: "150px" });

class Figure {
  // build(figure) returns {option, points, legend, note}; points {trial, x, y} are what can be
  // pointed at, in the units of the axes.
  constructor(place, { id, title, caption, build, choices = [], tall = false, zoom = true }) {
    this.id = id;
    this.build = build;
    this.title = title;
    this.inView = false;
    this.stale = true;
    this.zoomed = null;
    this.chosen = {};
    const head = make("div", { className: "choices" });
    for (const choice of choices) head.append(this.choice(choice));
    if (zoom) {
      this.zoomButton = make("button", { type: "button", title: "Zoom into a rectangle that is drawn with the mouse", ariaPressed: "false" }, "zoom");
      this.zoomButton.addEventListener("click", () => this.selectRectangle(this.zoomButton.ariaPressed !== "true"));
      this.resetButton = make("button", { type: "button", hidden: true }, "all");
      this.resetButton.title = "Show the whole range again";
      this.resetButton.addEventListener("click", () => this.resetZoom());
      head.append(make("span", { className: "tools" }, this.zoomButton, this.resetButton));
    }
    this.canvas = make("div", { className: "canvas" + (tall ? " tall" : ""), tabIndex: 0, role: "application" });
    this.canvas.setAttribute("aria-label", title + ". " + caption + " Arrow keys go from trial to trial, Enter marks one, plus and minus zoom, 0 shows all.");
    this.legend = make("div", { className: "legend" });
    this.note = make("span", { className: "soft" });
    this.card = make("figure", { id: "figure-" + id }, make("b", {}, title), head, this.canvas, this.legend,
      make("figcaption", {}, caption + " ", this.note));
    place.append(this.card);
    figures.push(this);
    seen.observe(this.canvas);
    this.canvas.addEventListener("keydown", (event) => this.key(event));
    this.canvas.addEventListener("blur", () => this.leave());
  }

  choice({ name, text, options, value, change }) {
    const id = "choose-" + this.id + "-" + name;
    const box = make("select", { id: id });
    const fill = () => {
      const kept = box.value || value;
      const offered = typeof options === "function" ? options() : options;
      box.replaceChildren(...offered.map(([key, words]) => make("option", { value: key }, words)));
      box.value = offered.some(([key]) => key === kept) ? kept : offered.length ? offered[0][0] : "";
      this.chosen[name] = box.value;
    };
    fill();
    on("trials", fill);
    box.addEventListener("change", () => {
      this.chosen[name] = box.value;
      this.zoomed = null;
      if (change) change(box.value);
      this.dirty();
    });
    return make("label", { htmlFor: id }, text + " ", box);
  }

  dirty() {
    this.stale = true;
    this.refresh();
  }

  refresh() {
    if (!this.inView || !this.stale) return;
    this.stale = false;
    const built = this.build(this);
    this.card.hidden = built === null;
    if (built === null) return;
    if (!this.chart) this.start();
    this.built = built;
    this.pixels = null;
    drawLegend(this.legend, built.legend);
    this.note.textContent = built.note || "";
    this.chart.setOption(this.completed(built.option), { notMerge: true });
    if (this.zoomed) this.zoomed.forEach((range, at) => this.chart.dispatchAction({ type: "dataZoom", dataZoomIndex: at, ...range }));
    this.selectRectangle(false);
    this.drawMarks();
    const count = built.points ? new Set(built.points.trial).size : 0;
    this.canvas.dataset.drawn = String(count);
  }

  completed(option) {
    const free = Boolean(this.zoomButton);
    return {
      animation: false,
      textStyle: { fontFamily: "system-ui, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif" },
      grid: { left: 66, right: 20, top: 14, bottom: 46 },
      ...option,
      ...(free && {
        // out of sight: the button of the card does what it does
        toolbox: { top: -60, showTitle: false, feature: { dataZoom: { xAxisIndex: 0, yAxisIndex: 0, filterMode: "none", brushStyle: { color: "rgba(86,180,233,.25)", borderColor: "#56b4e9" } } } },
        dataZoom: [{ xAxisIndex: 0 }, { yAxisIndex: 0 }].map((which) => ({
          type: "inside", filterMode: "none", zoomOnMouseWheel: "ctrl", moveOnMouseMove: "shift", moveOnMouseWheel: false, preventDefaultMouseMove: false, ...which,
        })),
      }),
    };
  }

  start() {
    this.chart = echarts.init(this.canvas, null, { renderer: "canvas" });
    const zr = this.chart.getZr();
    zr.on("mousemove", (event) => this.hover(event.offsetX, event.offsetY));
    zr.on("globalout", () => this.leave());
    zr.on("click", (event) => {
      const found = this.pick(event.offsetX, event.offsetY);
      if (found !== null && this.zoomButton?.ariaPressed !== "true") toggleMark(this.built.points.trial[found]);
    });
    this.chart.on("datazoom", () => {
      this.zoomed = this.chart.getOption().dataZoom
        .filter((each) => each.type === "inside")
        .map((each) => ({ start: each.start, end: each.end }));
      if (this.zoomed.every((range) => range.start <= 0 && range.end >= 100)) this.zoomed = null;
      this.resetButton.hidden = this.zoomed === null;
      this.pixels = null;
      this.selectRectangle(false);
      this.drawMarks();
    });
    new ResizeObserver(() => {
      this.chart.resize();
      this.pixels = null;
      this.drawMarks();
    }).observe(this.canvas);
  }

  selectRectangle(active) {
    if (!this.zoomButton || !this.chart) return;
    this.resetButton.hidden = this.zoomed === null;
    if (this.zoomButton.ariaPressed === String(active)) return;
    this.zoomButton.ariaPressed = String(active);
    this.chart.dispatchAction({ type: "takeGlobalCursor", key: "dataZoomSelect", dataZoomSelectActive: active });
  }

  resetZoom() {
    this.zoomed = null;
    for (const at of [0, 1]) this.chart.dispatchAction({ type: "dataZoom", dataZoomIndex: at, start: 0, end: 100 });
    this.zoomButton.focus();
  }

  zoomBy(factor) {
    const ranges = this.zoomed || [{ start: 0, end: 100 }, { start: 0, end: 100 }];
    ranges.forEach(({ start, end }, at) => {
      const middle = (start + end) / 2, half = Math.min(50, ((end - start) / 2) * factor);
      this.chart.dispatchAction({ type: "dataZoom", dataZoomIndex: at, start: Math.max(0, middle - half), end: Math.min(100, middle + half) });
    });
  }

  // Where the points lie on the canvas, worked out when the first of them is asked for.
  places() {
    if (this.pixels) return this.pixels;
    const { trial, x, y } = this.built.points;
    const all = new Float32Array(2 * trial.length);
    const inside = (place) => this.chart.containPixel({ gridIndex: 0 }, place);
    for (let at = 0; at < trial.length; at++) {
      const place = this.chart.convertToPixel({ gridIndex: 0 }, [x[at], y[at]]);
      const kept = place && inside(place);
      all[2 * at] = kept ? place[0] : NaN;
      all[2 * at + 1] = kept ? place[1] : NaN;
    }
    this.pixels = all;
    return all;
  }

  // The point nearest to a place on the canvas, null if there is none within a finger's width.
  pick(px, py) {
    if (!this.built || !this.built.points || !this.built.points.x) return null;
    if (this.built.pick) return this.built.pick(px, py);
    const all = this.places();
    let best = null, least = 18 * 18;
    for (let at = 0; 2 * at < all.length; at++) {
      const dx = all[2 * at] - px, dy = all[2 * at + 1] - py, far = dx * dx + dy * dy;
      if (far <= least) {
        least = far;
        best = at;
      }
    }
    return best;
  }

  hover(px, py) {
    const found = this.zoomButton?.ariaPressed === "true" ? null : this.pick(px, py);
    this.canvas.style.cursor = found === null ? "" : "pointer";
    this.point(found);
  }

  leave() {
    this.point(null);
  }

  // Show the tooltip of a point and a ring around it.
  point(found) {
    if (this.pointed === found) return;
    this.pointed = found;
    this.drawMarks();
    if (found === null) {
      tip.hidden = true;
      return;
    }
    const all = this.places();
    showTip(this.canvas, this.built.points.trial[found], all[2 * found], all[2 * found + 1]);
  }

  key(event) {
    if (!this.chart || !this.built.points || !this.built.points.x) return;
    const step = { ArrowRight: 1, ArrowLeft: -1, Home: -Infinity, End: Infinity }[event.key];
    if (step !== undefined) {
      const all = this.places(), order = [];
      for (let at = 0; 2 * at < all.length; at++) if (!Number.isNaN(all[2 * at])) order.push(at);
      order.sort((a, b) => all[2 * a] - all[2 * b] || a - b);
      const from = order.indexOf(this.pointed ?? -1);
      const to = Math.max(0, Math.min(order.length - 1, from + step));
      if (order.length) {
        this.point(order[to]);
        const trial = this.built.points.trial[order[to]];
        spoken.textContent = trials.keys[trial] + (trials.ok[trial] ? ", loss " + sum(trial) : ", failed");
      }
    } else if (event.key === "Enter" || event.key === " ") {
      if (this.pointed !== null && this.pointed !== undefined) toggleMark(this.built.points.trial[this.pointed]);
    } else if (event.key === "+") this.zoomButton && this.zoomBy(0.6);
    else if (event.key === "-") this.zoomButton && this.zoomBy(1 / 0.6);
    else if (event.key === "0") this.zoomButton && this.resetZoom();
    else if (event.key === "Escape") this.leave();
    else return;
    event.preventDefault();
  }

  // Rings around the marked trials, the star of the best one, and what is pointed at. They lie on a
  // canvas of their own (zlevel): the figure is not drawn again for them.
  drawMarks() {
    if (!this.chart || !this.built || !this.built.points || !this.built.points.x) return;
    const zr = this.chart.getZr();
    if (this.overlay) zr.remove(this.overlay);
    this.overlay = new echarts.graphic.Group({ silent: true });
    const look = colours();
    const { trial } = this.built.points;
    const chosen = new Map(marked().map((i, place) => [i, markColour(place)]));
    const wanted = [];
    trial.forEach((i, at) => {
      if (chosen.has(i) || i === trials.best || at === this.pointed) wanted.push(at);
    });
    for (const at of wanted) {
      const i = trial[at];
      const [cx, cy] = this.place(at);
      if (Number.isNaN(cx)) continue;
      if (i === trials.best && !this.built.plainBest) {
        this.overlay.add(new echarts.graphic.Polygon({ shape: { points: star(cx, cy, 9) }, style: { fill: look.best, stroke: look.edge, lineWidth: 1.2 }, zlevel: 9 }));
      }
      if (chosen.has(i)) this.overlay.add(ring(cx, cy, 9, chosen.get(i), 3));
      if (at === this.pointed) this.overlay.add(ring(cx, cy, 6, look.ink, 1.5));
    }
    zr.add(this.overlay);
  }

  place(at) {
    if (this.pixels) return [this.pixels[2 * at], this.pixels[2 * at + 1]];
    const { x, y } = this.built.points;
    const place = this.chart.convertToPixel({ gridIndex: 0 }, [x[at], y[at]]);
    return place && this.chart.containPixel({ gridIndex: 0 }, place) ? place : [NaN, NaN];
  }
}

const ring = (cx, cy, r, colour, width) =>
  new echarts.graphic.Circle({ shape: { cx: cx, cy: cy, r: r }, style: { fill: "none", stroke: colour, lineWidth: width }, zlevel: 9, z: 1 });

function star(cx, cy, size) {
  const points = [];
  for (let corner = 0; corner < 10; corner++) {
    const far = corner % 2 ? size * 0.42 : size, angle = (Math.PI * corner) / 5 - Math.PI / 2;
    points.push([cx + far * Math.cos(angle), cy + far * Math.sin(angle)]);
  }
  return points;
}

// What a trial is, beside the pointer.
function showTip(canvas, i, px, py) {
  const rows = [];
  if (trials.ok[i]) rows.push(["loss", sum(i)]);
  else rows.push(["failed", values("reason")[i] || ""], ["", trials.texts[trials.text[i]] || ""]);
  for (const name of ["hyper_loss_chi2", "hyper_loss_phi2"]) {
    if (trials.columns.has(name) && values(name)[i] !== null) rows.push([trials.columns.get(name).short, shown(values(name)[i], name)]);
  }
  for (const name of trials.scanned) {
    const value = values(name)[i];
    if (value !== null) rows.push([label(name), shown(value, name)]);
  }
  const table = make("table", {});
  for (const [name, value] of rows) {
    const row = table.insertRow();
    row.append(make("th", {}, name), make("td", {}, value));
  }
  tip.replaceChildren(make("b", {}, trials.keys[i] + (i === trials.best ? ", the best" : "")), table);
  tip.hidden = false;
  const box = canvas.getBoundingClientRect(), width = tip.offsetWidth, height = tip.offsetHeight;
  let left = box.left + px + 16, top = box.top + py - height / 2;
  if (left + width > root.clientWidth - 8) left = box.left + px - width - 16;
  left = Math.max(8, Math.min(left, root.clientWidth - width - 8));
  top = Math.max(8, Math.min(top, window.innerHeight - height - 8));
  tip.style.left = left + window.scrollX + "px";
  tip.style.top = top + window.scrollY + "px";
}

// A cloud of points in their colours, failed trials as crosses.
function cloud(points, colour, size) {
  const bins = colour.bins.map(() => []), crosses = [];
  points.trial.forEach((i, at) => {
    (trials.ok[i] ? bins[colour.of(i)] : crosses).push(points.x[at], points.y[at]);
  });
  const count = points.trial.length;
  const wide = size || (count < 200 ? 9 : count < 2000 ? 7 : 4.5);
  const series = bins.map((data, bin) => ({
    // many points of a colour are one shape, and their numbers lie one behind the other
    type: "scatter", data: Float64Array.from(data), symbolSize: wide, silent: true, large: count > 1500, largeThreshold: 0,
    itemStyle: { color: colour.bins[bin], opacity: count > 2000 ? 0.6 : 0.85 }, z: 3, progressive: 0, clip: true,
  }));
  if (colour.legend && colour.legend.ramp) series.reverse(); // the good ones lie on top
  if (crosses.length) {
    series.push({
      type: "scatter", data: Float64Array.from(crosses), symbol: "path://M0,1L1,0L5,4L9,0L10,1L6,5L10,9L9,10L5,6L1,10L0,9L4,5Z",
      symbolSize: Math.max(6, wide - 1), silent: true, itemStyle: { color: colours().failed, opacity: 0.8 }, z: 4, progressive: 0,
    });
  }
  return series.filter((each) => each.data.length);
}

let waiting = false;
// Draw again what can be seen: one figure a frame, first those that are on the screen.
function redraw() {
  for (const figure of figures) figure.stale = true;
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(drawNext);
}

function drawNext() {
  const due = figures.filter((figure) => figure.inView && figure.stale);
  const onScreen = ({ canvas }) => {
    const box = canvas.getBoundingClientRect();
    return box.bottom > 0 && box.top < window.innerHeight;
  };
  const next = due.find(onScreen) || due[0];
  waiting = due.length > 1;
  if (next) next.refresh();
  if (waiting) requestAnimationFrame(drawNext);
}
on("visible", redraw);
on("look", () => {
  if (!printing) return redraw();
  for (const figure of figures) { // a printer does not wait for a frame, and sees all figures
    figure.inView = true;
    figure.dirty();
  }
});
on("marks", () => figures.forEach((figure) => (figure.built && figure.inView && figure.built.marks ? figure.dirty() : figure.drawMarks())));
