"""The house keeps its shape: imports point one way, tests mirror modules, budgets and bans hold."""

from __future__ import annotations

import ast
import functools
import importlib.metadata
import importlib.util
import re
import shutil
import statistics
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("schemas", "exchanges", "producers", "agents", "sinks", "cryptoflow")
SHARED = frozenset(
    f"cryptoflow.{name}" for name in ("config", "errors", "events", "metrics", "logs", "clock", "failpoint")
)
FILE_LINES_MAX = 500
FILE_LINES_MEDIAN_MAX = 150
FUNCTION_LINES_MAX = 60

MAY_IMPORT = {
    "schemas": {"schemas"},
    "exchanges": {"schemas", "exchanges"},
    "producers": {"schemas", "exchanges", "producers"} | SHARED,
    "agents": {"schemas", "exchanges", "agents"} | SHARED,
    "sinks": {"schemas", "sinks"} | SHARED,
}
"""What a package may import of ours; the shared modules may import `schemas` and each other."""

DECLARATION = "a declaration without logic; tests/contract/test_records.py holds every RECORD to its promises"
DECLARED = (
    *("bars", "book_deltas", "book_snapshots", "books", "dead_letters", "funding"),
    *("gaps", "instruments", "liquidations", "quotes", "ticks", "trades"),
)
WAIVED_TESTS = {f"schemas/{name}.py": DECLARATION for name in DECLARED}
"""Modules without a test module of their own, each with the reason."""

CLOCK_READS = frozenset(
    [
        "time",
        "time_ns",
        "monotonic",
        "monotonic_ns",
        "perf_counter",
        "perf_counter_ns",
        "process_time",
        "process_time_ns",
        "clock_gettime",
        "clock_gettime_ns",
        "localtime",
        "ctime",
        "thread_time",
    ]
)
DATE_READS = frozenset({"now", "utcnow", "today"})
UNSAFE_MODULES = frozenset({"pickle", "cPickle", "marshal", "shelve", "dill"})
IO_MODULES = frozenset(
    [
        "asyncio",
        "socket",
        "ssl",
        "http",
        "urllib",
        "aiohttp",
        "websockets",
        "requests",
        "confluent_kafka",
        "aiokafka",
        "faust",
        "mode",
        "threading",
        "subprocess",
        "random",
        "secrets",
        "time",
        "os",
        "logging",
    ]
)
SOCKET_MODULE = "producers/_connection.py"


def modules() -> list[str]:
    """List every module of the six packages, relative to the root."""
    return sorted(str(path.relative_to(ROOT)) for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


@functools.cache
def tree(module: str) -> ast.Module:
    """Parse a module once."""
    return ast.parse((ROOT / module).read_text("utf-8"), module)


def name_of(module: str) -> str:
    """Turn a path into the dotted name it is imported under."""
    return module.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def imported(module: str) -> Iterator[tuple[int, str]]:
    """Yield (line, dotted name) of everything a module imports; `from a import b` yields `a.b`."""
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                # Level 1 is the package itself for __init__, the parent for a module.
                parts = name_of(module).split(".")
                parts = parts[: len(parts) - node.level + module.endswith("__init__.py")]
                base = ".".join([*parts, *([base] if base else [])])
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)


def ours(name: str) -> bool:
    """Say whether a dotted name is in one of the six packages."""
    return name.split(".", maxsplit=1)[0] in PACKAGES


def within(name: str, allowed: set[str] | frozenset[str]) -> bool:
    """Say whether a dotted name is one of `allowed` or below it."""
    return any(name == one or name.startswith(f"{one}.") for one in allowed)


def calls(module: str) -> Iterator[tuple[ast.Call, str]]:
    """Yield every call with the dotted text of what is called."""
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Call):
            yield node, ast.unparse(node.func)


def functions(module: str) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield every function and method of a module."""
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


@pytest.mark.parametrize("package", [*MAY_IMPORT])
def test_imports_point_one_way(package: str) -> None:
    """A package imports only what stands before it on the pipeline, and the shared modules."""
    wrong = [
        f"{module}:{line} imports {name}"
        for module in modules()
        if module.startswith(f"{package}/")
        for line, name in imported(module)
        if ours(name) and not within(name, MAY_IMPORT[package])
    ]
    assert not wrong, "\n".join(wrong)


def test_shared_modules_import_at_most_schemas() -> None:
    """Config, errors, events, clock and failpoint see nothing but schemas and each other."""
    wrong = [
        f"{module}:{line} imports {name}"
        for module in modules()
        if name_of(module) in SHARED
        for line, name in imported(module)
        if ours(name) and not within(name, SHARED | {"schemas"})
    ]
    assert not wrong, "\n".join(wrong)


def test_venues_do_no_input_or_output() -> None:
    """Modules of exchanges import no socket, clock, thread, Kafka client or source of randomness."""
    wrong = [
        f"{module}:{line} imports {name}"
        for module in modules()
        if module.startswith("exchanges/")
        for line, name in imported(module)
        if name.split(".")[0] in IO_MODULES
    ]
    assert not wrong, "\n".join(wrong)


def test_one_producer_module_owns_the_sockets() -> None:
    """Only producers/_connection.py imports websockets among the stages."""
    wrong = [
        f"{module}:{line} imports {name}"
        for module in modules()
        if not module.startswith("cryptoflow/") and module != SOCKET_MODULE
        for line, name in imported(module)
        if name.split(".")[0] == "websockets"
    ]
    assert not wrong, "\n".join(wrong)


def test_only_clock_reads_time() -> None:
    """No module but cryptoflow/clock.py asks a clock, under whatever name it imports it."""
    wrong = []
    for module in modules():
        if module == "cryptoflow/clock.py":
            continue
        for line, name in imported(module):
            head, _, tail = name.rpartition(".")
            if head == "time" and tail in CLOCK_READS:
                wrong.append(f"{module}:{line} imports {name}")
        for node in ast.walk(tree(module)):
            if isinstance(node, ast.Attribute):
                owner = ast.unparse(node.value)
                read = (owner == "time" and node.attr in CLOCK_READS) or (
                    owner.split(".")[-1] in {"datetime", "date"} and node.attr in DATE_READS
                )
                if read or (node.attr == "time" and "loop" in owner):
                    wrong.append(f"{module}:{node.lineno} reads {ast.unparse(node)}")
    assert not wrong, "\n".join(wrong)


def test_metrics_are_declared_in_one_place() -> None:
    """Only cryptoflow/metrics.py declares metrics, so the reference page misses none."""
    wrong = [
        f"{module}:{line} imports {name}"
        for module in modules()
        if module != "cryptoflow/metrics.py"
        for line, name in imported(module)
        if name
        in {f"prometheus_client.{kind}" for kind in ("Counter", "Gauge", "Histogram", "Summary", "Info", "Enum")}
    ]
    assert not wrong, "\n".join(wrong)


def test_nothing_unsafe_is_called() -> None:
    """No pickle, yaml.load, eval, unverified TLS or shell."""
    wrong = []
    for module in modules():
        wrong += [
            f"{module}:{line} imports {name}" for line, name in imported(module) if name.split(".")[0] in UNSAFE_MODULES
        ]
        for node, called in calls(module):
            flags = {word.arg: ast.unparse(word.value) for word in node.keywords if word.arg}
            if called in {"yaml.load", "yaml.unsafe_load", "yaml.full_load", "eval", "exec", "os.system", "os.popen"}:
                wrong.append(f"{module}:{node.lineno} calls {called}")
            if flags.get("verify") == "False" or flags.get("shell") == "True" or flags.get("verify_ssl") == "False":
                wrong.append(f"{module}:{node.lineno} {called} switches a protection off")
    assert not wrong, "\n".join(wrong)


def test_prices_never_become_floats() -> None:
    """Records and venues call float() nowhere: a price is text, then a decimal."""
    wrong = [
        f"{module}:{node.lineno} calls float"
        for module in modules()
        if module.startswith(("schemas/", "exchanges/"))
        for node, called in calls(module)
        if called == "float"
    ]
    assert not wrong, "\n".join(wrong)


def expected_test(module: str) -> str:
    """Name the test module that mirrors a module."""
    path = Path(module)
    return str(Path("tests") / path.parent / f"test_{path.name}")


def has_logic(module: str) -> bool:
    """Say whether a module defines a function or class, or anything beyond docstring and re-exports."""
    return any(isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) for node in tree(module).body)


def test_every_module_has_its_test_module() -> None:
    """Tests mirror modules, sub-folders included; a waiver names its reason."""
    missing = [
        f"{module}: no {expected_test(module)}"
        for module in modules()
        if module not in WAIVED_TESTS
        and not (module.endswith("__init__.py") and not has_logic(module))
        and not (ROOT / expected_test(module)).exists()
    ]
    assert not missing, "\n".join(missing)


def test_waivers_are_needed() -> None:
    """A waiver whose module is gone, has logic of its own or is tested after all is stale."""
    stale = [
        module
        for module, reason in WAIVED_TESTS.items()
        if not (ROOT / module).exists()
        or (ROOT / expected_test(module)).exists()
        or (reason == DECLARATION and has_logic(module))
    ]
    assert not stale, stale


def test_every_test_says_what_it_holds() -> None:
    """Each test function has a docstring, and test folders hold no __init__.py."""
    bare = []
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        module = str(path.relative_to(ROOT))
        bare += [
            f"{module}:{node.lineno} {node.name}"
            for node in functions(module)
            if node.name.startswith("test_") and not ast.get_docstring(node)
        ]
    assert not bare, "\n".join(bare)
    assert not [*(ROOT / "tests").rglob("__init__.py")]


def test_components_stand_directly_under_their_package() -> None:
    """Faust's and pytest's filters cannot hide a module: no name holds `test_`, and no module is called app."""
    wrong = [module for module in modules() if "test_" in module or module == "cryptoflow/app.py"]
    assert not wrong, wrong
    links = [path for package in PACKAGES for path in (ROOT / package).rglob("*") if path.is_symlink()]
    assert not links, links


def test_files_and_functions_stay_small() -> None:
    """No file is longer than 500 lines, no function than 60, and half of the files have at most 150."""
    lengths = {module: len((ROOT / module).read_text("utf-8").splitlines()) for module in modules()}
    wrong = [f"{module}: {length} lines" for module, length in lengths.items() if length > FILE_LINES_MAX]
    for module in modules():
        for node in functions(module):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES_MAX:
                wrong.append(f"{module}:{node.lineno} {node.name}: {length} lines")
    assert not wrong, "\n".join(wrong)
    assert statistics.median(lengths.values()) <= FILE_LINES_MEDIAN_MAX


def public_definitions(module: str) -> Iterator[tuple[int, str, ast.AST]]:
    """Yield the module, its public classes, functions and methods; overrides say it in their base."""
    yield 1, name_of(module), tree(module)
    holders: list[ast.Module | ast.ClassDef] = [tree(module)]
    while holders:
        for node in holders.pop().body:
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) or node.name.startswith("_"):
                continue
            if "override" in {ast.unparse(one).split(".")[-1] for one in node.decorator_list}:
                continue
            yield node.lineno, node.name, node
            if isinstance(node, ast.ClassDef):
                holders.append(node)


def test_everything_public_has_a_docstring() -> None:
    """Every module and every public class, function and method says what it does."""
    bare = [
        f"{module}:{line} {name}"
        for module in modules()
        for line, name, node in public_definitions(module)
        if not ast.get_docstring(node)  # type: ignore[arg-type]  # only nodes that can hold one are yielded
    ]
    assert not bare, "\n".join(bare)


def test_exemptions_have_reasons() -> None:
    """Each noqa and type: ignore names its code and says why."""
    bare = []
    pattern = re.compile(r"#\s*(noqa|type:\s*ignore)(?P<rest>.*)$")
    for module in modules():
        for number, line in enumerate((ROOT / module).read_text("utf-8").splitlines(), 1):
            found = pattern.search(line)
            if found and not re.match(r"(: [A-Z]+\d+(, ?[A-Z]+\d+)*\s+-\s+\w|\[[\w, -]+\]\s+#\s+\w)", found["rest"]):
                bare.append(f"{module}:{number} {found[0]}")
    assert not bare, "\n".join(bare)


@pytest.mark.parametrize("package", PACKAGES)
def test_package_names_resolve_to_this_distribution(package: str) -> None:
    """Names like `agents` are common: each of the six is found, and found once, in our distribution."""
    assert set(importlib.metadata.packages_distributions()[package]) == {"cryptoflow"}
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    assert Path(spec.origin).parent.name == package
    assert (Path(spec.origin).parent / "py.typed").exists()


def test_the_wheel_holds_every_module(tmp_path: Path) -> None:
    """The built wheel has every module and py.typed, and loads its records without the checkout."""
    source = tmp_path / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for package in PACKAGES:
        shutil.copytree(ROOT / package, source / package, ignore=shutil.ignore_patterns("__pycache__"))
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*build, "--wheel-dir", str(tmp_path), str(source)], check=True, timeout=120)
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        held = set(wheel.namelist())
        wheel.extractall(tmp_path / "installed")
    assert {*modules(), *(f"{package}/py.typed" for package in PACKAGES)} <= held
    assert not [name for name in held if name.startswith("tests/")]
    script = "import sys; sys.path.insert(0, '.'); import schemas; print(schemas.__file__, len(schemas.records()))"
    run = [sys.executable, "-I", "-c", script]
    told = subprocess.run(run, cwd=tmp_path / "installed", check=True, timeout=60, capture_output=True, text=True)
    assert "installed" in str(Path(told.stdout.split()[0]).resolve())
