// Parallel coordinates: a line for each trial; a range drawn on an axis chooses trials everywhere.

const parallel = { axes: null };

function parallelAxes() {
  const offered = ["loss", ...["hyper_loss_chi2", "hyper_loss_phi2"].filter((name) => trials.columns.has(name)), ...trials.factors];
  const most = narrow() ? 5 : 10;
  if (parallel.axes === null) parallel.axes = new Set(offered.filter((name) => !name.startsWith("hyper_loss")).slice(0, most));
  return offered;
}

function parallelOption(figure) {
  const names = parallelAxes().filter((name) => parallel.axes.has(name));
  const loss = values("loss");
  const candidates = select({ ...state, brush: null });
  const good = candidates.filter((i) => trials.ok[i] && loss[i] !== null).sort((a, b) => loss[a] - loss[b]);
  const failed = candidates.filter((i) => !trials.ok[i]);
  if (!good.length || names.length < 2) return null;
  const most = Number(figure.chosen.most);
  const kept = [...good.slice(0, most), ...failed.slice(0, most)];
  const look = colours(), colour = colouring(state.colour || "loss", good.slice(0, most));
  const lines = names.map(scale), end = (value) => Number(value.toPrecision(3));
  const most_ = end(limits(good.slice(0, most).map((i) => loss[i]), state.whole, false)[1]);
  const place = (i) => lines.map((line) => {
    if (line.at(i) === null) return "-";
    if (line.levels) return line.levels[line.at(i)];
    return line.name === "loss" ? Math.min(line.at(i), most_) : line.at(i);
  });
  const vertical = narrow();
  const chosen = marked();
  const ordered = kept.slice().reverse(); // the best ones are drawn last, on top
  const option = {
    parallel: vertical
      ? { layout: "vertical", left: 24, right: 74, top: 34, bottom: 16 }
      : { left: 46, right: 110, top: 46, bottom: 30 },
    parallelAxis: names.map((name, dim) => {
      const line = lines[dim];
      const numbers = line.levels ? [] : kept.map((i) => line.at(i)).filter((value) => value !== null);
      const log = line.log && numbers.every((value) => value > 0);
      const range = name === "loss" ? { max: most_ } : {};
      return {
        dim: dim, name: trials.columns.get(name).short, nameTextStyle: { color: look.ink, fontSize: 12 }, nameLocation: "end", nameGap: vertical ? 8 : 14,
        nameRotate: vertical ? 0 : undefined, parallelIndex: 0,
        type: line.levels ? "category" : log ? "log" : "value", data: line.levels || undefined, scale: true, ...range,
        axisLine: { lineStyle: { color: look.soft } }, axisTick: { show: !line.levels, lineStyle: { color: look.soft } }, minorTick: { show: false },
        axisLabel: { color: look.ink, fontSize: 10.5, textBorderColor: look.back, textBorderWidth: 3, hideOverlap: true, formatter: (value) => (line.levels ? (String(value).length > 12 ? String(value).slice(0, 11) + "…" : value) : tick(Number(Number(value).toPrecision(3)))) },
        areaSelectStyle: { width: 18, borderColor: palette()[0], color: palette()[0], opacity: 0.25 },
      };
    }),
    series: [
      {
        type: "parallel", z: 2, progressive: 0, smooth: false, inactiveOpacity: 0.04, activeOpacity: 0.75, silent: false,
        data: ordered.map((i) => ({ value: place(i), lineStyle: { color: trials.ok[i] ? colour.bins[colour.of(i)] : look.failed, opacity: kept.length > 300 ? 0.35 : 0.55, width: 1.3 } })),
        emphasis: { lineStyle: { width: 3, opacity: 1 } },
      },
      {
        type: "parallel", z: 5, progressive: 0, silent: true, inactiveOpacity: 1, activeOpacity: 1,
        data: chosen.map((i, at) => ({ value: place(i), lineStyle: { color: markColour(at), width: 3.2, opacity: 1 } })),
      },
    ],
  };
  const cut = good.length > most ? "The best " + most + " of " + good.length + "." : "";
  return { option: option, points: { trial: ordered }, legend: colour.legend, note: cut, marks: true };
}

class Parallel extends Figure {
  start() {
    super.start();
    this.chart.on("axisareaselected", () => this.brushed());
    this.chart.on("mouseover", { seriesIndex: 0 }, ({ dataIndex, event }) =>
      showTip(this.canvas, this.built.points.trial[dataIndex], event.offsetX, event.offsetY));
    this.chart.on("mouseout", { seriesIndex: 0 }, () => this.leave());
    this.chart.on("click", { seriesIndex: 0 }, ({ dataIndex }) => toggleMark(this.built.points.trial[dataIndex]));
  }

  refresh() {
    const again = this.stale && this.inView;
    super.refresh();
    if (!again || !this.chart) return;
    this.names().forEach((name, at) => {
      const intervals = state.brush && state.brush.get(name);
      if (intervals) this.chart.dispatchAction({ type: "axisAreaSelect", parallelAxisIndex: at, intervals: intervals }, { silent: true });
    });
  }

  names() {
    return parallelAxes().filter((name) => parallel.axes.has(name));
  }

  // Ranges on the axes choose trials everywhere; this figure is as it should be already.
  brushed() {
    const found = new Map(), model = this.chart.getModel();
    this.names().forEach((name, at) => {
      const intervals = model.getComponent("parallelAxis", at).activeIntervals;
      if (intervals.length) found.set(name, intervals.map((each) => each.slice()));
    });
    state.brush = found.size ? found : null;
    choose();
    this.stale = false;
  }

  hover() {}

  leave() {
    tip.hidden = true;
  }

  pick() {
    return null;
  }

  drawMarks() {}

  key() {}
}

// Boxes to choose the axes.
function parallelBoxes(figure) {
  const place = make("details", { className: "boxes" }, make("summary", {}, "axes"));
  const fill = () => {
    place.querySelectorAll("label").forEach((each) => each.remove());
    for (const name of parallelAxes()) {
      const box = make("input", { type: "checkbox", checked: parallel.axes.has(name) });
      box.addEventListener("change", () => {
        if (box.checked) parallel.axes.add(name);
        else parallel.axes.delete(name);
        figure.dirty();
      });
      place.append(make("label", {}, box, " " + label(name)));
    }
  };
  fill();
  on("trials", fill);
  figure.card.querySelector(".choices").append(place);
}
