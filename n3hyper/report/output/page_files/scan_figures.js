// Figures of the scan as a whole.

const lossTitle = () => label("loss");

// Losses that go with what is drawn: the range of the axis, and how many lie above it.
function lossAxis(indices, name) {
  const column = values(name);
  const numbers = indices.filter((i) => trials.ok[i] && column[i] !== null).map((i) => column[i]);
  const log = state.logLoss && numbers.every((value) => value > 0) && numbers.length > 0;
  const range = limits(numbers, state.whole, log);
  const above = numbers.filter((value) => value > range[1]).length;
  return { range: range, log: log, note: above ? above + " above the range (“whole range” shows them)." : "" };
}

function convergence(figure) {
  const name = figure.chosen.y;
  const column = values(name), order = values("iteration");
  const good = visible.filter((i) => trials.ok[i] && column[i] !== null);
  if (!good.length) return null;
  const y = lossAxis(good, name), look = colours();
  const colour = colouring(state.colour, good);
  const points = { trial: good, x: good.map((i) => order[i]), y: good.map((i) => column[i]) };
  const up = name === "hyper_loss_phi2";
  let best = up ? -Infinity : Infinity;
  const steps = [];
  for (const i of good) {
    if (up ? column[i] <= best : column[i] >= best) continue;
    best = column[i];
    steps.push([order[i], best]);
  }
  steps.push([order[good[good.length - 1]], best]);
  const failed = trials.failedAt;
  const low = y.log ? y.range[0] * Math.pow(y.range[1] / y.range[0], 0.015) : y.range[0] + 0.015 * (y.range[1] - y.range[0]);
  const option = {
    xAxis: { ...axis({ label: "trial" }, null, { horizontal: true }), min: "dataMin", max: "dataMax" },
    yAxis: axis({ label: label(name) }, y.range, { log: y.log }),
    series: [
      ...cloud(points, colour),
      { type: "line", step: "end", data: steps, symbol: "none", silent: true, lineStyle: { color: palette()[0], width: 2.2 }, z: 5 },
...(failed.length ? [{ type: "scatter", data: Float64Array.from(failed.flatMap((at) => [at, low])), symbol: "rect", symbolSize: [1.5, 9], silent: true, large: true, largeThreshold: 0, itemStyle: { color: look.failed }, z: 2, progressive: 0 }] : []),
    ],
  };
  const shown = failed.length ? " Red ticks: " + failed.length + " failed." : "";
  return { option: option, points: points, legend: colour.legend, note: y.note + shown };
}

function parts(figure) {
  const names = trials.parts.map((part) => part.name);
  const loss = values("loss");
  let kept = visible.filter((i) => trials.ok[i] && loss[i] !== null && values(names[0])[i] !== null);
  if (!kept.length) return null;
  const best = figure.chosen.order === "best";
  if (best) kept = kept.sort((a, b) => loss[a] - loss[b]).slice(0, narrow() ? 20 : 40);
  const most = narrow() ? 60 : 160, each = Math.ceil(kept.length / most);
  const groups = [];
  for (let at = 0; at < kept.length; at += each) groups.push(kept.slice(at, at + each));
  const own = palette(), look = colours();
  const mean = (group, name) => group.reduce((total, i) => total + (values(name)[i] || 0), 0) / group.length;
  const tid = values("tid");
  const names_ = groups.map((group) => (group.length > 1 ? tid[group[0]] + "–" + tid[group[group.length - 1]] : String(tid[group[0]])));
  const totals = groups.map((group) => group.reduce((total, i) => total + loss[i], 0) / group.length);
  const top = limits(totals, state.whole, false)[1];
  const option = {
    xAxis: { ...axis({ label: each > 1 ? "trials" : best ? "trial, the best first" : "trial", levels: names_ }, null, { horizontal: true }), type: "category", data: names_, min: null, max: null, interval: null, axisLabel: { color: look.soft, fontSize: 11.5, hideOverlap: true } },
    yAxis: { ...axis({ label: lossTitle() }, null, {}), min: 0, max: top, scale: false, axisLabel: { color: look.soft, showMaxLabel: false, formatter: tick } },
    series: trials.parts.map((part, at) => ({
      type: "bar", stack: "loss", data: groups.map((group) => mean(group, part.name)), silent: true,
      itemStyle: { color: own[at % own.length] }, barCategoryGap: groups.length > 60 ? "0%" : "20%", clip: true,
    })),
  };
  const points = each > 1
    ? { trial: [] }
    : { trial: groups.map((group) => group[0]), x: groups.map((_, at) => at), y: totals.map((total) => Math.min(total, top * 0.985)) };
  return {
    option: option, points: points, plainBest: best,
    legend: { label: "parts", keys: trials.parts.map((part, at) => [part.label, own[at % own.length]]) },
    note: each > 1 ? "Each bar: the means of " + each + " trials. “The best” shows single trials." : "",
  };
}

// Any column against any other; of chi2 and phi2 also the front.
function pairs(figure) {
  const { x, y } = figure.chosen;
  const xs = scale(x), ys = scale(y), order = values("iteration");
  const kept = visible.filter((i) => xs.at(i) !== null && ys.at(i) !== null);
  if (!kept.length) return null;
  const good = kept.filter((i) => trials.ok[i]);
  const range = (line, name) => {
    if (line.levels) return null;
    const numbers = (good.length ? good : kept).map((i) => line.at(i));
    const positive = numbers.every((value) => value > 0);
    const log = (line.log || (state.logLoss && trials.columns.get(name).score)) && positive;
    return { log: log, range: limits(numbers, state.whole || !trials.columns.get(name).score || name === "iteration", log) };
  };
  const rx = range(xs, x), ry = range(ys, y);
  const colour = colouring(state.colour || "loss", good);
  const points = {
    trial: kept,
    x: kept.map((i) => xs.at(i) + (xs.levels ? 0.3 * jitter(order[i]) : 0)),
    y: kept.map((i) => ys.at(i) + (ys.levels ? 0.3 * jitter(order[i] + 0.5) : 0)),
  };
  const series = cloud(points, colour);
  let note = "";
  if (x === "hyper_loss_chi2" && y === "hyper_loss_phi2") {
    const line = front(kept, values(x), values(y));
    if (line.length > 1) {
      const place = (i) => [values(x)[i], values(y)[i]];
      series.push({ type: "line", step: "end", data: line.map(place), symbol: "none", silent: true, lineStyle: { color: colours().best, width: 1.6 }, z: 5 });
      series.push({ type: "scatter", data: line.map(place), symbol: "circle", symbolSize: 10, silent: true, itemStyle: { color: "transparent", borderColor: colours().best, borderWidth: 1.6 }, z: 6 });
      note = "Orange: the front, on which no other trial has a lower χ² and a larger φ².";
    }
  }
  const option = {
    xAxis: axis(xs, rx && rx.range, { horizontal: true, log: rx && rx.log }),
    yAxis: axis(ys, ry && ry.range, { log: ry && ry.log }),
    series: series,
  };
  return { option: option, points: points, legend: colour.legend, note: note };
}

function running(figure) {
  const chosen = trials.running.find((each) => each.name === figure.chosen.mean) || trials.running[0];
  if (!chosen) return null;
  const data = chosen.values.map((value, at) => [at + 1, value]);
  const option = {
    xAxis: { ...axis({ label: "trials with " + chosen.condition }, null, { horizontal: true }), min: 1, max: Math.max(2, data.length) },
    yAxis: axis({ label: chosen.label }, null, {}),
    series: [{ type: "line", data: data, symbol: data.length > 1 ? "none" : "circle", silent: true, lineStyle: { color: palette()[0], width: 2.2 }, itemStyle: { color: palette()[0] }, sampling: "lttb" }],
  };
  return { option: option, points: { trial: [] } };
}

// How many trials reach a loss, scan by scan.
function reached() {
  const loss = values("loss"), scan = trials.columns.has("scan") ? values("scan") : null;
  const good = visible.filter((i) => trials.ok[i] && loss[i] !== null);
  if (good.length < 2) return null;
  const names = scan ? [...new Set(good.map((i) => scan[i]))] : [""], own = palette();
  const x = lossAxis(good, "loss");
  const series = names.map((name, at) => {
    const sorted = Float64Array.from(good.filter((i) => !scan || scan[i] === name).map((i) => loss[i])).sort();
    const step = Math.max(1, Math.floor(sorted.length / 1000)), data = [];
    sorted.forEach((value, place) => { if (place % step === 0 || place === sorted.length - 1) data.push([value, (100 * (place + 1)) / sorted.length]); });
    return { type: "line", step: "end", data: data, symbol: "none", silent: true, lineStyle: { color: own[at % own.length], width: 2.2 } };
  });
  const option = {
    xAxis: axis({ label: lossTitle() }, x.range, { horizontal: true, log: x.log }),
    yAxis: { ...axis({ label: "trials at or below (%)" }, null, {}), min: 0, max: 100 },
    series: series,
  };
  const legend = names.length > 1 ? { label: "scan", keys: names.map((name, at) => [name, own[at % own.length]]) } : null;
  return { option: option, points: { trial: [] }, legend: legend, note: x.note };
}

// Bars from start to end, one below the other where trials ran at the same time.
function timeline() {
  const kept = visible.filter((i) => trials.began[i] !== null && trials.ended[i] !== null);
  if (!kept.length) return null;
  kept.sort((a, b) => trials.began[a] - trials.began[b]);
  const free = [], lanes = [];
  for (const i of kept) {
    let lane = free.findIndex((until) => until <= trials.began[i] + 1e-3);
    if (lane < 0) lane = free.length;
    free[lane] = trials.ended[i];
    lanes.push(lane);
  }
  const look = colours();
  const colour = colouring(state.colour || "loss", kept.filter((i) => trials.ok[i]));
  const points = {
    trial: kept, x: kept.map((i) => 500 * (trials.began[i] + trials.ended[i])), y: lanes,
  };
  const first = trials.began[kept[0]] * 1000, last = Math.max(...free) * 1000;
  // ten thousand bars are quicker painted than put into the figure one by one
  const draw = (params, api) => {
    const area = params.coordSys, sharp = window.devicePixelRatio || 1, canvas = document.createElement("canvas");
    canvas.width = Math.round(area.width * sharp);
    canvas.height = Math.round(area.height * sharp);
    const context = canvas.getContext("2d");
    context.scale(sharp, sharp);
    const tall = Math.min(70, 0.84 * api.size([0, 1])[1]);
    kept.forEach((i, at) => {
      const [x, y] = api.coord([trials.began[i] * 1000, lanes[at]]), [end] = api.coord([trials.ended[i] * 1000, lanes[at]]);
      context.fillStyle = trials.ok[i] ? colour.bins[colour.of(i)] : look.failed;
      context.fillRect(x - area.x, y - area.y - tall / 2, Math.max(1, end - x - 0.5), tall);
    });
    return { type: "image", style: { image: canvas, x: area.x, y: area.y, width: area.width, height: area.height } };
  };
  const option = {
    xAxis: { ...axis({ label: "", levels: null }, [first, last], { horizontal: true }), type: "time", name: "", axisLabel: { color: look.soft, hideOverlap: true, fontSize: 11.5 } },
    yAxis: { ...axis({ label: free.length > 1 ? "at the same time" : "" }, [-0.5, free.length - 0.5], {}), inverse: true, minInterval: 1, splitLine: { show: false }, axisLabel: { show: free.length > 1, color: look.soft, formatter: (value) => (Number.isInteger(value) ? value + 1 : "") } },
    series: [{ type: "custom", renderItem: draw, data: [[first, 0]], silent: true, clip: true, progressive: 0 }],
  };
  const failed = kept.filter((i) => !trials.ok[i]).length;
  return { option: option, points: points, legend: colour.legend, note: failed ? "Red: failed." : "" };
}

// The losses of the folds, a point for each trial.
function folds() {
  const count = trials.folds.names.length;
  const kept = visible.filter((i) => trials.ok[i] && trials.folds.losses[i] !== null);
  if (!count || !kept.length) return null;
  const order = values("iteration");
  const points = { trial: [], x: [], y: [] };
  for (let fold = 0; fold < count; fold++) {
    for (const i of kept) {
      const loss = trials.folds.losses[i][fold];
      if (loss === null) continue;
      points.trial.push(i);
      points.x.push(fold + 0.26 * jitter(order[i]));
      points.y.push(loss);
    }
  }
  const log = state.logLoss && points.y.every((value) => value > 0);
  const range = limits(points.y, state.whole, log);
  const colour = colouring(state.colour || "loss", kept);
  const boxes = [];
  for (let fold = 0; fold < count; fold++) {
    const losses = Float64Array.from(points.y.filter((_, at) => Math.round(points.x[at]) === fold)).sort();
    boxes.push(losses.length < 5 ? null : [fold, quantile(losses, 0.5)]);
  }
  const names = trials.folds.names.map((_, fold) => "fold " + (fold + 1));
  const option = {
    xAxis: axis({ label: "", levels: names }, null, { horizontal: true }),
    yAxis: axis({ label: "loss of the fold" }, range, { log: log }),
    series: [...cloud(points, colour), bars(boxes.filter((box) => box))],
  };
  const above = points.y.filter((value) => value > range[1]).length;
  return { option: option, points: points, legend: colour.legend, note: "Bars: medians." + (above ? " " + above + " points lie above the range." : "") };
}

// Bars of the medians at places of a row of names.
function bars(data) {
  const look = colours();
  const draw = (_, api) => {
    const [x, y] = api.coord([api.value(0), api.value(1)]), half = 0.36 * api.size([1, 0])[0];
    return { type: "rect", shape: { x: x - half, y: y - 1.5, width: 2 * half, height: 3 }, style: { fill: look.ink } };
  };
  return { type: "custom", renderItem: draw, data: data, silent: true, z: 6, clip: true };
}
