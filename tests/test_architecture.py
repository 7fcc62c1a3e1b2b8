"""What holds the shape of the code: layers, and who may use what; read from the code itself."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
from sagespec.compiling import loading
from sagespec.documents import operations
from sagespec.executor import submit
from sagespec.executor.runs import sorts

from tests.conftest import LOCK, ROOT
from tools import write_commands

PACKAGE = ROOT / "compiler" / "sagespec"
FILES = sorted(PACKAGE.rglob("*.py"))

STAGES = [
    "__main__",
    "cli",
    "server",
    "review",
    "local",
    "executor",
    "sandbox",
    "compiling",
    "kinds",
    "sagemaker",
    "project",
    "checking",
    "documents",
    "reading",
    "diagnostics",
    "memory",
    "disk",
    "assets",
    "arn",
    "__init__",
]
"""A stage may import those below it; within one, whatever makes no circle."""
ALONE = {"drivers": "they run in the container, where nothing of ours is"}


def module(file: Path) -> str:
    """A file's name as a module."""
    return ".".join(("sagespec", *file.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")


MODULES = {module(file): file for file in FILES}


def unit(file: Path) -> str:
    return file.relative_to(PACKAGE).with_suffix("").parts[0]


@cache
def imports(file: Path) -> frozenset[str]:
    """Every module that a file imports, also inside functions."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return frozenset(found)


def uses(file: Path) -> set[str]:
    """The modules of this package that a file imports."""
    found = {name if name in MODULES else name.rpartition(".")[0] for name in imports(file)}
    return (found & MODULES.keys()) - {module(file)}


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(PACKAGE)))
def test_imports_go_downward(file: Path) -> None:
    here = unit(file)
    there = {unit(MODULES[name]) for name in uses(file)} - {here}
    if here in ALONE:
        assert not there
    else:
        assert here in STAGES, f"{here} is no stage: give it a place in the list"
        assert {name for name in there if name in ALONE or STAGES.index(name) <= STAGES.index(here)} == set()


def test_no_modules_import_one_another() -> None:
    graph = {name: uses(file) for name, file in MODULES.items()}
    assert len(list(TopologicalSorter(graph).static_order())) == len(MODULES)


def test_the_executor_knows_no_sandbox() -> None:
    assert not [file for file in FILES if unit(file) == "executor" and any("sandbox" in name for name in uses(file))]


ONLY = {
    "boto3": {"executor/cloud.py"},
    "botocore": {"executor/cloud.py", "executor/cloud_session.py", "sandbox/shapes.py"},
    "click": {"cli"},
    "rich": {"cli/output.py"},
    "matplotlib": {"cli/plotting.py"},
    "pygls": {"server"},
    "lsprotocol": {"server"},
    "mlflow": {"executor/mlflow_client.py"},
    "moto": {"sandbox"},
    "jinja2": {"documents/render.py"},
    "jsonschema": {"checking/strict.py", "checking/foreign_schema.py"},
    "yaml": {"reading/yaml_reader.py"},
}


@pytest.mark.parametrize("library", sorted(ONLY))
def test_each_library_has_its_room(library: str) -> None:
    users = {
        file.relative_to(PACKAGE).as_posix()
        for file in FILES
        if any(name.split(".")[0] == library for name in imports(file))
    }
    assert users, f"nothing uses {library}"
    assert all(any(user.startswith(room) for room in ONLY[library]) for user in users), users


PRINTS = {
    "": {"print", "input", "breakpoint"},
    "click": {"echo", "secho", "echo_via_pager", "confirm", "prompt", "pause", "progressbar", "clear", "edit"},
    "logging": {"StreamHandler", "basicConfig"},
    "os": {"write"},
    "sys": {"stdout", "stderr", "__stdout__", "__stderr__"},
    "traceback": {"print_exc", "print_exception", "print_last", "print_stack", "print_tb"},
}
"""What writes to the terminal, or can, by module; libraries that do nothing else are kept out by their room."""
ELSEWHERE = {("cli/program.py", "sys"), ("local/host.py", "os")}
"""How the streams take what they cannot encode, and that nothing more goes to one that nobody reads; a pipe."""


def test_nothing_but_one_module_writes_to_the_terminal() -> None:
    """Drivers are left out: they run in a container, and what they write is the job's log."""
    printing = set()
    for file in (f for f in FILES if unit(f) != "drivers"):
        here = file.relative_to(PACKAGE).as_posix()
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            names: set[tuple[str, str]] = set()
            if isinstance(node, ast.Name):
                names = {("", node.id)}
            elif isinstance(node, ast.Attribute):
                names = {(getattr(node.value, "id", "-"), node.attr)}
            elif isinstance(node, ast.ImportFrom):
                names = {(str(node.module), alias.name) for alias in node.names}
            for module, name in names:
                if name in PRINTS.get(module, ()) and (here, module) not in ELSEWHERE:
                    printing.add((here, f"{module}.{name}"))
    assert {here for here, _ in printing} == {"cli/output.py"}, printing


def test_nothing_but_the_command_line_exits() -> None:
    for file in FILES:
        if unit(file) in ("cli", "__main__"):
            continue
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            name = getattr(node.func, "id", getattr(node.func, "attr", "")) if isinstance(node, ast.Call) else ""
            assert name not in ("exit", "_exit"), f"{file}: {name}"


def test_up_to_the_build_nothing_knows_the_machine_the_time_or_the_network() -> None:
    pure = {*STAGES[STAGES.index("compiling") :]} - {"__init__"}
    reached = {"datetime", "http", "locale", "platform", "random", "secrets", "socket", "time", "urllib", "uuid"}
    for file in (f for f in FILES if unit(f) in pure):
        assert not reached & {name.split(".")[0] for name in imports(file)}, file
        names = {
            getattr(node, "attr", getattr(node, "id", "")) for node in ast.walk(ast.parse(file.read_text("utf-8")))
        }
        assert not {"environ", "getenv", "environb", "cwd", "getcwd", "getlogin"} & names, file


def test_one_module_waits_for_aws() -> None:
    """Whatever waits elsewhere would have every test of it wait, too."""
    waits = re.compile(r"\bsleep\(|\.wait\(")
    found = [file for file in (PACKAGE / "executor").rglob("*.py") if waits.search(file.read_text("utf-8"))]
    assert found == [PACKAGE / "executor" / "pauses.py"]


LOOKED = {"stat", "lstat", "exists", "lexists", "is_file", "is_dir", "is_symlink", "iterdir", "scandir", "listdir"}
LOOKED |= {"glob", "rglob", "walk", "realpath", "resolve", "readlink", "samefile"}
OF_ENTRIES = {"project/files.py": {"is_dir", "is_symlink"}, "project/policies.py": {"is_dir"}}
"""What is asked of a name in a folder, which knows by itself where it is from."""
OF_THIS_PACKAGE = {"checking/schema.py", "documents/operations.py", "sagemaker/uploads.py", "assets.py"}
"""Who looks into the folders of the package, which no commit of a project has."""


def test_what_compiles_looks_at_files_in_one_way() -> None:
    """A project is compiled from a commit as from the disk: nothing may look past the one that is chosen."""
    stages = {*STAGES[STAGES.index("kinds") :]} - {"disk", "__init__"}
    users = {}
    for file in (f for f in FILES if unit(f) in stages):
        name = file.relative_to(PACKAGE).as_posix()
        calls = {
            node.func.attr
            for node in ast.walk(ast.parse(file.read_text("utf-8")))
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and getattr(node.func.value, "id", "") not in ("disk", "kinds", "ast")
        }
        users[name] = (calls & LOOKED) - OF_ENTRIES.get(name, set())
    assert {name for name, calls in users.items() if calls} <= OF_THIS_PACKAGE, users


READ = {"open", "read_text", "read_bytes", "fdopen", "FileSystemLoader"}
WRITTEN = {"write_text", "write_bytes", "mkdir", "makedirs", "touch", "symlink_to", "hardlink_to", "link", "symlink"}
WRITTEN |= {"rename", "renames", "unlink", "rmdir", "rmtree", "copy", "copyfile", "copytree", "move", "mkstemp"}
WRITTEN |= {"NamedTemporaryFile", "TemporaryDirectory", "mkdtemp", "TemporaryFile", "savefig", "truncate", "chmod"}
FILES_OF_THEIR_OWN = {
    "disk/reading.py": "the one way to the files of others",
    "disk/writing.py": "the one way to write them",
    "assets.py": "JSON of this package",
    "documents/render.py": "templates of this package",
    "local/tree.py": "the throw-away tree of `run`",
    "executor/mlflow_client.py": "its own standard output",
    "local/host.py": "what Linux says of processes",
    "cli/__init__.py": "the null device, for streams that are closed",
    "cli/program.py": "the report of a defect, and the null device",
    "cli/run.py": "the throw-away tree of `run`",
    "cli/plotting.py": "a picture in memory",
}
"""Who may use files without `files`, which reads with a limit and writes through no link; and for what."""


def opened(tree: ast.AST) -> set[str]:
    """The calls that open, make, move or remove files: of functions, and of methods that only paths have."""
    found = set()
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name, owner = getattr(node.func, "attr", ""), getattr(getattr(node.func, "value", None), "id", "")
        name = name or getattr(node.func, "id", "")
        if name in READ | WRITTEN or (owner, name) in {("os", "replace"), ("json", "load"), ("yaml", "load")}:
            found.add(name)
    return found


def test_one_package_reads_and_writes_files() -> None:
    users = {
        name: opened(ast.parse(file.read_text("utf-8")))
        for file in FILES
        if not (name := file.relative_to(PACKAGE).as_posix()).startswith("drivers/")
    }
    assert {name for name, calls in users.items() if calls} == set(FILES_OF_THEIR_OWN), users


JSON_OF_THEIR_OWN = {
    "executor/answers.py": "the one way to what AWS says",
    "executor/lock/lookup.py": "a file of Studio's",
    "executor/metrics.py": "what our own process says",
    "local/tree.py": "a document of the drivers, as it was compiled",
    "cli/apply.py": "saved plans",
}
"""Who may read JSON by `json.loads`, which takes more than is JSON; and of what."""


WITHOUT_BOUND = {
    "kinds, and the other documents that have a schema; there are no others": {
        "checking/editor_schema.py: _document",
        "checking/schema.py: _accepts",
        "checking/schema.py: _read",
        "checking/schema.py: _validator",
        "checking/schema.py: load",
        "checking/schema.py: shapes",
        "kinds/__init__.py: find",
        "project/contents.py: _fields",
        "project/spec.py: ref_kinds",
        "review/destinations.py: of",
        "review/destinations.py: sources",
        "review/examples.py: documents",
        "review/examples.py: text",
        "review/examples.py: values",
        "review/field_rules.py: of",
        "review/fields.py: of",
        "review/sdk_names.py: of_fields",
        "sagemaker/recipes.py: of_kind",
        "sagemaker/resource_names.py: _marked_fields",
    },
    "operations and resources of AWS, from shapes that are installed; others raise": {
        "documents/operations.py: shapes",
        "sandbox/requests.py: _schema",
        "sandbox/search.py: _members",
        "sandbox/shapes.py: _model",
    },
    "patterns of our schemas and of those shapes": {
        "checking/patterns.py: _automaton",
        "checking/patterns.py: _compiled",
    },
    "drafts of JSON Schema": {"checking/foreign_schema.py: _whole"},
}
"""The caches without a bound that have arguments, by the closed set of our own that the arguments are out of."""


def caches_without_bound(tree: ast.AST) -> Iterator[str]:
    """Yield what is remembered for ever by its arguments: functions by their decorators, and what `cache` makes."""
    modules = {"functools"}
    functions: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules |= {one.asname for one in node.names if one.name == "functools" and one.asname}
        elif isinstance(node, ast.ImportFrom) and node.module == "functools":
            functions |= {one.asname or one.name: one.name for one in node.names}

    def named(node: ast.expr) -> str:
        if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") in modules:
            return node.attr
        return functions.get(node.id, "") if isinstance(node, ast.Name) else ""

    def keeps_all(node: ast.AST) -> bool:
        if isinstance(node, ast.Call) and named(node.func) == "lru_cache":
            sizes = [*node.args[:1], *(one.value for one in node.keywords if one.arg == "maxsize")]
            return any(isinstance(size, ast.Constant) and size.value is None for size in sizes)
        return isinstance(node, ast.expr) and named(node) == "cache"

    seen: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            given = node.args
            takes = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
            if any(takes) and any(map(keeps_all, node.decorator_list)):
                yield node.name
            seen |= {*node.decorator_list}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            within = {*ast.walk(node.value)} - seen
            if any(map(keeps_all, within)):
                yield from map(ast.unparse, node.targets if isinstance(node, ast.Assign) else [node.target])
            seen |= within
        elif node not in seen and keeps_all(node):
            yield f"line {getattr(node, 'lineno', 0)}"


def test_nothing_is_kept_for_ever_by_what_users_write() -> None:
    """A language server runs for days, and each key that is pressed makes another text."""
    found = {
        f"{file.relative_to(PACKAGE).as_posix()}: {name}"
        for file in FILES
        for name in caches_without_bound(ast.parse(file.read_text("utf-8")))
    }
    assert found == set().union(*WITHOUT_BOUND.values())


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("from functools import cache\n@cache\ndef f(text): ...", ["f"]),
        ("from functools import cache as kept\n@kept\ndef f(*, text): ...", ["f"]),
        ("import functools\n@functools.cache\ndef f(*texts): ...", ["f"]),
        ("from functools import lru_cache\n@lru_cache(None)\ndef f(text): ...", ["f"]),
        ("import functools as ft\nclass A:\n    @ft.lru_cache(maxsize=None)\n    def f(self): ...", ["f"]),
        ("from functools import cache\nx = cache(f)", ["x"]),
        ("from functools import lru_cache\nclass A:\n    x: F = lru_cache(maxsize=None)(f)", ["x"]),
        ("import functools\ng(functools.cache(f))", ["line 2"]),
        ("from functools import cache\n@cache\ndef f(): ...", []),
        ("from functools import lru_cache\n@lru_cache(maxsize=9)\ndef f(text): ...", []),
        ("from functools import lru_cache\n@lru_cache\ndef f(text): ...", []),
        ("def cache(f): ...\n@cache\ndef f(text): ...", []),
    ],
)
def test_caches_without_a_bound_are_found_in_each_form(code: str, names: list[str]) -> None:
    assert [*caches_without_bound(ast.parse(code))] == names


def test_one_module_reads_the_json_of_aws() -> None:
    users = set()
    for file in (f for f in FILES if unit(f) in ("executor", "local", "cli")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            owner, name = getattr(getattr(node, "value", None), "id", ""), getattr(node, "attr", "")
            if (owner, name) in {("json", "loads"), ("json", "JSONDecoder")}:
                users.add(file.relative_to(PACKAGE).as_posix())
    assert users == set(JSON_OF_THEIR_OWN)


def test_there_is_one_broad_except() -> None:
    found = []
    for file in FILES:
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            broad = isinstance(node, ast.ExceptHandler) and (
                node.type is None or getattr(node.type, "id", "") in ("Exception", "BaseException")
            )
            if broad:
                found.append(file.relative_to(PACKAGE).as_posix())
    assert found == ["cli/program.py"]


def test_one_module_opens_threads_for_questions() -> None:
    """An interrupt does not wait for answers; `apply`, which waits for what it sends, has threads of its own."""
    found = {
        file.relative_to(PACKAGE).as_posix() for file in FILES if "ThreadPoolExecutor(" in file.read_text("utf-8")
    }
    assert found == {"executor/apply.py", "executor/concurrently.py"}


def test_no_module_is_a_drawer() -> None:
    assert not {"utils", "common", "helpers", "manager"} & {p.stem for p in PACKAGE.rglob("*")}


READ_BY_TESTS = {"Sandbox.mutations", "of_fields"}
"""What the package offers to its tests and tools alone."""

PLAIN = {"cache", "cached_property", "classmethod", "contextmanager", "dataclass", "property", "staticmethod"}
"""The decorators that register nothing."""


def used(tree: ast.AST) -> Iterator[str]:
    """Every name that code reads, imports, gives as a keyword, or has as a text (for `getattr` and tables)."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Load):
            yield node.id if isinstance(node, ast.Name) else node.attr
        elif isinstance(node, ast.ImportFrom):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.keyword) and node.arg:
            yield node.arg
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from re.findall(r"\w+", node.value) if len(node.value) < MOST_WRITTEN else ()


MOST_WRITTEN = 100
"""Longer texts are prose, which says nothing of what is used."""


def defined(body: list[ast.stmt], owner: str = "") -> Iterator[str]:
    """What a module or a class defines; without what registers itself, or overrides what a base class has."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            decorators = {re.split(r"[.(]", ast.unparse(d))[0] for d in node.decorator_list}
            if decorators <= PLAIN and not node.name.startswith("__"):
                yield f"{owner}{node.name}"
            if isinstance(node, ast.ClassDef) and not node.bases:
                yield from defined(node.body, f"{node.name}.")
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (f"{owner}{t.id}" for t in targets if isinstance(t, ast.Name) and not t.id.startswith("__"))


def test_nothing_is_defined_that_nothing_uses() -> None:
    trees = {file: ast.parse(file.read_text("utf-8")) for file in FILES}
    texts = " ".join(file.read_text("utf-8") for file in (ROOT / "templates").rglob("*.j2"))
    names = {*re.findall(r"\w+", texts), *(name for tree in trees.values() for name in used(tree))}
    unused = {
        f"{file.relative_to(PACKAGE)}: {name}"
        for file, tree in trees.items()
        for name in defined(tree.body)
        if name.rpartition(".")[2] not in names and name not in READ_BY_TESTS
    }
    assert not unused, unused


def test_a_kind_is_one_schema_one_template_one_module_and_one_example() -> None:
    files = {f.stem: f for f in (ROOT / "schemas" / "v1").glob("*.json")}
    kinds = files.keys() - {"common", "Compiled", "Lock", "Project"}
    shared = {kind: said for kind in kinds if (said := json.loads(files[kind].read_text("utf-8")).get("x-module"))}
    templates = {f.name.removesuffix(".json.j2") for f in (ROOT / "templates" / "v1").glob("*.json.j2")}
    modules = {f.stem for f in (PACKAGE / "kinds").glob("*.py")} - {"__init__"}
    own = {kind.lower() for kind in kinds - shared.keys()}
    examples = " ".join(f.read_text("utf-8") for f in (ROOT / "specs").glob("*.yaml"))
    assert {name.replace("_", "") for name in modules} == own | {name.replace("_", "") for name in shared.values()}
    assert {name.lower() for name in templates} == {name.replace("_", "") for name in modules}
    assert all(f"kind: {kind}" in examples for kind in kinds)
    others = [f for f in FILES if unit(f) not in ("kinds", "cli", "drivers") and f.stem != "catalog"]
    named = {f.name: f.read_text("utf-8") for f in others if f.parent.name != "rules"}
    # two name outputs in docstrings; the drivers' document says "MPI" to a local run, which has no SSH for it
    for kind in kinds - {"MultiTurnRLTrainer", "CustomAgentLambda", "MPI"}:
        assert not [name for name, text in named.items() if f'"{kind}"' in text], kind


GREETING = """
from sagespec.documents.compiled import Request
from sagespec.documents.render import render


def resolve(inputs, problems):
    return inputs.fields.greeting


def requests(inputs, facts):
    parameters = render("Greeting", greeting=facts)
    return [Request(name, service, operation, parameters) for name, service, operation in SENT]
"""
TEMPLATE = """
{"FunctionName": {{ greeting }}, "Role": "arn:aws:iam::123456789012:role/greeter",
 "Code": {"S3Bucket": "greetings", "S3Key": "code.zip"}}
"""
Sent = list[tuple[str, str, str]]


def compile_greeting(folder: Path, sent: Sent) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """Compile a spec of a kind that is added to a copy of the repository; give the project, and what was said."""
    for part in ("compiler", "schemas", "templates"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    schema = json.loads((ROOT / "schemas" / "v1" / "CustomAgentLambda.json").read_text("utf-8"))
    schema["properties"]["kind"] = {"const": "Greeting"}
    schema["properties"]["spec"] = {
        "type": "object",
        "required": ["greeting"],
        "additionalProperties": False,
        "properties": {"greeting": {"type": "string"}},
    }
    (folder / "schemas" / "v1" / "Greeting.json").write_text(json.dumps(schema), "utf-8")
    (folder / "templates" / "v1" / "Greeting.json.j2").write_text(TEMPLATE, "utf-8")
    (folder / "compiler" / "sagespec" / "kinds" / "greeting.py").write_text(f"SENT = {sent!r}\n{GREETING}", "utf-8")
    project = folder / "project"
    (project / "specs").mkdir(parents=True)
    shutil.copy(LOCK, project)
    spec = "apiVersion: sagespec/v1\nkind: Greeting\nmetadata: {name: hello}\nspec: {greeting: hello-world}\n"
    (project / "specs" / "a.yaml").write_text(spec, "utf-8")
    return project, in_copy(folder, ["-m", "sagespec", "compile"])


def in_copy(folder: Path, arguments: list[str]) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(folder / "compiler")}
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder / "project", env=environment, capture_output=True, text=True
    )


FUNCTION = ("function", "lambda", "CreateFunction")


def test_a_new_kind_is_these_four_files_and_nothing_else(tmp_path: Path) -> None:
    project, said = compile_greeting(tmp_path, [FUNCTION])
    assert said.returncode == 0, said.stderr
    file = project / "compiled" / "Greeting" / "hello.json"
    made = json.loads(file.read_text("utf-8"))
    assert made["requests"][0]["parameters"]["FunctionName"] == "hello-world"
    reading = "import pathlib, sys; from sagespec.compiling import loading; loading.read(pathlib.Path(sys.argv[1]))"
    read = in_copy(tmp_path, ["-c", reading, str(file)])
    assert read.returncode == 0, read.stderr


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        ([("greeting", "sagemaker", "CreateGreeting")], "apply does not know the operation CreateGreeting"),
        ([("greeting", "sagemaker", "CreateGreeting"), FUNCTION], "apply does not know the operation CreateGreeting"),
        ([FUNCTION, ("tag", "lambda", "TagResource")], "apply does not know the operation TagResource"),
        (
            [("group", "sagemaker", "CreateModelPackageGroup")],
            "its last request, CreateModelPackageGroup, starts no run",
        ),
        ([FUNCTION, ("again", "lambda", "CreateFunction")], "starts more than one run"),
    ],
)
def test_a_kind_that_could_not_be_applied_is_not_compiled(tmp_path: Path, sent: Sent, reason: str) -> None:
    project, said = compile_greeting(tmp_path, sent)
    assert said.returncode == 1
    assert f"specs/a.yaml:2:7: error[unknown-operation]: Greeting cannot be applied: {reason}" in said.stderr
    assert "Traceback" not in said.stderr
    assert not (project / "compiled").exists()


def test_apply_knows_the_operations_that_compile_lets_pass() -> None:
    known = operations.services().keys()
    assert submit._HANDLERS.keys() == known
    assert sorts.BY_OPERATION.keys() == set(operations.runs())
    assert {*operations.SHARED} < {*operations.GROUND} < known
    whole = json.loads((ROOT / "schemas" / "v1" / "Compiled.json").read_text("utf-8"))
    *defined, others = whole["properties"]["requests"]["items"]["allOf"]
    named = [branch["if"]["properties"]["operation"]["const"] for branch in defined]
    assert [branch["then"]["$ref"] for branch in defined] == [f"#/$defs/{name}" for name in named]
    assert others["if"]["properties"]["operation"]["enum"] == named
    assert {*operations.GROUND} <= {*named} <= known & whole["$defs"].keys()
    assert loading._definition("tree") == loading._definition("CreateSomething") == "run"


OF_FOLDERS = {"checking/test_api_schemas.py": "schemas/v1/api, which a tool derives"}
"""Unit tests of what is no module."""


def test_unit_tests_are_where_their_modules_are() -> None:
    """`tests/unit/reading/test_source.py` is about `reading/source.py`, and nothing else needs to be searched for."""
    tests = [file.relative_to(ROOT / "tests" / "unit") for file in (ROOT / "tests" / "unit").rglob("test_*.py")]
    there = {name.removeprefix("sagespec.") for name in MODULES}
    named = {test.as_posix(): ".".join((*test.parts[:-1], test.stem.removeprefix("test_"))) for test in tests}
    assert {test for test, name in named.items() if name not in there} == set(OF_FOLDERS)


def test_every_page_has_a_place_in_the_site() -> None:
    """A page of docs/ stands once among `nav` of mkdocs.yml; nothing else does."""
    navigation = (ROOT / "mkdocs.yml").read_text("utf-8").partition("\nnav:\n")[2]
    listed = re.findall(r": (\S+\.md)$", navigation, flags=re.MULTILINE)
    pages = sorted(path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md"))
    assert sorted(listed) == pages, "add the page to `nav` in mkdocs.yml"


def test_the_page_of_commands_is_their_help() -> None:
    assert write_commands.PAGE.read_text("utf-8") == write_commands.text(), "run tools/write_commands.py"
