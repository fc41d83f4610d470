"""A table as HTML: its own numbers, rounded, in well-formed elements, and text that stays text."""

import xml.etree.ElementTree as ET

from hypothesis import given, settings
from report_examples import AWKWARD, paper_comparison, paper_table, read, shown, tables

from reports.html_table import to_html


def parsed(report):
    """The fragment as a tree; a fragment that is not well-formed is an error."""
    return ET.fromstring(f"<div>{to_html(report)}</div>")


def text(element):
    return "".join(element.itertext())


@given(tables())
@settings(max_examples=60, deadline=None)
def test_html_shows_the_rounded_numbers_of_the_table(table):
    rows = parsed(table).find("figure/table/tbody").iter("tr")
    assert [[read(text(cell)) for cell in row.findall("td")] for row in rows] == shown(table)


def test_ranks_greyed_columns_bounds_and_footnotes_are_marked():
    root = parsed(paper_table())
    rows = {text(row.find("th")): row for row in root.find("figure/table/tbody").iter("tr")}
    assert len(rows["doloris"].findall("td/strong")) == 8, "one column is greyed and ranks nobody"
    assert len(rows["additiveb"].findall("td/u")) == 8
    assert rows["control"].get("class") == "bound"
    assert len([cell for cell in rows["linear"].findall("td") if cell.get("class") == "greyed"]) == 1
    assert [text(note)[0] for note in root.iter("li")] == ["a", "b", "c", "d"]


def test_awkward_names_stay_text():
    names = {text(row.find("th")) for row in parsed(paper_table()).find("figure/table/tbody").iter("tr")}
    assert AWKWARD in names
    assert "<a|b>" not in to_html(paper_table())


def test_a_comparison_has_a_heading_per_metric():
    headings = [row for row in parsed(paper_comparison()).iter("tr") if row.find("th").get("scope") == "rowgroup"]
    assert len(headings) == 3
