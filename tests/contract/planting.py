"""Small contracts, each a sound one with something planted in it, compiled together."""

import shutil
from pathlib import Path

from tools.contracts.generate import PROTOS
from tools.contracts.image import compile_image

SOUND = """\
// Things, for the tests of the contract checks.
syntax = "proto3";

package concord.PACKAGE.v1;

import "concord/governance/v1/options.proto";
import "google/protobuf/field_mask.proto";

// Keeps things.
service ThingService {
  option (governance.v1.service) = {
    business_owner: "Head of things"
    technical_owner: "Thing team"
    lifecycle: LIFECYCLE_ACTIVE
    data_domain: "thing"
  };

  // Lists things. Errors: INVALID_PAGE_SIZE.
  rpc ListThings(ListThingsRequest) returns (ListThingsResponse) {
    option (governance.v1.method) = {
      layer: LAYER_PROCESS
      permission: "things.read"
      audit: AUDIT_CATEGORY_READ
      idempotency: IDEMPOTENCY_NO_SIDE_EFFECTS
      interaction: INTERACTION_SYNCHRONOUS
      latency_objective: {nanos: 1}
    };
  }

  // Changes a thing. Errors: ETAG_MISMATCH.
  rpc UpdateThing(UpdateThingRequest) returns (UpdateThingResponse) {
    option (governance.v1.method) = {
      layer: LAYER_PROCESS
      permission: "things.write"
      audit: AUDIT_CATEGORY_MUTATION
      idempotency: IDEMPOTENCY_BY_REQUEST_ID
      interaction: INTERACTION_SYNCHRONOUS
      latency_objective: {seconds: 1}
    };
  }
}

// A thing.
message Thing {
  option (governance.v1.message) = {
    treatment: TREATMENT_DROP
    retention: RETENTION_RECORD
    residency: RESIDENCY_HOME_REGION
    boundaries: BOUNDARY_INTERNAL
  };

  // What a thing may be.
  enum State {
    // Never used.
    STATE_UNSPECIFIED = 0;
    // In use.
    STATE_ACTIVE = 1;
  }

  // `things/{id}`.
  string name = 1 [(governance.v1.field).classification = CLASSIFICATION_INTERNAL];
  // The account of the thing.
  string account = 2 [(governance.v1.field) = {classification: CLASSIFICATION_RESTRICTED, payment_critical: true}];
  // What the thing is called in several languages.
  map<string, string> titles = 3 [(governance.v1.field).classification = CLASSIFICATION_PUBLIC];
}

// Request of ListThings.
message ListThingsRequest {
  option (governance.v1.message) = {treatment: TREATMENT_SHOW, retention: RETENTION_TRANSIENT};

  // At most this many.
  int32 page_size = 1 [(governance.v1.field).classification = CLASSIFICATION_INTERNAL];
  // Where to go on.
  string page_token = 2 [(governance.v1.field).classification = CLASSIFICATION_INTERNAL];
}

// Response of ListThings.
message ListThingsResponse {
  option (governance.v1.message) = {treatment: TREATMENT_SHOW, retention: RETENTION_TRANSIENT};

  // The things.
  repeated Thing things = 1 [(governance.v1.field).classification = CLASSIFICATION_INTERNAL];
  // Where the next page begins.
  string next_page_token = 2 [(governance.v1.field).classification = CLASSIFICATION_INTERNAL];
}

// Request of UpdateThing.
message UpdateThingRequest {
  option (governance.v1.message) = {treatment: TREATMENT_SHOW, retention: RETENTION_TRANSIENT};

  // The thing.
  Thing thing = 1 [(governance.v1.field).classification = CLASSIFICATION_INTERNAL];
  // What to change.
  google.protobuf.FieldMask update_mask = 2 [(governance.v1.field).classification = CLASSIFICATION_INTERNAL];
  // What the thing was.
  string etag = 3 [(governance.v1.field).classification = CLASSIFICATION_INTERNAL];
  // Makes a repeat harmless.
  string request_id = 4 [(governance.v1.field).classification = CLASSIFICATION_INTERNAL];
  // Only try.
  bool validate_only = 5 [(governance.v1.field).classification = CLASSIFICATION_INTERNAL];
}

// Response of UpdateThing.
message UpdateThingResponse {
  option (governance.v1.message) = {treatment: TREATMENT_SHOW, retention: RETENTION_TRANSIENT};

  // The thing as it is now.
  Thing thing = 1 [(governance.v1.field).classification = CLASSIFICATION_INTERNAL];
}
"""

Edit = tuple[str, str]


def planted(package: str, edit: Edit | None) -> str:
    """Return the sound contract in a package of its own, with the edit's old text replaced once by the new one."""
    text = SOUND
    if edit is not None:
        old, new = edit
        assert old in text, f"nothing to plant in: {old!r}"
        text = text.replace(old, new, 1)
    return text.replace("PACKAGE", package)


def plant(folder: Path, edits: dict[str, Edit | None], governance: dict[str, Edit] | None = None) -> Path:
    """Write one planted contract a package below `folder` and return the image of all, with the governance contracts.

    `governance` edits files of `concord/governance/v1` by name.
    """
    protos = folder / "protos"
    shutil.copytree(PROTOS / "concord" / "governance", protos / "concord" / "governance")
    for name, (old, new) in (governance or {}).items():
        path = protos / "concord" / "governance" / "v1" / name
        assert old in path.read_text(), f"nothing to plant in: {old!r}"
        path.write_text(path.read_text().replace(old, new, 1))
    for package, edit in edits.items():
        path = protos / "concord" / package / "v1" / "thing.proto"
        path.parent.mkdir(parents=True)
        path.write_text(planted(package, edit))
    image = folder / "image.binpb"
    compile_image(protos, image)
    return image
