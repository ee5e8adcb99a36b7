"""The Dockerfile as it is written. What comes of it is built and run in test_image.py, which is heavy."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import gateway
from gateway.config import Settings
from gateway.config_sources import load, variable

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "Dockerfile"

Instruction = tuple[str, str]


def stages() -> list[list[Instruction]]:
    """Of the Dockerfile: each stage's instructions in order, its FROM first."""
    lines = DOCKERFILE.read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    found: list[list[Instruction]] = []
    for line in lines:
        if not line or line.startswith("#"):
            continue
        name, _, rest = line.partition(" ")
        if name == "FROM":
            found.append([])
        found[-1].append((name, " ".join(rest.split())))
    return found


def environment(stage: list[Instruction]) -> dict[str, str]:
    """What a stage sets."""
    return dict(word.split("=", 1) for name, rest in stage if name == "ENV" for word in rest.split())


def test_hadolint_finds_nothing() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([hadolint, DOCKERFILE], capture_output=True, text=True, timeout=60)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_both_stages_are_of_one_slim_image_of_a_full_version() -> None:
    build, final = (stage[0][1].partition(" ")[0] for stage in stages())

    assert build == final
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+", final)


def test_nothing_runs_in_the_final_stage_and_only_what_was_built_comes_into_it() -> None:
    """So neither compiler, pip nor cache of ours can be in it."""
    final = stages()[-1]

    assert [rest for name, rest in final if name == "RUN"] == []
    assert [rest for name, rest in final if name in ("COPY", "ADD")] == [
        "--from=build /opt/interactions-gateway /opt/interactions-gateway"
    ]


def test_the_version_on_the_label_is_the_gateways() -> None:
    assert ("ARG", f"VERSION={gateway.__version__}") in stages()[-1]


def test_it_listens_on_all_addresses_at_the_ports_of_the_defaults() -> None:
    final = stages()[-1]
    settings = load(
        environ={name: text for name, text in environment(final).items() if name.startswith("INTERACTIONS")}
    )
    ports = [address.rpartition(":")[2] for address in (Settings().listen, Settings().admin)]

    assert [settings.listen, settings.admin] == [f":{port}" for port in ports]
    assert {variable(("listen",)), variable(("admin",))} <= environment(final).keys()
    assert ("EXPOSE", " ".join(ports)) in final


def test_who_runs_it_and_how_is_told_for_any_engine() -> None:
    final = dict(stages()[-1])

    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", final["USER"])  # numbers: Kubernetes can't know that a name isn't root's
    assert json.loads(final["ENTRYPOINT"]) == ["interactions-gateway"]
    assert json.loads(final["CMD"]) == ["serve"]
    assert final["STOPSIGNAL"] == "SIGTERM"
    assert 'CMD ["interactions-gateway", "healthcheck"]' in final["HEALTHCHECK"]


def test_the_build_sees_what_it_copies_and_nothing_else() -> None:
    ignore = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    admitted = {line[1:].rstrip("/") for line in ignore if line.startswith("!")}
    copied = {word.rstrip("/") for name, rest in stages()[0] if name == "COPY" for word in rest.split()[:-1]}

    assert "*" in ignore
    assert {re.sub(r"/\*\.lock$", "", path) for path in admitted} == copied
    assert [path for path in copied if not (ROOT / path).exists()] == []


def test_what_the_wheel_is_made_of_is_copied() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    wanted = {*wheel["packages"], *wheel["force-include"], *project["project"]["license-files"]}
    wanted |= {project["project"]["readme"], "pyproject.toml"}
    copied = {word.rstrip("/") for name, rest in stages()[0] if name == "COPY" for word in rest.split()[:-1]}

    assert wanted <= copied
