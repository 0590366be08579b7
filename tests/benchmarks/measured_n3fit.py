"""n3fit's own scan with clocks at its entry points; run by the Python of n3fit's environment.

    python measured_n3fit.py REPORT XGRID.json -- ARGUMENTS OF n3fit

Nothing of n3fit is changed. Its entry points are called through, with the time taken before and
after; a callback that is the last of each training step takes the time when everything that n3fit
does in an epoch has been done, validation and multipliers included. After the trial the PDFs of
all folds are written down, so that one ruler can measure both programs.

REPORT is JSON: times are seconds since the epoch of the clock (``time.time``).
"""

import importlib.metadata
import json
import sys
import time
from pathlib import Path


def measure(report_file: Path, xgrid: list[float], arguments: list[str]) -> None:
    """Run n3fit with `arguments`."""
    import keras
    import numpy as np
    import tensorflow as tf
    from n3fit import model_gen, model_trainer
    from n3fit.backends import MetaModel
    from n3fit.scripts.n3fit_exec import main
    from n3fit.vpinterface import N3PDF

    folds: list[dict] = []
    pdf_models: list = []

    class Clock(keras.callbacks.Callback):
        """Clock that records the time at the end of each step."""

        def on_train_begin(self, logs=None):
            folds.append({"begin": time.time(), "steps": [], "cpu": []})

        def on_train_batch_end(self, batch, logs=None):
            folds[-1]["steps"].append(time.time())
            folds[-1]["cpu"].append(time.process_time())

    perform_fit = MetaModel.perform_fit
    make_pdf, trial = model_gen.generate_pdf_model, model_trainer.ModelTrainer.hyperparametrizable

    def timed_fit(self, *args, callbacks=(), **options):
        result = perform_fit(self, *args, callbacks=[*callbacks, Clock()], **options)
        folds[-1]["end"] = time.time()
        return result

    def kept_pdf(*args, **options):
        pdf_models.append(make_pdf(*args, **options))
        return pdf_models[-1]

    def timed_trial(self, params):
        begin = time.time()
        result = trial(self, params)
        report = {"trial_begin": begin, "trial_end": time.time(), "folds": folds}
        pdfs = [
            N3PDF(model.split_replicas())(np.array(xgrid), flavours="n3fit") for model in pdf_models
        ]
        report["pdfs"] = np.array(pdfs, dtype=float).tolist()
        report["own"] = {
            name: np.array(result["kfold_meta"][name], dtype=float).tolist()
            for name in ("validation_losses", "experimental_losses", "trvl_losses_chi2exp")
        }
        names = ("nnpdf", "tensorflow", "keras", "hyperopt", "numpy")
        report["versions"] = {name: importlib.metadata.version(name) for name in names}
        report["gpus"] = len(tf.config.list_physical_devices("GPU"))
        report_file.write_text(json.dumps(report))
        return result

    MetaModel.perform_fit = timed_fit
    model_gen.generate_pdf_model = kept_pdf
    model_trainer.ModelTrainer.hyperparametrizable = timed_trial
    sys.argv = ["n3fit", *arguments]
    main()


if __name__ == "__main__":
    report, xgrid, _, *rest = sys.argv[1:]
    measure(Path(report), json.loads(Path(xgrid).read_text()), rest)
