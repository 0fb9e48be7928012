"""The link cut follows stewards' decisions where they are enough."""

from hypothesis import given
from hypothesis import strategies as st

from concord.mdm.v1 import match_model_pb2 as pb
from services.mdm.domain.live_quality import Count, wilson
from services.mdm.domain.matching.learning.calibration import Label, calibrated
from services.mdm.domain.matching.learning.defaults import LINK, REVIEW, default_model
from services.mdm.domain.matching.model import Score
from services.mdm.domain.types.supplier import SUPPLIER

MODEL = default_model(SUPPLIER)
_labels = st.lists(
    st.builds(
        lambda millibits, forbidden, same: Label(Score(millibits, (), forbidden), same),
        st.integers(REVIEW - 2000, LINK + 4000),
        st.sampled_from(["", "", "", "lei"]),
        st.booleans(),
    ),
    max_size=60,
)


def _decided(millibits: int, *, right: int, wrong: int = 0) -> list[Label]:
    return [Label(Score(millibits, (), ""), number < right) for number in range(right + wrong)]


def test_without_decisions_a_model_stays_as_it_is() -> None:
    assert calibrated(MODEL, [], 0.99) == MODEL


def test_many_right_decisions_below_the_cut_bring_it_down() -> None:
    found = calibrated(MODEL, _decided(9000, right=400) + _decided(5000, right=50, wrong=50), 0.99)
    assert (found.link_millibits, found.origin, found.decision_count) == (9000, pb.MatchModel.ORIGIN_DECISIONS, 500)


def test_a_few_right_decisions_do_not() -> None:
    assert calibrated(MODEL, _decided(9000, right=40), 0.99).link_millibits == LINK


def test_wrong_links_bring_the_cut_up_or_end_automatic_links() -> None:
    wrong = _decided(LINK, right=60, wrong=40)
    assert calibrated(MODEL, wrong, 0.99).link_millibits is None
    assert calibrated(MODEL, wrong + _decided(LINK + 5000, right=400), 0.99).link_millibits == LINK + 5000


@given(_labels, st.sampled_from([0.5, 0.8, 0.95]))
def test_a_cut_that_moved_keeps_its_promise_among_the_decisions(labels: list[Label], precision: float) -> None:
    found = calibrated(MODEL, labels, precision)
    assert calibrated(MODEL, labels[::-1], precision) == found
    if found.link_millibits not in {MODEL.link_millibits, None}:
        cut = found.link_millibits or 0
        above = [each.same for each in labels if not each.score.forbidden and each.score.millibits >= cut]
        assert wilson(Count(sum(above), len(above))).low >= precision
