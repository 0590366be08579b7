// Figures of the hyperparameters.

// The loss over a hyperparameter.
function slice(name) {
  return () => {
    if (!trials.columns.has(name)) return null;
    const column = values("loss"), line = scale(name), order = values("iteration");
    const good = visible.filter((i) => trials.ok[i] && column[i] !== null && line.at(i) !== null);
    if (!good.length) return null;
    const y = lossAxis(good, "loss");
    const top = y.log ? y.range[1] * Math.pow(y.range[0] / y.range[1], 0.02) : y.range[1] - 0.02 * (y.range[1] - y.range[0]);
    const failed = state.failed ? visible.filter((i) => !trials.ok[i] && line.at(i) !== null) : [];
    const all = [...good, ...failed];
    const points = {
      trial: all,
      x: all.map((i) => line.at(i) + (line.levels ? 0.3 * jitter(order[i]) : 0)),
      y: all.map((i) => (trials.ok[i] ? column[i] : top)),
    };
    const numbers = all.map((i) => line.at(i));
    const log = line.log && numbers.every((value) => value > 0);
    const colour = colouring(state.colour || "iteration", good);
    const series = cloud(points, colour);
    if (line.levels) series.push(medianBars(line, good, column));
    const option = {
      xAxis: axis(line, line.levels ? null : limits(numbers, true, log), { horizontal: true, log: log }),
      yAxis: axis({ label: lossTitle() }, y.range, { log: y.log }),
      series: series,
    };
    return { option: option, points: points, legend: colour.legend, note: y.note + (failed.length ? " Crosses at the top: failed." : "") };
  };
}

function medianBars(line, good, column) {
  const data = [];
  line.levels.forEach((_, level) => {
    const losses = Float64Array.from(good.filter((i) => line.at(i) === level).map((i) => column[i])).sort();
    if (losses.length >= 5) data.push([level, quantile(losses, 0.5)]);
  });
  return bars(data);
}

// Bins of a hyperparameter: its names, or equal parts of its range.
function bins(name, indices) {
  const line = scale(name);
  if (line.levels) return { names: line.levels, of: (i) => line.at(i) };
  const numbers = indices.map((i) => line.at(i)).filter((value) => value !== null);
  const log = line.log && numbers.every((value) => value > 0), f = log ? Math.log : (value) => value;
  const low = f(Math.min(...numbers)), high = f(Math.max(...numbers)), count = narrow() ? 6 : 10;
  const back = log ? Math.exp : (value) => value, step = (high - low) / count || 1;
  const edge = (at) => Number(back(low + at * step).toPrecision(2));
  return {
    names: Array.from({ length: count }, (_, at) => tick(edge(at)) + "–" + tick(edge(at + 1))),
    of: (i) => (line.at(i) === null ? null : Math.max(0, Math.min(count - 1, Math.floor((f(line.at(i)) - low) / step)))),
  };
}

function categoryAxis(names, title) {
  const look = colours();
  return {
    type: "category", data: names, name: title, nameLocation: "middle", nameGap: 52, nameTextStyle: { color: look.ink, fontSize: 12.5 },
    axisLine: { lineStyle: { color: look.soft } }, axisTick: { show: false },
    axisLabel: { color: look.soft, fontSize: 11, interval: 0, rotate: names.length > 5 || names.some((name) => name.length > 12) ? 28 : 0, formatter: (name) => (name.length > 15 ? name.slice(0, 14) + "…" : name) },
  };
}

// What was drawn, and what the best fifth of the trials have.
function drawn(figure) {
  const name = parameterChosen(figure), all = choice();
  if (!name || !all.length) return null;
  const loss = values("loss");
  const good = all.filter((i) => trials.ok[i]).sort((a, b) => loss[a] - loss[b]);
  const well = good.slice(0, Math.max(3, Math.ceil(0.2 * good.length)));
  const parts_ = bins(name, all);
  const share = (indices) => {
    const counts = parts_.names.map(() => 0);
    indices.forEach((i) => { if (parts_.of(i) !== null) counts[parts_.of(i)] += 1; });
    return counts.map((count) => (100 * count) / Math.max(1, indices.length));
  };
  const own = palette(), series = [["all trials", all, own[7]], ["the best " + well.length, well, own[0]]];
  const option = {
    grid: { left: 60, right: 16, top: 14, bottom: 76 },
    xAxis: categoryAxis(parts_.names, label(name)),
    yAxis: { ...axis({ label: "share (%)" }, null, {}), min: 0, scale: false },
    series: series.map(([title, indices, colour]) => ({ type: "bar", name: title, data: share(indices), silent: true, itemStyle: { color: colour, borderRadius: [2, 2, 0, 0] } })),
  };
  return { option: option, points: { trial: [] }, legend: { label: "share of", keys: series.map(([title, , colour]) => [title, colour]) } };
}

// How many trials with a value failed, by reason.
function failures(figure) {
  const name = parameterChosen(figure), all = choice();
  if (!name || !all.some((i) => !trials.ok[i])) return null;
  const parts_ = bins(name, all), reason = values("reason");
  const reasons = [...new Set(all.filter((i) => !trials.ok[i]).map((i) => reason[i] || "unknown"))].sort();
  const counts = new Map(["ok", ...reasons].map((each) => [each, parts_.names.map(() => 0)]));
  for (const i of all) {
    const bin = parts_.of(i);
    if (bin !== null) counts.get(trials.ok[i] ? "ok" : reason[i] || "unknown")[bin] += 1;
  }
  const own = palette(), colour = (at) => (at === 0 ? own[7] : [own[5], own[1], own[3], own[6], own[4], own[2], own[0]][(at - 1) % 7]);
  const keys = [...counts.keys()];
  const option = {
    grid: { left: 60, right: 16, top: 14, bottom: 76 },
    xAxis: categoryAxis(parts_.names, label(name)),
    yAxis: { ...axis({ label: "trials" }, null, {}), min: 0, scale: false, minInterval: 1 },
    series: keys.map((key, at) => ({ type: "bar", stack: "all", data: counts.get(key), silent: true, itemStyle: { color: colour(at), opacity: at ? 1 : 0.45 } })),
  };
  return { option: option, points: { trial: [] }, legend: { label: "trials", keys: keys.map((key, at) => [key, colour(at)]) } };
}

// All trials that are chosen, failed ones among them whether or not they are shown.
const choice = () => select({ ...state, failed: true });
const parameterChosen = (figure) => figure.chosen.of;

// Mean loss around each point of the plane of two hyperparameters, in steps of colour.
function contour(figure) {
  const { x, y } = figure.chosen, loss = values("loss"), order = values("iteration");
  const xs = scale(x), ys = scale(y);
  const kept = visible.filter((i) => xs.at(i) !== null && ys.at(i) !== null && (trials.ok[i] ? loss[i] !== null : true));
  const good = kept.filter((i) => trials.ok[i]);
  if (good.length < 3) return null;
  const lines = [xs, ys].map((line) => {
    if (line.levels) return { ...line, log: false, range: [-0.5, Math.max(0.5, line.levels.length - 0.5)] };
    const numbers = kept.map((i) => line.at(i)), log = line.log && numbers.every((value) => value > 0);
    return { ...line, log: log, range: limits(numbers, true, log) };
  });
  const share = (line, value) => {
    const f = line.log ? Math.log : (v) => v;
    return (f(value) - f(line.range[0])) / (f(line.range[1]) - f(line.range[0]) || 1);
  };
  const clipped = limits(good.map((i) => loss[i]), state.whole, false);
  const map = smooth(good.map((i) => [share(lines[0], lines[0].at(i)), share(lines[1], lines[1].at(i)), Math.min(loss[i], clipped[1])]), lines.map((line) => (line.levels ? line.levels.length : 0)));
  const own = ramp();
  const image = paint(map, own);
  const points = {
    trial: kept,
    x: kept.map((i) => xs.at(i) + (xs.levels ? 0.3 * jitter(order[i]) : 0)),
    y: kept.map((i) => ys.at(i) + (ys.levels ? 0.3 * jitter(order[i] + 0.5) : 0)),
  };
  const [x0, x1] = lines[0].range, [y0, y1] = lines[1].range;
  const surface = (_, api) => {
    const a = api.coord([x0, y1]), b = api.coord([x1, y0]);
    return { type: "image", style: { image: image, x: a[0], y: a[1], width: b[0] - a[0], height: b[1] - a[1] } };
  };
  const look = colours();
  const dots = cloud(points, { bins: [look.ink], of: () => 0, legend: null }, kept.length > 1000 ? 2.5 : 5);
  const option = {
    xAxis: { ...axis(xs, xs.levels ? null : lines[0].range, { horizontal: true, log: lines[0].log }), splitLine: { show: false } },
    yAxis: { ...axis(ys, ys.levels ? null : lines[1].range, { log: lines[1].log }), splitLine: { show: false } },
    series: [{ type: "custom", renderItem: surface, data: [[(x0 + x1) / 2, (y0 + y1) / 2]], silent: true, clip: true, z: 1 }, ...dots],
  };
  return { option: option, points: points, legend: { label: "mean loss", ramp: own, low: short(map.low), high: short(map.high) } };
}

// Gaussian means of the third number on a grid over the unit square; names are not mixed.
function smooth(data, levels) {
  const size = levels.map((count) => count || 72);
  const sums = new Float64Array(size[0] * size[1]), weights = new Float64Array(size[0] * size[1]);
  for (const [x, y, value] of data) {
    const at = Math.min(size[0] - 1, Math.floor(x * size[0])) + size[0] * Math.min(size[1] - 1, Math.floor(y * size[1]));
    sums[at] += value;
    weights[at] += 1;
  }
  const width = Math.max(2.2, Math.min(7, 30 / Math.sqrt(Math.sqrt(data.length)) ));
  let both = [sums, weights];
  if (!levels[0]) both = both.map((grid) => blur(grid, size[0], size[1], 1, size[0], width));
  if (!levels[1]) both = both.map((grid) => blur(grid, size[1], size[0], size[0], 1, width));
  const mean = new Float64Array(sums.length).fill(NaN);
  let low = Infinity, high = -Infinity;
  const least = levels[0] && levels[1] ? 0.5 : 0.02 / width;
  for (let at = 0; at < mean.length; at++) {
    if (both[1][at] < least) continue;
    mean[at] = both[0][at] / both[1][at];
    low = Math.min(low, mean[at]);
    high = Math.max(high, mean[at]);
  }
  return { mean: mean, size: size, levels: levels, low: low, high: high };
}

// Blur along one direction: `count` cells, `step` apart, in each of `lines` that are `skip` apart.
function blur(grid, count, lines, step, skip, width) {
  const reach = Math.ceil(3 * width), kernel = [];
  for (let d = -reach; d <= reach; d++) kernel.push(Math.exp((-d * d) / (2 * width * width)));
  const norm = kernel.reduce((total, value) => total + value, 0);
  const found = new Float64Array(grid.length);
  for (let line = 0; line < lines; line++) {
    for (let at = 0; at < count; at++) {
      const value = grid[line * skip + at * step];
      if (value === 0) continue;
      for (let d = Math.max(-reach, -at); d <= Math.min(reach, count - 1 - at); d++) {
        found[line * skip + (at + d) * step] += (value * kernel[d + reach]) / norm;
      }
    }
  }
  return found;
}

// The map as a picture: bands of colour, with lines between them.
function paint(map, own) {
  const pixels = 360, canvas = document.createElement("canvas");
  canvas.width = canvas.height = pixels;
  const context = canvas.getContext("2d"), image = context.createImageData(pixels, pixels);
  const rgb = own.map((colour) => [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16)));
  const [nx, ny] = map.size, bands = own.length;
  const cell = (at, count, named) => {
    const place = (at / pixels) * count;
    if (named) return [Math.min(count - 1, Math.floor(place)), 0];
    const inner = Math.max(0, Math.min(count - 1.001, place - 0.5));
    return [Math.floor(inner), inner - Math.floor(inner)];
  };
  const band = new Int16Array(pixels * pixels).fill(-1);
  for (let py = 0; py < pixels; py++) {
    const [j, v] = cell(pixels - 1 - py, ny, map.levels[1]), j1 = v ? j + 1 : j;
    for (let px = 0; px < pixels; px++) {
      const [i, u] = cell(px, nx, map.levels[0]), i1 = u ? i + 1 : i;
      const value = (1 - v) * ((1 - u) * map.mean[j * nx + i] + u * map.mean[j * nx + i1]) + v * ((1 - u) * map.mean[j1 * nx + i] + u * map.mean[j1 * nx + i1]);
      if (Number.isNaN(value)) continue;
      band[py * pixels + px] = Math.max(0, Math.min(bands - 1, Math.floor(((value - map.low) / (map.high - map.low || 1)) * bands)));
    }
  }
  for (let at = 0; at < band.length; at++) {
    if (band[at] < 0) continue;
    const right = at % pixels < pixels - 1 ? band[at + 1] : band[at], below = at + pixels < band.length ? band[at + pixels] : band[at];
    const edge = (right >= 0 && right !== band[at]) || (below >= 0 && below !== band[at]);
    const [r, g, b] = rgb[band[at]];
    image.data.set([r, g, b, edge ? 255 : 165], 4 * at);
  }
  context.putImageData(image, 0, 0);
  return canvas;
}
