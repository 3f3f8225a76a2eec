"""08: nothing that comes from outside becomes code: no pickle, no eval, no unsafe loader, no shell."""

import ast
from pathlib import Path

import pytest

import answerable

ROOT = Path(answerable.__file__).parent
FORBIDDEN_MODULES = {"pickle", "cPickle", "dill", "marshal", "shelve", "jsonpickle", "yaml", "xml", "code", "codeop"}
FORBIDDEN_CALLS = {
    *("eval", "exec", "compile", "__import__", "breakpoint"),
    *("os.system", "os.popen", "os.execv", "os.execvp", "os.spawnl", "subprocess.getoutput", "subprocess.call"),
    *("importlib.import_module", "jinja2.Template", "Environment.from_string", "environment.from_string"),
}


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    return f"{_name(node.value)}.{node.attr}" if isinstance(node, ast.Attribute) else ""


def found_in(source: str) -> list[str]:
    """Return what a module does that it may not."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name.split(".")[0] in FORBIDDEN_MODULES]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in FORBIDDEN_MODULES:
            found.append(node.module or "")
        elif isinstance(node, ast.Call):
            name = _name(node.func)
            if name in FORBIDDEN_CALLS or name.endswith(".from_string"):
                found.append(name)
            found += [f"{name}({k.arg}=True)" for k in node.keywords if k.arg == "shell" and _is_true(k.value)]
    return found


def _is_true(node: ast.expr) -> bool:
    return not (isinstance(node, ast.Constant) and node.value is False)


def test_no_module_of_the_desk_makes_code_of_data() -> None:
    files = sorted(ROOT.rglob("*.py"))
    assert len(files) > 200
    wrong = {str(file.relative_to(ROOT)): found for file in files if (found := found_in(file.read_text()))}
    assert not wrong, wrong


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from yaml import load",
        "import xml.etree.ElementTree",
        "eval(text)",
        "__import__(name)",
        "import subprocess\nsubprocess.run(line, shell=True)",
        "os.system(line)",
        "environment.from_string(text)",
    ],
)
def test_the_wall_sees_it(source: str) -> None:
    assert found_in(source)


def test_templates_mark_nothing_as_safe_that_people_wrote() -> None:
    """``|safe`` and a switched off autoescape would let a text be markup."""
    for file in ROOT.rglob("templates/**/*.html"):
        text = file.read_text()
        assert "|safe" not in text.replace(" ", ""), file
        assert "autoescape false" not in text, file
