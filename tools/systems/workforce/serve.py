"""Runs scim2-server in its own environment: `serve.py PORT TOKEN_FILE`.

Its command line takes the bearer token as an argument, which every process of the machine can read; here the token
comes from a file. The resources are its own (User, Group, EnterpriseUser) and the ones in this folder, which take the
place of its own with the same id. The lists of both lie beside the token's file, whose folder somebody removes: a
server that is ended by a signal can't.
"""

import importlib
import json
import sys
from importlib import resources
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent


def main() -> None:
    """Serve until the process is ended."""
    # Only installed in the environment that runs this.
    cli = importlib.import_module("scim2_server.testserver.cli")
    port, token_file = sys.argv[1], Path(sys.argv[2])
    token = token_file.read_text(encoding="utf-8").strip()
    schemas = _merged("default-schemas.json", "schemas.json", token_file.parent)
    types = _merged("default-resource-types.json", "resource_types.json", token_file.parent)
    sys.argv[1:] = ["--port", port, "--schema", schemas, "--resource-type", types, f"--bearer-token={token}"]
    cli.main()


def _merged(standard: str, own: str, folder: Path) -> str:
    entries: list[Any] = json.loads(resources.files("scim2_server").joinpath("resources", standard).read_text())
    by_id = {entry["id"]: entry for entry in (*entries, *json.loads((FOLDER / own).read_text()))}
    file = folder / own
    file.write_text(json.dumps(list(by_id.values())))
    return str(file)


if __name__ == "__main__":
    main()
