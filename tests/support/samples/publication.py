"""A record type that no hub has: publications, to see that matching is written over declarations."""

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import Message

from services.mdm.domain.matching.declaration import Attribute, BlockKey, Comparison, Feature, Matching
from services.mdm.domain.matching.standardising import standards
from services.mdm.domain.record_type import RecordType, single

_FIELDS = ("title", "authors", "venue", "year")


def _message() -> type[Message]:
    file = descriptor_pb2.FileDescriptorProto(name="tests/publication.proto", package="tests", syntax="proto3")
    message = file.message_type.add(name="Publication")
    for number, name in enumerate(_FIELDS, start=1):
        message.field.add(
            name=name,
            number=number,
            type=descriptor_pb2.FieldDescriptorProto.TYPE_STRING,
            label=descriptor_pb2.FieldDescriptorProto.LABEL_OPTIONAL,
        )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("tests.Publication"))


PUBLICATION = RecordType(
    name="publication",
    singular="publication",
    plural="publications",
    collection="publications",
    message=_message(),
    service="tests.PublicationService",
    groups=single(*_FIELDS),
    matching=Matching(
        version=1,
        attributes=(
            Attribute("title", ("title",), standards.description, Comparison.TEXT),
            Attribute("authors", ("authors",), standards.people, Comparison.TEXT),
            Attribute("venue", ("venue",), standards.description, Comparison.TEXT),
            Attribute("year", ("year",), standards.exact, Comparison.NUMBER),
        ),
        keys=(
            BlockKey("title", (("title", Feature.WHOLE),)),
            BlockKey("title_pairs", (("title", Feature.PAIRS),), 6),
            BlockKey("title_tokens", (("title", Feature.TOKENS),), 4),
            BlockKey("title_grams", (("title", Feature.GRAMS),), 4),
            BlockKey("authors", (("authors", Feature.TOKENS),), 3),
        ),
    ),
)
