"""Stating why a call is made."""

import string

from hypothesis import given
from hypothesis import strategies as st

from services.mesh.contract.purpose import PURPOSE_KEY, REASON_KEY, stated, with_purpose

texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip)


@given(texts, texts)
def test_any_text_arrives_as_it_was_stated(purpose: str, reason: str) -> None:
    metadata = dict(with_purpose(purpose, reason))
    assert stated(metadata[PURPOSE_KEY]) == purpose.strip()
    assert stated(metadata[REASON_KEY]) == reason.strip()
    assert set("".join(metadata.values())) <= set(string.printable) - set("\t\n\r\x0b\x0c")


def test_what_is_empty_is_left_out() -> None:
    assert with_purpose("", " ") == ()
    assert with_purpose("operations") == ((PURPOSE_KEY, "operations"),)
