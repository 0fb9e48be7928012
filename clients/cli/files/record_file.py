"""Records in files, as people write them: YAML, which JSON is as well, with the contract's names of fields."""

import datetime
import sys
from pathlib import Path
from typing import Any

import yaml
from google.protobuf import json_format
from google.protobuf.message import Message

from clients.cli.mistake import Mistake

STDIN = "-"


def read_into(path: Path, message: Message) -> None:
    """Fill a message from a file. Raises Mistake for what is no such message."""
    try:
        text = sys.stdin.read() if str(path) == STDIN else path.read_text(encoding="utf-8")
        document = _as_json(yaml.safe_load(text))
    except OSError as error:
        raise Mistake(f"{path} can't be read: {error.strerror}", "name a file that holds the record") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise Mistake(f"{path} can't be read: {error}", "it has to be YAML or JSON") from error
    fill(document, message, str(path))


def fill(document: Any, message: Message, origin: str) -> None:
    """Fill a message from what a file or an argument holds. Raises Mistake, which says where it is wrong."""
    if not isinstance(document, dict):
        raise Mistake(f"{origin} holds no fields", f"it has to be a {message.DESCRIPTOR.name}")
    try:
        json_format.ParseDict(document, message)
    except (json_format.ParseError, ValueError, TypeError) as error:
        name = message.DESCRIPTOR.name
        hint = f"write the fields as concord get --json shows them for a {name}"
        # What follows lists the fields under names that are not those of the contract.
        told = str(error).partition("\n")[0]
        raise Mistake(f"{origin} is no {name}: {told}", hint) from error


def _as_json(read: Any) -> Any:
    """Return what YAML read as JSON has it: YAML knows times by itself, JSON writes them."""
    if isinstance(read, dict):
        return {str(key): _as_json(value) for key, value in read.items()}
    if isinstance(read, list):
        return [_as_json(value) for value in read]
    if isinstance(read, datetime.datetime):
        aware = read if read.tzinfo else read.replace(tzinfo=datetime.UTC)
        return aware.isoformat().replace("+00:00", "Z")
    if isinstance(read, datetime.date):
        return {"year": read.year, "month": read.month, "day": read.day}
    return read
