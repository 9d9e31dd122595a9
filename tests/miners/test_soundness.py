# SPDX-License-Identifier: Apache-2.0
"""Guards of miners and subnets with their seeded bugs: without the guard, its test must fail."""

import re
from collections.abc import Callable
from pathlib import Path
from tempfile import gettempdir, mkdtemp
from typing import Any

import pytest

from miners import ClaimPolicy, checks, publishing, sandbox
from miners.engine import Engine
from miners.llm.verify import Verifier
from offchain.subnets import base, vision
from offchain.validator.audit import Auditor
from offchain.wire import manifest, published
from tests.miners import test_checks, test_engine, test_payday, test_publishing, test_sandbox
from tests.miners.worlds import MODELS, vision_model
from tests.subnets import test_base, test_vision
from tests.validator import test_audit, test_audit_text, towns

pytestmark = pytest.mark.soundness
Seed = Callable[[pytest.MonkeyPatch], None]


def nothing(*_: Any, **__: Any) -> None:
    return None


def unsafe_files(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(checks, "_check_nodes", nothing)


def any_tensors(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(checks, "_check_tensors", nothing)


def any_leak(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(checks, "TOLERANCE", 1e9)


def any_output(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(checks, "_check_output", nothing)


def no_limits(patch: pytest.MonkeyPatch) -> None:
    child = sandbox._CHILD.replace('tuple(sys.argv[3].split(","))', "()")
    patch.setattr(sandbox, "_CHILD", child)


def any_answer(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(towns, "reexecute", lambda *_: True)


def any_text(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Verifier, "holds", lambda *_: True)


def any_end(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Verifier, "_may_be_silent", True)


def any_name(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(manifest, "_LINE", re.compile(r"([0-9a-f]{64})  (.*)"))


def no_doubts(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Auditor, "_doubt", nothing)


def no_advice(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(publishing, "must_publish", lambda _: False)


def any_file(patch: pytest.MonkeyPatch) -> None:
    class Agreeable:
        def digest(self) -> Any:
            return _Equal()

    patch.setattr(published, "sha256", lambda _content: Agreeable())


class _Equal:
    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, _other: object) -> bool:
        return True

    def __ne__(self, _other: object) -> bool:
        return False


def always_due(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ClaimPolicy, "is_due", lambda *_: True)


def one_seed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(vision, "uid_seed", lambda _seed, _uid: 7)


def no_owner(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(test_base, "copied_or_missing", lambda *_: set())


def inherited_average(patch: pytest.MonkeyPatch) -> None:
    update = base.MovingAverage.update
    patch.setattr(
        base.MovingAverage, "update", lambda self, uid, _id, score: update(self, uid, 0, score)
    )


def no_deadline(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(vision, "score", lambda task, answer, _s: test_vision_score(task, answer, 0.0))


def endless_queue(patch: pytest.MonkeyPatch) -> None:
    init = Engine.__init__
    patch.setattr(
        Engine,
        "__init__",
        lambda self, content, **options: init(self, content, **{**options, "max_queue": 10**9}),
    )


test_vision_score = vision.score
test_vision_score.__test__ = False  # type: ignore[attr-defined]

SEEDS: list[tuple[Seed, Callable[[], None]]] = [
    (
        unsafe_files,
        lambda: _patched(
            lambda patch: test_checks.test_FI_33_external_data__anywhere__refused(
                "absolute", Path(gettempdir()), patch
            )
        ),
    ),
    (
        unsafe_files,
        lambda: test_checks.test_FI_34_model__unfit__refused_with_the_reason("custom operator"),
    ),
    (
        any_tensors,
        lambda: test_checks.test_FI_34_model__unfit__refused_with_the_reason("fixed batch"),
    ),
    (any_leak, test_checks.test_self_test__row_depends_on_its_neighbours__refused),
    (any_output, test_checks.test_self_test__other_shape_than_promised__refused),
    (
        no_limits,
        lambda: test_sandbox.test_FI_36_cpu_limit__over__ends_long_before_the_wall_clock(),
    ),
    (
        any_answer,
        lambda: _patched(
            lambda patch: (
                test_audit.test_audit__cheater__struck_with_evidence_until_it_is_honest_for_long(
                    Path(mkdtemp()), patch
                )
            )
        ),
    ),
    (any_text, lambda: _claims("one character")),
    (any_end, lambda: _claims("shorter")),
    (
        any_name,
        lambda: test_audit_text.test_I8_manifest__of_a_hostile_miner__refused(
            f"{'ab' * 32}  ../a\n"
        ),
    ),
    (
        no_doubts,
        lambda: test_audit.test_audit__publishing_required__silence_strikes_after_a_while(
            Path(mkdtemp())
        ),
    ),
    (
        no_doubts,
        lambda: _patched(
            lambda patch: test_audit.test_audit__receipts_never_come__doubted_then_struck(
                Path(mkdtemp()), patch
            )
        ),
    ),
    (
        no_advice,
        lambda: _patched(
            lambda patch: (
                patch.setattr(vision, "REEXECUTION", "required"),
                test_publishing.test_start__publishing_required_and_not_done__refused_before_anything_is_sent(
                    _a_model()
                ),
            )
        ),
    ),
    (
        any_file,
        lambda: test_audit.test_I8_fetch__hostile_miner__one_error_and_no_more_than_the_cap(
            "another file", Path(mkdtemp())
        ),
    ),
    (always_due, test_payday.test_payday__epochs_pass__first_at_once_then_every_n),
    (one_seed, test_vision.test_I4_tasks__another_uid_epoch_or_secret__share_no_image),
    (no_owner, test_base.test_I3_copy__later_commit_of_the_same_hash__scores_zero),
    (inherited_average, test_base.test_average__new_registration__starts_from_nothing),
    (no_deadline, test_vision.test_I3_score__after_the_deadline__is_zero),
    (endless_queue, test_engine.test_run__queue_full__busy_at_once),
]


def _a_model() -> Path:
    path = Path(mkdtemp()) / "model.onnx"
    path.write_bytes(vision_model().SerializeToString())
    return path


def _claims(lie: str) -> None:
    from miners.llm.train import make

    folder = make("decoder", MODELS)
    claims = test_audit_text.true_claims(folder)
    test_audit_text.test_I8_claim__that_is_not_the_decoders__does_not_hold(folder, claims, lie)


def _patched(test: Callable[[pytest.MonkeyPatch], None]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        test(patch)


@pytest.mark.parametrize(
    ("seed", "holds"), SEEDS, ids=[f"{seed.__name__}-{i}" for i, (seed, _) in enumerate(SEEDS)]
)
def test_seeded_bug__makes_the_guarding_test_fail(
    seed: Seed, holds: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    holds()  # it passes with the guard in place
    seed(monkeypatch)
    with pytest.raises((Exception, pytest.fail.Exception)):
        holds()
