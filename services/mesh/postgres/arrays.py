"""Arrays as the text that PostgreSQL reads them from: for statements that take whole columns of many rows.

The driver looks at every element for itself; where most need no escape, one look at all of them is enough.
"""

from collections.abc import Sequence


def text_array(values: Sequence[str]) -> str:
    """Return the literal of a text[] (bind it as `%s::text[]`); no value may be None."""
    if not values:
        return "{}"
    joined = "".join(values)
    if '"' in joined or "\\" in joined:
        values = [value.replace("\\", "\\\\").replace('"', '\\"') for value in values]
    return '{"' + '","'.join(values) + '"}'


def number_array(values: Sequence[int]) -> str:
    """Return the literal of an array of whole numbers (bind it as `%s::bigint[]`)."""
    return "{" + ",".join(map(str, values)) + "}"
