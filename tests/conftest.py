"""Fixtures that several sub-packages' tests share."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, nullcontext
from pathlib import Path

# As commands do, before NumPy is loaded: bits of decompositions depend on BLAS's threads, and what
# a test computes in this process is compared with what a command computed in another.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import pytest
from hypothesis import settings

from n3hyper.hyper_optimization.mongo.server import MongodRunner
from tests.support.leftovers import hear_signals, mark, still_there, watched
from tests.support.mongo_servers import engines, fresh_database, running
from tests.support.reference_cases import ReferenceCase, reference_case

hear_signals()

# They make the stored reference numbers, with programs that are not installed here.
collect_ignore_glob = ["*/make_*reference", "*/make_*reference.py"]

# How long an example takes says how busy the machine is, and nothing about the code.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

_SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session", autouse=True)
def _nothing_is_left_running() -> Iterator[None]:
    """See that every process that the tests start ends with them."""
    text = mark()
    with watched(text) if sys.platform.startswith("linux") else nullcontext():
        yield
        left = still_there(text)
    assert not left, f"left running by the tests, and killed now: {left}"


@pytest.fixture(scope="session", autouse=True)
def _cache_of_the_tests(request: pytest.FixtureRequest) -> Iterator[None]:
    """Keep parsed data beside pytest's own cache, away from the user's."""
    # there is none with -p no:cacheprovider
    cache = getattr(request.config, "cache", None)
    if cache is None or "N3HYPER_CACHE" in os.environ:
        yield
        return
    os.environ["N3HYPER_CACHE"] = str(cache.mkdir("n3hyper"))
    yield
    del os.environ["N3HYPER_CACHE"]


def _shared(name: str) -> Path:
    path = _SHARED / name
    if not path.exists():
        pytest.skip(f"needs {name}, which is not part of the project")
    return path


@pytest.fixture(scope="session")
def shared_theory() -> Path:
    """A theory folder with DIS and hadronic tables; tests skip where it is absent."""
    return _shared("theory_40000000")


@pytest.fixture(scope="session")
def shared_lhapdf() -> Path:
    """A folder that holds the PDF set `toy_t0`; tests skip where it is absent."""
    return _shared("lhapdf")


@pytest.fixture(scope="session")
def fit_case() -> ReferenceCase:
    """18 sets (DIS, W asymmetry, Drell-Yan) as a fit uses them, with t0 and weights."""
    return reference_case("fit")


@pytest.fixture(scope="session")
def other_case() -> ReferenceCase:
    """12 sets with one-point sets, published covariance matrices, shared luminosities."""
    return reference_case("other")


@pytest.fixture(scope="session")
def scores_case() -> ReferenceCase:
    """Four sets, predictions of random PDFs, and n3fit's scores of them."""
    return reference_case("scores")


@pytest.fixture(scope="session")
def rewards_case() -> ReferenceCase:
    """Two folds of two sets each, four replicas, and n3fit's losses of them."""
    return reference_case("rewards")


@pytest.fixture(scope="session")
def shared_baseline() -> Path:
    """Runcards that n3fit was timed with; tests skip where they are absent."""
    return _shared("baseline")


@pytest.fixture(scope="session")
def mongo_servers(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[[str], MongodRunner]]:
    """Gives the running server of an engine, which is started when it is first asked for."""
    servers: dict[str, MongodRunner] = {}
    with ExitStack() as held:

        def server(engine: str) -> MongodRunner:
            if engine not in servers:
                dbpath = tmp_path_factory.mktemp(engine)
                servers[engine] = held.enter_context(running(engine, dbpath))
            return servers[engine]

        yield server


@pytest.fixture(params=engines())
def mongo_uri(request: pytest.FixtureRequest, mongo_servers: Callable[[str], MongodRunner]) -> str:
    """The URI of a database that nobody has used, on a server of each kind that there is."""
    return fresh_database(mongo_servers(request.param))
