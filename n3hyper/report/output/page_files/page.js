// The page put together: its figures, its switches, and the scan that it follows.

const place = (id) => document.getElementById(id);
const named = (names) => names.filter((name) => trials.columns.has(name)).map((name) => [name, label(name)]);
const scores = () => named(trials.scores);
const factors = () => named(trials.factors);
const axes = () => [...named(["hyper_loss_chi2", "hyper_loss_phi2", "iteration"]), ...scores().filter(([name]) => !["hyper_loss_chi2", "hyper_loss_phi2"].includes(name)), ...factors()];

// A figure, unless it is there already: a scan that is followed gets more of them as it goes on.
function add(Kind, where, about) {
  return figures.some((figure) => figure.id === about.id) ? null : new Kind(where, about);
}

function furnish() {
  if (place("scan-figures")) {
    const scan = place("scan-figures");
    add(Figure, scan, {
      id: "convergence", title: "Convergence", caption: "Each trial, the best so far, and the failures.", build: convergence,
      choices: [{ name: "y", text: "of", options: scores, value: "loss" }],
    });
    if (trials.parts.length) {
      add(Figure, scan, {
        id: "parts", title: "What the loss is made of", caption: "The χ² of the data left out, and each penalty.", build: parts, zoom: false,
        choices: [{ name: "order", text: "show", options: [["best", "the best trials"], ["order", "all in their order"]], value: "best" }],
      });
    }
    add(Figure, scan, {
      id: "pairs", title: "One against the other", caption: "On the data left out, unless other columns are chosen.", build: pairs,
      choices: [
        { name: "x", text: "x", options: axes, value: trials.columns.has("hyper_loss_chi2") ? "hyper_loss_chi2" : "iteration" },
        { name: "y", text: "y", options: axes, value: trials.hasPhi2 ? "hyper_loss_phi2" : "loss" },
      ],
    });
    if (trials.running.length) {
      add(Figure, scan, {
        id: "running", title: "Running means", caption: "Over all trials so far, of those below the thresholds: whether TPE still learns.", build: running, zoom: false,
        choices: [{ name: "mean", text: "of", options: () => trials.running.map((each) => [each.name, each.label]) }],
      });
    }
    if (trials.began.some((value) => value !== null)) {
      add(Figure, scan, { id: "timeline", title: "Timeline", caption: "When each trial ran.", build: timeline });
    }
    add(Figure, scan, { id: "reached", title: "How many reach a loss", caption: "Share of the trials at or below it.", build: reached, zoom: false });
    if (trials.folds.names.length) {
      add(Figure, scan, { id: "folds", title: "Losses of the folds", caption: "A point for each trial and fold.", build: folds });
    }
  }
  if (place("parallel-figure") && trials.factors.length) {
    const figure = add(Parallel, place("parallel-figure"), {
      id: "parallel", title: "Parallel coordinates", caption: "A line for each trial. Draw a range on an axis to choose trials in all figures and in the table; a click on the axis takes it away.", build: parallelOption, tall: true, zoom: false,
      choices: [{ name: "most", text: "lines", options: [["100", "best 100"], ["300", "best 300"], ["1000", "best 1000"], ["1000000", "all"]], value: "300" }],
    });
    if (figure) {
      figure.canvas.setAttribute("role", "img");
      parallelBoxes(figure);
    }
  }
  if (place("parameter-figures") && trials.factors.length) {
    const first = trials.important;
    const ours = place("parameter-figures");
    if (trials.factors.length > 1) {
      add(Figure, place("contour-figure"), {
        id: "contour", title: "Two hyperparameters", caption: "Mean loss around each point (Gaussian mean of the trials nearby); no colour where no trial is near.", build: contour, tall: true,
        choices: [
          { name: "x", text: "x", options: factors, value: first[0] },
          { name: "y", text: "y", options: factors, value: first[1] },
        ],
      });
    }
    const of = { name: "of", text: "of", options: factors, value: first[0] };
    add(Figure, place("contour-figure"), { id: "drawn", title: "Drawn, and the best", caption: "Shares of values among all trials and among the best ones (a fifth of them, three at least).", build: drawn, zoom: false, choices: [of] });
    add(Figure, place("contour-figure"), { id: "failures", title: "Failures by value", caption: "All trials, also while failed ones are not shown.", build: failures, zoom: false, choices: [of] });
    for (const name of trials.factors) {
      const words = label(name);
      add(Figure, ours, { id: "parameter-" + name, title: words[0].toUpperCase() + words.slice(1), caption: "Loss of each trial.", build: slice(name) });
    }
  }
}

function switches() {
  const tie = (id, key, call) => {
    const box = place(id);
    box.checked = state[key];
    box.addEventListener("change", () => { state[key] = box.checked; call(); });
  };
  tie("show-failed", "failed", choose);
  tie("log-loss", "logLoss", redraw);
  tie("whole-range", "whole", redraw);
  const colour = place("colour");
  const fill = () => {
    const offered = [["", "as suits the figure"], ["iteration", "trial"], ...scores(), ...factors()];
    colour.replaceChildren(...offered.map(([key, words]) => make("option", { value: key }, words)));
    colour.value = state.colour;
  };
  fill();
  on("trials", fill);
  colour.addEventListener("change", () => { state.colour = colour.value; redraw(); });
  place("clear-all").addEventListener("click", () => {
    state.brush = null;
    clearMarks();
    place("clear").click();
  });
  on("visible", () => {
    const hidden = state.brush !== null || [...state.filters.values()].some((text) => text !== "");
    place("clear-all").hidden = !hidden && !state.marks.length;
    place("chosen").textContent = hidden ? visible.length + " trials chosen" : "";
  });
  on("marks", () => { place("clear-all").hidden = !state.marks.length && place("chosen").textContent === ""; });
}

// Ask the server for what is new. The page keeps all that the reader has chosen.
function follow() {
  const wait = 1000 * Number(document.body.dataset.follow);
  const status = place("following");
  let version = document.body.dataset.version;
  async function ask() {
    try {
      const answer = await fetch("data.json", { headers: version ? { "If-None-Match": version } : {}, cache: "no-store" });
      if (answer.status === 200) {
        const found = await answer.json();
        version = answer.headers.get("ETag");
        if (found.waiting) throw new Error(found.waiting);
        for (const [id, html] of Object.entries(found.pieces)) {
          const element = place(id), open = [...element.querySelectorAll("details")].map((each) => each.open);
          element.innerHTML = html; // escaped by the server, and the policy of the page runs no script in it
          element.querySelectorAll("details").forEach((each, at) => { each.open = Boolean(open[at]); });
        }
        replaceTrials(found.data);
      }
      status.textContent = "following the scan, " + new Date().toLocaleTimeString();
    } catch (problem) {
      status.textContent = problem instanceof TypeError ? "the server does not answer; the page stays as it is" : problem.message;
    }
    setTimeout(ask, wait);
  }
  ask();
}

furnish();
on("trials", furnish);
switches();
drawHeads();
choose();
tell("marks");
if (document.body.dataset.follow) follow();
document.body.dataset.ready = "yes";
