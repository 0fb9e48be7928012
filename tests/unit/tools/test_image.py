from pathlib import Path

import pytest

from tools.image import building, debian
from tools.image.engine import AMPLE, Engine, ImageError, Recipe, find, limits, parse_size

IMAGE = "localhost/concord:1"
BASE = "debian:bookworm-slim"


@pytest.fixture
def engines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory that is the whole PATH: engines are what a test puts there."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def install(directory: Path, name: str, script: str = "") -> None:
    command = directory / name
    command.write_text(f'#!/bin/sh\necho "$@" >>{directory}/{name}.calls\n{script}\n')
    command.chmod(0o755)


def sizes(**printed: str) -> str:
    cases = "".join(f"*{name}*) echo '{size}';; " for name, size in printed.items())
    return f'case "$4" in {cases}esac'


def test_the_first_engine_that_is_installed_is_taken(engines: Path) -> None:
    install(engines, "docker")
    install(engines, "buildah")

    assert find() == Engine("buildah")
    assert find("docker") == Engine("docker")


def test_without_an_engine_it_says_what_to_install() -> None:
    with pytest.MonkeyPatch.context() as context:
        context.setenv("PATH", "")
        with pytest.raises(ImageError, match="podman, buildah, docker: not installed; `apt-get install podman"):
            find()


def test_an_engine_that_nobody_knows_is_refused() -> None:
    with pytest.raises(ImageError, match="ENGINE=kaniko is none of podman, buildah, docker"):
        find("kaniko")


@pytest.mark.parametrize(("printed", "size"), [("413 MB", 413_000_000), ("1.2GB", 1_200_000_000), ("9.5 kB\n", 9_500)])
def test_sizes_are_read_as_each_engine_prints_them(printed: str, size: int) -> None:
    assert parse_size(printed) == size


def test_a_size_that_is_none_is_refused() -> None:
    with pytest.raises(ImageError, match="'<none>' is no size"):
        parse_size("<none>")


def test_no_limit_is_asked_for_that_a_machine_may_refuse() -> None:
    most = [int(option.rsplit(":", 1)[1]) for option in limits()]

    assert len(most) == 2
    assert max(most) <= AMPLE


def test_a_recipe_passes_arguments_target_and_secrets_before_its_context() -> None:
    recipe = Recipe(Path("F"), Path("dir"), "concord", {"BASE": BASE}, {"authorities": Path("ca.pem")})

    assert recipe.options() == [
        "--file", "F", "--target", "concord", f"--build-arg=BASE={BASE}", "--secret=id=authorities,src=ca.pem", "dir",
    ]  # fmt: skip


def test_every_target_is_built_on_the_base_and_labelled(engines: Path, capsys: pytest.CaptureFixture[str]) -> None:
    install(engines, "podman", sizes(concord="413 MB", debian="220 MB"))

    building.build(
        find(), BASE, building.Naming("localhost", "1"), building.Origin("0.1.0", "abc", "2026-11-30T00:00:00Z")
    )

    builds = [call for call in (engines / "podman.calls").read_text().splitlines() if call.startswith("build ")]
    assert [next(t for t in building.TARGETS if f"--target {t} " in call) for call in builds[:2]] == list(
        building.TARGETS
    )
    assert all(f"--build-arg=BASE={BASE}" in call and "--build-arg=REVISION=abc" in call for call in builds)
    assert "localhost/concord:1: 193 MB above its base" in capsys.readouterr().out


def test_an_image_that_grew_too_large_fails_the_build(engines: Path) -> None:
    install(engines, "podman", sizes(concord="430 MB", debian="220 MB"))

    with pytest.raises(ImageError, match="takes 210 MB above its base; 200 MB are allowed"):
        building.refuse_when_large(find(), IMAGE, BASE)


def test_a_base_that_the_engine_keeps_no_copy_of_leaves_the_size_unsaid(engines: Path) -> None:
    install(engines, "docker", sizes(concord="430MB"))

    assert building.above_base(find(), IMAGE, BASE) is None


def test_a_failed_build_is_an_error(engines: Path) -> None:
    install(engines, "podman", "exit 1")

    with pytest.raises(ImageError, match="`podman build` failed"):
        find().build(Recipe(Path("F"), Path()), IMAGE)


def test_only_files_that_exist_are_handed_to_the_build(tmp_path: Path) -> None:
    authorities = tmp_path / "ca.pem"
    authorities.touch()

    given = building.secrets({"PIP_CERT": str(authorities), "PIP_CONF": str(tmp_path / "absent")})

    assert given == {"authorities": authorities}


def test_a_base_needs_mmdebstrap(engines: Path) -> None:
    install(engines, "podman")

    with pytest.raises(ImageError, match="apt-get install mmdebstrap"):
        debian.build(find())


@pytest.mark.parametrize("tag", ["0.1.0_rc1", "0.1.0-RC1", "0.1.0+local", "", "-1", "0..1", "1" * 41])
def test_a_tag_that_no_job_can_be_named_by_is_refused(tag: str) -> None:
    with pytest.raises(ImageError, match="migration Jobs are named by it"):
        building.Naming("localhost", tag)


@pytest.mark.parametrize("tag", ["0.1.0", "1", "2026.11.30-rc-1", "1" * 40])
def test_a_tag_that_jobs_can_be_named_by_is_taken(tag: str) -> None:
    assert building.Naming("localhost", tag).image("concord") == f"localhost/concord:{tag}"
