"""n3fit's FileTrials and hyperopt's loop with an objective that costs nothing.

    python measured_filetrials.py REPORT SETTINGS.json

Run by the Python of n3fit's environment. SETTINGS has `parameters` and `hyperscan` (of the scan),
`result` (of each trial) and `trials` (sizes of the scan). REPORT has for each size the time from
one trial to the next in hyperopt's loop, as n3fit runs it, and of a suggestion alone; in ms, the
quickest of a few.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

SEED = 1


def measure(settings: dict, report: Path) -> None:
    """Measure each size; REPORT is written after each, since the last ones take long."""
    import hyperopt
    import numpy as np
    from hyperopt.base import Domain
    from n3fit.hyper_optimization.filetrials import FileTrials
    from n3fit.hyper_optimization.hyper_scan import HyperScanner

    space = HyperScanner(settings["parameters"], settings["hyperscan"]).as_dict()
    meta = {
        name: np.array(value) if isinstance(value, list) else value
        for name, value in settings["result"]["kfold_meta"].items()
    }
    rng = np.random.default_rng(SEED)

    def result() -> dict:
        return {**settings["result"], "kfold_meta": meta, "loss": float(rng.random())}

    called: list[float] = []

    def objective(params: dict) -> dict:
        called.append(1e3 * time.perf_counter())
        return result()

    domain = Domain(objective, space)
    found = []
    with tempfile.TemporaryDirectory() as folder:
        trials = FileTrials(Path(folder), parameters=space)
        for size in sorted(settings["trials"]):
            tids = trials.new_trial_ids(size - len(trials))
            documents = hyperopt.rand.suggest(tids, domain, trials, SEED + size)
            for document in documents:
                document["result"], document["state"] = result(), hyperopt.JOB_STATE_DONE
            trials.insert_trial_docs(documents)
            trials._store_trial = True
            trials.refresh()
            suggestions = []
            for _ in range(5):
                begin = time.perf_counter()
                hyperopt.tpe.suggest([size + 1], domain, trials, SEED)
                suggestions.append(1e3 * (time.perf_counter() - begin))
            called.clear()
            hyperopt.fmin(
                fn=objective,
                space=space,
                algo=hyperopt.tpe.suggest,
                max_evals=len(trials) + (5 if size <= 1000 else 2),
                trials=trials,
                rstate=np.random.default_rng(SEED),
                show_progressbar=False,
                trials_save_file=trials.pkl_file,
            )
            trial = float(min(np.diff(called)))
            found.append({"trials": size, "trial": trial, "suggestion": min(suggestions)})
            report.write_text(json.dumps(found))


if __name__ == "__main__":
    report_file, settings_file = map(Path, sys.argv[1:])
    measure(json.loads(settings_file.read_text()), report_file)
