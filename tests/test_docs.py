"""What the documentation says can be done, can be done; what it names, exists."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import yaml

from cryptoflow import cli
from cryptoflow.config import Settings
from cryptoflow.localstack.maven import jars
from cryptoflow.reference.metrics import metrics
from cryptoflow.reference.settings import setting_fields
from schemas import records, topics

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
WRITTEN = [page for page in PAGES if "reference" not in page.parts]
SETTINGS = {path for path, _ in setting_fields(Settings)}
SECTIONS = {path.partition(".")[0] for path in SETTINGS if "." in path}
VARIABLES = {f"CRYPTOFLOW_{path.upper().replace('.', '__')}" for path in SETTINGS} | {"CRYPTOFLOW_CONFIG"}
OTHER_PROGRAMS = {"docker", "helm", "kubectl", "git", "cd", "curl"}
"""Programs that are not ours; what follows them is not checked."""


def commands(page: Path) -> Iterator[str]:
    """Yield every command of a page: lines that start with `$` in console blocks, continuations joined."""
    for block in re.findall(r"```console\n(.*?)```", page.read_text("utf-8"), re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            if line.startswith("$ "):
                yield line[2:]


SHOWN = [pytest.param(line, id=f"{page.relative_to(ROOT)}: {line[:60]}") for page in WRITTEN for line in commands(page)]


def targets() -> set[str]:
    """Return the targets of the Makefile."""
    return set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))


def check_command(words: list[str]) -> None:
    """Let click parse a `cryptoflow` command line without running it; wrong words raise UsageError."""
    group: click.Command = cli.main
    context = click.Context(cli.main, info_name="cryptoflow")
    while isinstance(group, click.Group):
        rest = group.make_parser(context).parse_args(args=list(words))[1]
        name, words = rest[0], rest[1:]
        found = group.get_command(context, name)
        assert found is not None, f"no command {name}"
        group, context = found, click.Context(found, info_name=name, parent=context)
    try:
        group.make_context(context.info_name or "", list(words))
    except click.BadParameter as error:
        # The words are right; the file or folder they name is made by an earlier line of the page.
        if error.param is None or not isinstance(error.param.type, click.Path):
            raise


def check_line(line: str) -> None:
    """Check one shown command line."""
    words = shlex.split(line.partition(" | ")[0].partition(" > ")[0], comments=True)
    while re.fullmatch(r"[A-Z_]+=.*", words[0]):
        name = words.pop(0).partition("=")[0]
        assert not name.startswith("CRYPTOFLOW_") or name in VARIABLES, name
    program = words[0].removeprefix(".venv/bin/")
    if program == "make":
        given = dict(word.split("=", 1) for word in words[1:] if "=" in word)
        asked = [word for word in words[1:] if "=" not in word]
        assert set(asked) <= targets(), asked
        if "demo" in asked:
            check_command(["demo", *shlex.split(given.get("ARGS", ""))])
    elif program == "cryptoflow":
        check_command(words[1:])
    elif program == "faust":
        assert words[1:4] == ["-A", "cryptoflow", "worker"]
    elif program == "python":
        assert (ROOT / words[1]).exists() or words[1] == "-m"
    else:
        assert program in OTHER_PROGRAMS, program


@pytest.mark.parametrize("line", SHOWN)
def test_every_shown_command_is_known(line: str) -> None:
    """Each command of README and docs has a target or command of that name that takes those options."""
    check_line(line)


@pytest.mark.parametrize(
    "line", ["make no-such-target", "cryptoflow no-such-command", "cryptoflow query --no-such-option 1", "rm -rf var"]
)
def test_an_unknown_command_would_be_seen(line: str) -> None:
    """The check above fails for words that do not exist."""
    with pytest.raises((AssertionError, click.UsageError)):
        check_line(line)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """Each relative link names a file that exists, each anchor a heading in it."""
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        path = (page.parent / name) if name else page
        assert path.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", path.read_text("utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", one.lower()).replace(" ", "-") for one in headings}, target


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: str(page.relative_to(ROOT)))
def test_settings_metrics_topics_and_files_that_are_named_exist(page: Path) -> None:
    """A name in backquotes that looks like one of ours is one of ours."""
    for name in re.findall(r"`([^`\n]+)`", page.read_text("utf-8")):
        head = name.partition(".")[0]
        if head in SECTIONS and re.fullmatch(r"\w+\.\w+(: \w+)?", name):
            assert name.partition(":")[0] in SETTINGS, name
        if name.startswith("cryptoflow_"):
            assert name in metrics(), name
        if re.fullmatch(r"md\.\w+", name):
            assert name in topics(), name
        if re.fullmatch(r"(schemas|exchanges|producers|agents|sinks|cryptoflow|tests)/[\w/]+\.py", name):
            assert (ROOT / name).exists(), name


def test_tables_that_are_queried_exist() -> None:
    """Each query shown reads tables that records declare."""
    for page in WRITTEN:
        for line in commands(page):
            for table in re.findall(r"\bFROM (\w+)", line):
                assert table in records(), (page.name, table)


def test_yaml_that_is_shown_is_accepted() -> None:
    """Each configuration shown loads: every key exists and every value is within its bounds."""
    shown = [
        block for page in WRITTEN for block in re.findall(r"```yaml\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    ]
    assert shown
    for block in shown:
        Settings(**yaml.safe_load(block))


def test_every_configuration_file_is_accepted() -> None:
    """The files in configs/ load as settings."""
    for path in sorted((ROOT / "configs").glob("*.y*ml")):
        Settings(**(yaml.safe_load(path.read_text("utf-8")) or {}))


def test_runbook_entries_that_errors_name_exist() -> None:
    """An error that sends its reader to the runbook names a heading of it."""
    text = (ROOT / "docs/howto/runbook.md").read_text("utf-8")
    headings = {one.lower() for one in re.findall(r"^## (.*)$", text, re.MULTILINE)}
    stages = [
        path for package in ("producers", "agents", "sinks", "cryptoflow") for path in (ROOT / package).rglob("*.py")
    ]
    named = {one for path in stages for one in re.findall(r"runbook `([^`]+)`", path.read_text("utf-8"))}
    assert named
    assert named <= headings


DEPLOYED = [ROOT / "Dockerfile", ROOT / "docker-compose.yml", *sorted((ROOT / "helm").rglob("*.*"))]


@pytest.mark.parametrize("path", DEPLOYED, ids=lambda path: str(path.relative_to(ROOT)))
def test_deployment_files_name_settings_that_exist(path: Path) -> None:
    """Each CRYPTOFLOW_ variable of image, compose file and chart is the variable of a setting."""
    named = set(re.findall(r"\bCRYPTOFLOW_[A-Z_]+", path.read_text("utf-8")))
    assert named <= VARIABLES


def test_compose_and_chart_say_commands_and_settings_that_exist() -> None:
    """The compose file's commands parse, and the chart's settings load."""
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))["services"]
    for name in ("producer", "worker", "sink"):
        check_command(services[name]["command"])
    values = yaml.safe_load((ROOT / "helm/cryptoflow/values.yaml").read_text("utf-8"))
    Settings(**values["settings"])
    check_command(["produce", *values["producer"]["args"]])
    check_command(["sink", values["sink"]["name"]])


def test_each_promise_names_the_test_that_holds_it() -> None:
    """README lists P1 to P9, each with at least one test file that exists."""
    rows = re.findall(r"^\| (P\d) \|.*$", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE)
    assert rows == [f"P{number}" for number in range(1, 10)]
    for line in (ROOT / "README.md").read_text("utf-8").splitlines():
        if re.match(r"\| P\d \|", line):
            assert re.findall(r"\]\((tests/[\w/]+\.py)\)", line), line


@pytest.mark.stack
def test_the_quick_start_runs(tmp_path: Path) -> None:
    """README's run that ends by itself prints one JSON object, its query answers, and verify is clean."""
    if reason := jars.missing():
        pytest.skip(reason)
    shown = [line for line in commands(ROOT / "README.md") if "var/demo" in line]
    assert len(shown) == 3
    demo, query, verify = (
        shlex.split(line.replace("var/demo", str(tmp_path / "demo")).replace(".venv/bin/cryptoflow", "cryptoflow"))
        for line in shown
    )
    arguments = next(word for word in demo if word.startswith("ARGS=")).removeprefix("ARGS=")
    program = shutil.which("cryptoflow", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    assert program
    told = json.loads(run([program, "demo", *shlex.split(arguments)], tmp_path))
    assert told["frames"]["sent"] == told["frames"]["received"] == told["frames"]["published"]
    assert told["frames"]["sent"] >= 10000
    assert told["rows"]["trades"] > 0
    assert told["gaps"] == told["dead_letters"] == 0
    assert "turnover" in run([program, *query[1:]], tmp_path)
    run([program, *verify[1:]], tmp_path)


def run(command: list[str], folder: Path) -> str:
    """Run a command to its end and return what it printed."""
    done = subprocess.run(command, cwd=folder, check=False, timeout=240, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout
