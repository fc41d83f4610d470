"""Finding methods by name and in files."""

import sys
from pathlib import Path
from textwrap import dedent

import pytest

from bench.errors import MethodError
from bench.method_sources import imported_files
from bench.paths import PROJECT
from bench.registry import (
    EVALUATOR_ROWS,
    builtin_methods,
    find_methods,
    load_file,
    method_source_hash,
    require_free_name,
)
from bench.scoring import CONTROL_CELLS, ORACLE, TECHNICAL_DUPLICATE

METHOD = """
    from methods.base import Method
    from methods.conditions import TaskKind

    class Mine(Method):
        "My own."
        name = "mine"
        tasks = frozenset({TaskKind.UNSEEN_GENE})

        def fit(self, train, *, seed, device, progress): ...
        def predict(self, query, *, n_cells, seed): ...
"""


@pytest.fixture
def write(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])  # loading a file adds its folder

    def file(text, name="my_method.py"):
        path = tmp_path / name
        path.write_text(dedent(text), encoding="utf-8")
        return path

    return file


def test_the_methods_of_the_package_are_found_by_name_and_its_other_modules_skipped():
    found = builtin_methods()
    assert {"additive", "control", "linear", "matching-mean", "perturbed-mean", "random-cells"} <= set(found)
    assert {entry.module for entry in found.values()}.isdisjoint({"methods.base", "methods.shifts"})


def test_nothing_named_means_all_methods_that_run_by_default():
    expected = [name for name, entry in builtin_methods().items() if entry.cls.by_default]
    assert [entry.name for entry in find_methods([])] == expected


def test_groups_stand_for_several_methods():
    assert [entry.name for entry in find_methods(["all"])] == list(builtin_methods())
    baselines = [entry.name for entry in find_methods(["baselines", "doloris"])]
    assert baselines == [
        *("additive", "control", "linear", "matching-mean", "perturbed-mean", "random-cells", "doloris")
    ]


def test_methods_come_in_the_order_named_and_once():
    assert [entry.name for entry in find_methods(["linear", "control", "linear"])] == ["linear", "control"]


def test_a_name_and_a_file_can_be_asked_for_together(write):
    path = write(METHOD)
    control, mine = find_methods(["control", str(path)])
    assert (control.module, mine.module) == ("methods.control", str(path))
    assert mine.summary == "My own."


def test_several_classes_of_one_file_are_all_methods(write):
    path = write(METHOD + '\n    class Other(Mine):\n        name = "other"\n')
    assert [entry.name for entry in load_file(path)] == ["mine", "other"]


def test_an_underscored_base_is_not_a_method(write):
    text = METHOD.replace("class Mine", "class _Base") + '\n    class Mine(_Base):\n        name = "mine"\n'
    assert [entry.cls.__name__ for entry in load_file(write(text))] == ["Mine"]


def test_a_file_named_as_a_standard_module_does_not_displace_it(write):
    import random

    load_file(write(METHOD, "random.py"))
    import random as again

    assert again is random


def test_a_module_beside_the_file_can_be_imported_by_it(write):
    write("NAME = 'mine'", "helper_beside_the_method.py")
    path = write(
        METHOD.replace('name = "mine"', "name = NAME").replace(
            "from methods.base", "from helper_beside_the_method import NAME\n    from methods.base"
        )
    )
    assert load_file(path)[0].name == "mine"


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("class Mine(Method)", "class Mine", r"my_method\.py: defines no method; write a public class"),
        ('name = "mine"', "", r"class Mine, name: expected lower-case words.*found nothing; write"),
        ('name = "mine"', 'name = "Mine!"', r"name: expected lower-case words joined by '-', found 'Mine!'"),
        ("frozenset({TaskKind.UNSEEN_GENE})", '{"unseen_gene"}', r"tasks: expected a non-empty frozenset of TaskKind"),
        ('name = "mine"', 'name = "mine"; output = "median"', r"output: expected 'cells' or 'mean', found 'median'"),
        ('name = "mine"', 'name = "mine"; environment = 3', r"environment: expected None or a name, found 3"),
        ("n_cells, seed)", "n)", r"predict: expected predict\(self, query, \*, n_cells, seed\), found predict\(self"),
        ("def predict(", "def guess(", r"predict: expected a definition, found none; define predict"),
        ("def fit(", "def __init__(self, size): ...\n        def fit(", r"__init__: expected no required argument"),
        ("def fit(", "def __init__(self): 1 / 0\n        def fit(", r"line 10: .*ZeroDivisionError"),
        ("def fit(", "def configuration(self): return {'a': {1}}\n        def fit(", r"configuration\(\): .*JSON"),
        ('name = "mine"', 'name = "mine"; size = 1 / 0', r"my_method\.py, line 7: import fails with ZeroDivisionError"),
        ("class Mine", "class class Mine", r"my_method\.py, line 5: import fails with SyntaxError"),
        ('"My own."', "import sys; sys.exit(0)", r"line 6: import fails with SystemExit"),
        ('name = "mine"', 'name = "control"', r"'control' is also the name of Control in methods\.control; rename one"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(write, before, after, message):
    assert before in METHOD
    path = write(METHOD.replace(before, after))
    with pytest.raises(MethodError, match=message):
        find_methods([str(path)])


def test_two_classes_of_one_name_in_one_file_are_refused(write):
    with pytest.raises(MethodError, match="'mine' is also the name of Mine in"):
        load_file(write(METHOD + "\n    class Other(Mine): ...\n"))


def test_an_unknown_name_gives_the_closest():
    with pytest.raises(MethodError, match=r"no method 'liner' \(closest: linear"):
        find_methods(["liner"])


def test_a_name_like_no_other_lists_none():
    with pytest.raises(MethodError, match=r"no method 'qqqq'\. `python -m bench methods` lists them"):
        find_methods(["qqqq"])


def test_a_bracket_that_is_not_closed_is_said():
    with pytest.raises(MethodError, match=r'the bracket is not closed; write "doloris\[nfe=30\]"'):
        find_methods(["doloris[nfe=30"])


def test_a_bad_setting_of_a_built_in_method_is_said_without_a_place_in_the_code():
    with pytest.raises(MethodError) as error:
        find_methods(["doloris[nfe=-3]"])
    assert str(error.value).startswith("doloris[nfe=-3]: ")
    assert "class" not in str(error.value)


def test_the_evaluators_rows_and_built_in_methods_keep_their_names(write):
    assert set(EVALUATOR_ROWS) == {TECHNICAL_DUPLICATE, CONTROL_CELLS, ORACLE}
    with pytest.raises(MethodError, match="'oracle' is also the name of a row that the evaluator makes"):
        load_file(write(METHOD.replace('name = "mine"', 'name = "oracle"')))
    with pytest.raises(MethodError, match="'linear' is also the name of Linear"):
        require_free_name("linear")
    require_free_name("linear", PROJECT / "methods" / "linear.py")
    require_free_name("linear-mine")


def test_a_file_that_is_not_there_is_named():
    with pytest.raises(MethodError, match=r"absent\.py' is not a Python file"):
        find_methods([str(Path("absent.py"))])


def test_the_hash_of_a_method_changes_with_its_own_source_alone(write):
    first = method_source_hash(load_file(write(METHOD))[0].cls)
    assert method_source_hash(load_file(write(METHOD, "elsewhere.py"))[0].cls) == first
    assert method_source_hash(load_file(write(METHOD + "\n    SIZE = 3\n"))[0].cls) != first


def test_the_hash_of_a_method_changes_with_a_module_beside_it(write):
    text = METHOD.replace("def predict(", "def helper(self): import beside_for_hashing\n        def predict(")
    write("SIZE = 3", "beside_for_hashing.py")
    cls = load_file(write(text))[0].cls
    before = method_source_hash(cls)
    write("SIZE = 4", "beside_for_hashing.py")
    assert method_source_hash(cls) != before


def test_a_built_in_method_is_hashed_with_what_it_imports_and_nothing_else():
    found = imported_files(PROJECT / "methods" / "linear.py", "methods", [PROJECT])
    assert set(found) == {"methods", "methods.base", "methods.conditions", "methods.shifts"}


def test_relative_imports_are_followed(tmp_path):
    package = tmp_path / "methods"
    (package / "parts").mkdir(parents=True)
    sources = {
        "__init__.py": "",
        "start.py": "from .parts import near",
        "parts/__init__.py": "",
        "parts/near.py": "from ..last import X",
        "parts/unused.py": "",
        "last.py": "import numpy",
    }
    for name, text in sources.items():
        (package / name).write_text(text, encoding="utf-8")
    found = imported_files(package / "start.py", "methods", [tmp_path])
    assert set(found) == {"methods", "methods.parts", "methods.parts.near", "methods.last"}
