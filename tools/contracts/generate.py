"""Generate Python code and stubs from `protos/` into `gen/`.

The package path of a contract is its Python path, so no import is rewritten. `buf/validate/validate.proto` is in no
wheel as text; its descriptor is inside `protovalidate`, and protoc takes it from there as a descriptor set.
"""

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import google.type
from google.protobuf import descriptor_pb2, duration_pb2, field_mask_pb2, timestamp_pb2
from protovalidate._gen.buf.validate import validate_pb

ROOT = Path(__file__).resolve().parents[2]
PROTOS = ROOT / "protos"
GENERATED = ROOT / "gen"
POLICIES = "*_grpc_service_config.json"
VALIDATE = "buf/validate/validate.proto"
IMAGE = "descriptors.binpb"


def contract_files(protos: Path = PROTOS) -> list[str]:
    """Return the contracts' paths relative to `protos`, sorted."""
    return sorted(str(path.relative_to(protos)) for path in protos.rglob("*.proto"))


def write_validate_descriptors(target: Path) -> None:
    """Write the descriptor set that lets contracts import protovalidate's options."""
    descriptors = descriptor_pb2.FileDescriptorSet()
    for module in (descriptor_pb2, duration_pb2, field_mask_pb2, timestamp_pb2):
        module.DESCRIPTOR.CopyToProto(descriptors.file.add())
    descriptors.file.add().ParseFromString(validate_pb.desc().proto.to_binary())
    target.write_bytes(descriptors.SerializeToString())


def protoc(protos: Path, working: Path, *arguments: str) -> None:
    """Run the protoc of grpcio-tools over the contracts in `protos`; raise CalledProcessError when it refuses them."""
    validate = working / "validate.binpb"
    write_validate_descriptors(validate)
    google_protos = Path(next(iter(google.type.__path__))).parents[1]
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", "")))
    subprocess.run(
        [
            sys.executable,
            "-m",
            "grpc_tools.protoc",
            f"--proto_path={protos}",
            f"--proto_path={google_protos}",
            f"--descriptor_set_in={validate}",
            *arguments,
        ],
        check=True,
        env={**os.environ, "PATH": path},
    )


def generate(protos: Path = PROTOS, generated: Path = GENERATED) -> None:
    """Replace `generated` by the code for every contract in `protos`, with type stubs and one descriptor image.

    Of several processes at once, each waits for the one before it; readers find the old code or the new, whole.
    """
    with _alone_in(protos):
        working = generated.with_name(f"{generated.name}.partial")
        shutil.rmtree(working, ignore_errors=True)
        _generate_into(working, protos)
        previous = generated.with_name(f"{generated.name}.previous")
        shutil.rmtree(previous, ignore_errors=True)
        if generated.exists():
            generated.rename(previous)
        working.rename(generated)
        shutil.rmtree(previous, ignore_errors=True)


@contextlib.contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _generate_into(working: Path, protos: Path) -> None:
    working.mkdir(parents=True)
    protoc(
        protos,
        working,
        f"--python_out={working}",
        f"--mypy_out=quiet:{working}",
        f"--grpc_python_out={working}",
        f"--mypy_grpc_out=only_sync,quiet:{working}",
        *contract_files(protos),
        VALIDATE,
    )
    protoc(
        protos,
        working,
        "--include_imports",
        "--include_source_info",
        f"--descriptor_set_out={working / IMAGE}",
        *contract_files(protos),
    )
    _remove_empty_services(working)
    _copy_policies(protos, working)


def _remove_empty_services(generated: Path) -> None:
    for module in generated.rglob("*_pb2_grpc.py"):
        if "Stub" not in module.read_text():
            module.unlink()
            module.with_suffix(".pyi").unlink(missing_ok=True)


def _copy_policies(protos: Path, generated: Path) -> None:
    """Put each package's call policy beside its code, where clients and the wheel have it."""
    for policy in protos.rglob(POLICIES):
        shutil.copyfile(policy, generated / policy.relative_to(protos))


if __name__ == "__main__":
    generate()
    print(f"generated {len(contract_files())} contracts into {GENERATED.name}/")
