"""Data of sets for which a theory has no tables."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from make_reference.cuts import MAX_TAU, made_rules
from make_reference.fit import describe
from make_reference.output import projections, save, save_record
from make_reference.sets import OTHER, Q2MIN, W2MIN


def make_other() -> None:
    """Store covariances, replicas and splits of sets that need no tables."""
    from validphys import n3fit_data
    from validphys.covmats import dataset_inputs_covmat_from_systematics
    from validphys.filters import default_filter_rules_input, get_cuts_for_dataset
    from validphys.loader import Loader
    from validphys.pseudodata import make_replica

    loader = Loader()
    defaults = {"q2min": Q2MIN, "w2min": W2MIN, "maxTau": MAX_TAU}
    theory = {"ID": -1, "PTO": 2, "FNS": "FONLL-C", "IC": True}
    rules = made_rules(default_filter_rules_input(), defaults, theory, loader)
    specs = [loader.check_commondata(d["dataset"], variant=d["variant"]) for d in OTHER]
    kept = [get_cuts_for_dataset(spec, rules) for spec in specs]
    loaded = [spec.load().with_cuts(points) for spec, points in zip(specs, kept, strict=True)]
    central = np.concatenate([cd.get_cv() for cd in loaded])
    t0 = central * (1 + 0.1 * np.sin(np.arange(len(central))))
    parts = np.split(t0, np.cumsum([cd.ndata for cd in loaded])[:-1])
    exp = dataset_inputs_covmat_from_systematics(loaded, use_weights_in_covmat=False)
    fit = dataset_inputs_covmat_from_systematics(
        loaded, use_weights_in_covmat=False, _list_of_central_values=parts
    )
    seed = n3fit_data.group_replica_mcseed(5, loaded)
    data = SimpleNamespace(
        datasets=[
            SimpleNamespace(cuts=SimpleNamespace(load=lambda points=points: points), frac=0.75)
            for points in kept
        ]
    )
    group = type("Group", (SimpleNamespace,), {"__str__": lambda self: "ALL"})(**vars(data))
    trvl_seeds = list(range(20))
    masks = [np.concatenate(n3fit_data.standard_masks(group, s).tr_masks) for s in trvl_seeds]
    first = loaded[0].ndata
    rest = np.triu_indices(len(central) - first)
    save(
        "other.npz",
        kept=np.concatenate(kept),
        central=central,
        t0=t0,
        exp_rest=exp[first:, first:][rest],
        fit_rest=fit[first:, first:][rest],
        replica=make_replica(central, seed, fit),
        masks=np.packbits(masks, axis=1),
        **{f"exp_{key}": value for key, value in projections(exp).items()},
        **{f"fit_{key}": value for key, value in projections(fit).items()},
    )
    record = {
        "inputs": OTHER,
        "mcseed": 5,
        "group_mcseed": seed,
        "trvl_seeds": trvl_seeds,
        "sets": [describe(s, cd) for s, cd in zip(specs, loaded, strict=True)],
    }
    save_record("other.json", record)
