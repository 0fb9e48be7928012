"""The types of records, and the fields of each: what can be listed, shown in columns and filtered."""

import click
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.descriptor_pb2 import FieldDescriptorProto

from clients.cli import kinds, options
from clients.cli.command import Command, Session, pass_session
from clients.cli.display.columns import Column
from clients.cli.kinds import Kind
from concord.governance.v1 import options_pb2

_VERBS = ("list", "search", "explain", "create", "update", "close", "delete")


@click.command(cls=Command)
@click.argument("kind", metavar="[TYPE]", required=False, type=options.KindOfRecord("Get"))
@pass_session
def types(session: Session, kind: Kind | None) -> None:
    """List the types of records, or the fields of one.

    \b
    concord types
    concord types suppliers
    """
    rows = _types() if kind is None else _fields(kind)
    if session.as_json:
        session.output.document(rows)
    else:
        session.output.table([Column(title.upper(), tuple(row[title] for row in rows)) for title in rows[0]])


def _types() -> list[dict[str, str]]:
    return [
        {"type": kind.nouns, "verbs": ", ".join(("get", *(verb for verb in _VERBS if kind.can(verb.title()))))}
        for kind in kinds.kinds()
        if kind.is_in_hub
    ]


def _fields(kind: Kind) -> list[dict[str, str]]:
    message = kind.field.message_type
    assert message is not None  # noqa: S101 - a kind's field holds messages
    return [
        {"field": field.name, "holds": _holds(field), "classification": _classification(field)}
        for field in message.fields
    ]


def _holds(field: FieldDescriptor) -> str:
    named = field.message_type or field.enum_type
    name = named.name if named is not None else FieldDescriptorProto.Type.Name(field.type)  # type: ignore[arg-type]
    shown = name if named is not None else name.removeprefix("TYPE_").lower()
    return f"list of {shown}" if field.is_repeated else shown


def _classification(field: FieldDescriptor) -> str:
    stated = field.GetOptions().Extensions[options_pb2.field].classification
    return options_pb2.Classification.Name(stated).removeprefix("CLASSIFICATION_").lower()
