"""The HTML report as a file: self-contained, closed to the network, and nothing in the data can become markup."""

import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from html_examples import HOSTILE, hostile_report
from hypothesis import given, settings
from hypothesis import strategies as st

from reports.html.page import embedded_json, html_report
from reports.html.payload import payload
from reports.numbers import MINUS, number

PAGE = html_report(hostile_report())
TEXTS = st.text(alphabet="<>&/!-'\"\\\u2028\u2029\x00scriptµ丁", max_size=12)


class Elements(HTMLParser):
    """Start tags of a page with their attributes, and what stands in scripts and styles."""

    def __init__(self):
        super().__init__()
        self.found, self.texts, self._open = [], {}, None
        self.feed(PAGE)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        self._open = (tag, dict(attrs).get("id"))

    def handle_endtag(self, tag):
        self._open = None

    def handle_data(self, data):
        if self._open:
            self.texts[self._open] = self.texts.get(self._open, "") + data


ELEMENTS = Elements()


@given(st.dictionaries(TEXTS, st.lists(TEXTS | st.none(), max_size=4), max_size=4))
@settings(deadline=None)
def test_embedded_json_reads_back_and_holds_nothing_that_ends_an_element(content):
    text = embedded_json(content)
    assert not re.search("[<>&\u2028\u2029]", text)
    assert json.loads(text) == content


def test_hostile_names_add_no_element():
    tags = [tag for tag, _ in ELEMENTS.found]
    assert tags.count("script") == 2
    assert "img" not in tags
    assert json.loads(ELEMENTS.texts["script", "data"])["title"] == HOSTILE


def test_nothing_is_loaded_from_anywhere():
    assert not [
        attributes for _, attributes in ELEMENTS.found if attributes.keys() & {"src", "href", "srcset", "action"}
    ]
    style = ELEMENTS.texts["style", None]
    assert "url(" not in style
    assert "@import" not in style
    policy = next(a["content"] for _, a in ELEMENTS.found if a.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none';")


def test_the_policy_lets_run_exactly_the_script_and_the_style_of_the_page():
    policy = next(a["content"] for _, a in ELEMENTS.found if a.get("http-equiv") == "Content-Security-Policy")
    for directive, text in (
        ("script-src", ELEMENTS.texts["script", None]),
        ("style-src", ELEMENTS.texts["style", None]),
    ):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}';" in policy


def test_the_script_makes_no_markup_of_text():
    script = ELEMENTS.texts["script", None]
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacent|document\.write|\beval\b|new Function|fetch\(|XMLHttp", script
    )


def test_the_same_report_gives_the_same_page():
    assert html_report(hostile_report()) == PAGE


def test_numbers_that_do_not_exist_are_null_and_the_others_are_kept():
    content = payload(hostile_report())
    assert content["runs"][0]["gibibytes"] is None
    (board,) = content["boards"]
    assert board["values"][0]["rows"]["doloris"] == [0.5, 0.25, None]
    assert board["rows"][2]["cells"][0][0] == float(number(0.0336, board["columns"][0]["decimals"]))
    absent = next(row for row in board["rows"] if row["name"] == "cpa")
    assert absent["cells"] == [None] * 9


@pytest.mark.parametrize("mean", [0.84749999, 0.5625, -0.0004, 0.4375])
def test_the_page_rounds_as_the_printed_tables_do(mean):
    report = hostile_report()
    (board,) = report.boards
    column, row = replace(board.table.columns[0], decimals=3), board.table.rows[0]
    row = replace(row, cells=(replace(row.cells[0], mean=mean), *row.cells[1:]))
    table = replace(board.table, columns=(column, *board.table.columns[1:]), rows=(row,))
    content = payload(replace(report, boards=(replace(board, table=table),)))
    shown = content["boards"][0]["rows"][0]["cells"][0][0]
    assert f"{shown:.3f}".replace("-", MINUS) == number(mean, 3)
    assert shown == round(shown, 3), "a browser has nothing left to round"


def test_the_paired_table_is_explained():
    (board,) = payload(hostile_report())["boards"]
    assert "MDE: minimum detectable effect" in board["comparison"]["caption"]
    assert "Adj. p: Wilcoxon" in board["comparison"]["caption"]


def test_a_browser_shows_hostile_names_as_text(browser, tmp_path):
    path = tmp_path / "hostile.html"
    path.write_text(PAGE, encoding="utf-8")
    browser.get(path.as_uri())
    assert browser.title != "taken"
    assert browser.find_element("css selector", "h1").text.split() == HOSTILE.replace("\u2028", " ").split()
    assert browser.find_element("css selector", "#detail h3").text.startswith("</script>")
    assert browser.get_log("browser") == []
