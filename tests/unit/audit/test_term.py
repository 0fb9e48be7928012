"""What a leaf is found by."""

from hypothesis import given
from hypothesis import strategies as st

from concord.audit.v1.audit_pb2 import Leaf
from concord.governance.v1.options_pb2 import (
    AUDIT_CATEGORY_ADMINISTRATION,
    CLASSIFICATION_UNSPECIFIED,
)
from services.audit.domain.term import TermKind, disclosed, term, terms_of
from tests.support.audit.acts import CONFIDENTIAL, RESTRICTED, act_bytes, denial, disclosure
from tests.support.audit.leaves import leaf_message


def found_by(leaf: Leaf, kind: TermKind, text: str) -> bool:
    return term(kind, text) in terms_of(leaf)


def changed(*paths: str) -> Leaf:
    return leaf_message(fields=[{"path": path, "new": bytes(32)} for path in paths])


def test_a_change_is_found_by_each_field_and_by_what_the_field_is_in() -> None:
    leaf = changed("sites[0].address.city", 'labels["a]b.c"].text', "duns")
    for path in ("sites", "sites.address", "sites.address.city", "labels", "labels.text", "duns"):
        assert found_by(leaf, TermKind.FIELD, path), path
    for path in ("sites.address.cit", "address", "city", "a]b.c", "legal_name", ""):
        assert not found_by(leaf, TermKind.FIELD, path), path


def test_a_leaf_is_found_by_purpose_request_and_whom_it_was_done_for() -> None:
    leaf = leaf_message(purpose="audit", request_id="3f0c", on_behalf_of=["bob", "carol"])
    assert found_by(leaf, TermKind.PURPOSE, "audit")
    assert found_by(leaf, TermKind.REQUEST, "3f0c")
    assert all(found_by(leaf, TermKind.ON_BEHALF_OF, name) for name in ("bob", "carol"))
    assert not found_by(leaf, TermKind.PURPOSE, "3f0c")


def test_what_a_leaf_does_not_say_is_no_term() -> None:
    assert terms_of(leaf_message()) == ()


def test_an_administrative_act_is_found_by_its_category() -> None:
    leaf = leaf_message(category=AUDIT_CATEGORY_ADMINISTRATION)
    assert found_by(leaf, TermKind.CATEGORY, str(AUDIT_CATEGORY_ADMINISTRATION))


def test_a_refusal_is_found_by_the_method_and_a_change_is_not() -> None:
    method = "/concord.mdm.v1.SupplierService/GetSupplier"
    assert found_by(Leaf.FromString(act_bytes(denial(), method=method)), TermKind.METHOD, method)
    assert not found_by(leaf_message(method=method), TermKind.METHOD, method)


def test_a_disclosure_is_found_by_record_by_class_and_by_both_of_one_record_only() -> None:
    shown = disclosure({"suppliers/one": [CONFIDENTIAL, RESTRICTED], "suppliers/two": [CONFIDENTIAL]})
    leaf = Leaf.FromString(act_bytes(shown))
    for record, classification, found in (
        ("suppliers/one", CLASSIFICATION_UNSPECIFIED, True),
        ("suppliers/two", CLASSIFICATION_UNSPECIFIED, True),
        ("suppliers/six", CLASSIFICATION_UNSPECIFIED, False),
        ("", RESTRICTED, True),
        ("suppliers/one", RESTRICTED, True),
        ("suppliers/two", CONFIDENTIAL, True),
        ("suppliers/two", RESTRICTED, False),
    ):
        assert found_by(leaf, TermKind.DISCLOSED, disclosed(record, classification)) is found, (record, classification)


@given(st.sampled_from(TermKind), st.text())
def test_a_term_is_a_number_that_the_database_holds(kind: TermKind, text: str) -> None:
    assert -(2**63) <= term(kind, text) < 2**63


@given(st.lists(st.text(alphabet='ab[]".0', min_size=1), max_size=4))
def test_any_path_gives_terms(paths: list[str]) -> None:
    terms = terms_of(changed(*paths))
    assert list(terms) == sorted(set(terms))
