"""What TensorFlow is set up with."""

from __future__ import annotations

from pathlib import Path

import pytest

from n3hyper.fitting.backend import flags_for, idle_gpu, tensorflow


def test_gpu_that_is_not_used(tmp_path: Path) -> None:
    assert not idle_gpu(0, {}, tmp_path / "no driver")
    assert not idle_gpu(0, {}, tmp_path)  # a driver without a GPU
    (tmp_path / "0000:00:04.0").mkdir()
    assert "tensorflow[and-cuda]" in idle_gpu(0, {}, tmp_path)
    assert "tensorflow[and-cuda]" in idle_gpu(0, {"CUDA_VISIBLE_DEVICES": "0"}, tmp_path)
    assert not idle_gpu(1, {}, tmp_path)


@pytest.mark.parametrize("hidden", ["", "-1"])
def test_gpu_that_is_hidden(tmp_path: Path, hidden: str) -> None:
    (tmp_path / "0000:00:04.0").mkdir()
    assert not idle_gpu(0, {"CUDA_VISIBLE_DEVICES": hidden}, tmp_path)


def test_flags_of_the_user_come_first() -> None:
    own = "--xla_cpu_use_fusion_emitters=true"
    assert flags_for("2.21.1", own) == own
    both = flags_for("2.21.1", "--xla_dump_to=here")
    assert both == "--xla_dump_to=here --xla_cpu_use_fusion_emitters=false"


def test_setup() -> None:
    tf = tensorflow()
    assert not tf.config.experimental.tensor_float_32_execution_enabled()
    for device in tf.config.list_physical_devices("GPU"):
        assert tf.config.experimental.get_memory_growth(device)
    # an operation without a seed is refused when all has to be deterministic
    with pytest.raises(RuntimeError, match="determinism"):
        tf.random.uniform([1])
