"""Paths of keyed elements as the hub's explanations name them: `sites[HQ]`, `tax_ids[US/ein]`."""

from urllib.parse import unquote

_ENCODED = str.maketrans({"%": "%25", "/": "%2F", "[": "%5B", "]": "%5D"})


def element(collection: str, *key: str) -> str:
    """Return the path of a collection's element."""
    return f"{collection}[{'/'.join(part.translate(_ENCODED) for part in key)}]"


def collection_and_key(path: str) -> tuple[str, tuple[str, ...]]:
    """Take an element's path apart; a plain field's has no key."""
    collection, bracket, rest = path.partition("[")
    return collection, tuple(unquote(part) for part in rest.removesuffix("]").split("/")) if bracket else ()
