"""The HTML report in a real browser: opened from disk, sorted, filtered, drilled into, on a laptop and a phone."""

import re

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select

from bench.cli import main
from reports.numbers import rounded

TASK = "sim_double_tiny"
LAPTOP, PHONE = (1366, 768), (390, 844)


@pytest.fixture(scope="module")
def page(results, tmp_path_factory):
    """The report of the results, as a file address."""
    path = tmp_path_factory.mktemp("report") / "report.html"
    protocols = ["--protocol", "calibrated", "--protocol", "paper"]
    assert main(["report", "--task", TASK, "--results", str(results), "--out", str(path), *protocols]) == 0
    return path.as_uri()


@pytest.fixture
def opened(browser, page):
    """The browser with the report freshly opened at laptop size; the test fails on anything said on the console."""
    size(browser, LAPTOP)
    browser.get("about:blank")
    browser.get(page)
    yield browser
    assert browser.get_log("browser") == []


def size(browser, wanted):
    width, height = wanted
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def all_of(browser, selector):
    return browser.find_elements(By.CSS_SELECTOR, selector)


def one(browser, selector):
    return browser.find_element(By.CSS_SELECTOR, selector)


def order(browser):
    return [row.get_attribute("data-method") for row in all_of(browser, "#leaderboard tbody tr")]


def column(browser, metric, genes="all"):
    """Numbers of one column, by method; ``None`` for a dash."""
    heads = all_of(browser, "#leaderboard thead tr:last-child th")
    place = next(
        index
        for index, head in enumerate(heads)
        if (head.get_attribute("data-metric"), head.get_attribute("data-genes")) == (metric, genes)
    )
    found = {}
    for row in all_of(browser, "#leaderboard tbody tr"):
        cell = row.find_elements(By.CSS_SELECTOR, "th, td")[place]
        number = re.match(r"[−\d.]+", cell.text)
        found[row.get_attribute("data-method")] = float(number[0].replace("−", "-")) if number else None
    return found


def click_heading(browser, metric, genes="all"):
    head = one(browser, f"#leaderboard th[data-metric='{metric}'][data-genes='{genes}'] button")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center', inline: 'center'})", head)
    head.click()


def choose(browser, name, value):
    Select(one(browser, f"select[data-control='{name}']")).select_by_value(value)


METHODS = ("additive", "linear", "random-cells")


def test_it_opens_with_every_method_between_the_bounds(opened):
    assert one(opened, "h1").text == "Single-cell perturbation prediction"
    shown = order(opened)
    assert shown[:2] == ["technical duplicate", "oracle"]
    assert shown[-1] == "control"
    assert set(shown[2:-1]) == set(METHODS)
    assert "simulation" in one(opened, ".label").text.lower()


def test_a_click_sorts_and_a_second_click_sorts_the_other_way(opened):
    click_heading(opened, "emd_debiased")
    values = column(opened, "emd_debiased")
    first = [name for name in order(opened) if name in METHODS]
    assert [values[name] for name in first] == sorted(values[name] for name in first)
    click_heading(opened, "emd_debiased")
    second = [name for name in order(opened) if name in METHODS]
    assert [values[name] for name in second] == sorted((values[name] for name in second), reverse=True)
    assert (order(opened)[0], order(opened)[-1]) == ("technical duplicate", "control"), "the bounds stay where they are"
    assert (
        one(opened, "#leaderboard th[data-metric='emd_debiased'][data-genes='all']").get_attribute("aria-sort")
        == "descending"
    )


def test_where_higher_is_better_the_highest_comes_first(opened):
    click_heading(opened, "centroid_accuracy_cosine")
    values = column(opened, "centroid_accuracy_cosine")
    shown = [values[name] for name in order(opened) if name in METHODS]
    assert shown == sorted(shown, reverse=True)


def test_a_dash_is_never_best(opened):
    choose(opened, "genes", "de20")
    for metric in ("e_distance_u", "mse_debiased"):
        click_heading(opened, metric, "de20")
        assert None not in list(column(opened, metric, "de20").values())[:3]


def test_gene_sets_metrics_methods_and_protocol_filter(opened):
    columns = "#leaderboard thead th[data-metric]"
    headline = len(all_of(opened, columns))
    choose(opened, "genes", "de20")
    assert {head.get_attribute("data-genes") for head in all_of(opened, columns)} == {"de20"}
    choose(opened, "metrics", "every")
    choose(opened, "genes", "*")
    assert len(all_of(opened, columns)) > headline
    choose(opened, "protocol", "paper@1")
    choose(opened, "metrics", "headline")
    assert {head.get_attribute("data-metric") for head in all_of(opened, columns)} == {"rmse", "e_distance", "emd"}
    one(opened, "#filter").send_keys("add")
    assert [name for name in order(opened) if name in METHODS] == ["additive"]
    assert opened.switch_to.active_element.get_attribute("id") == "filter", "typing goes on after the table is redrawn"


def test_bars_stand_between_floor_and_ceiling(opened):
    names = [bar.text for bar in all_of(opened, "#bars .name")]
    assert names == order(opened)
    assert len(all_of(opened, "#bars .tick.floor")) == len(names)
    assert len(all_of(opened, "#bars .tick.ceiling")) == len(names)
    assert all_of(opened, "#paired tbody tr")


def test_numbers_are_those_of_the_printed_table_and_footnotes_begin_at_a(opened, board):
    table = board.table()
    assert all_of(opened, "#scores .notes li sup")[0].text == "a"
    for place, one_column in enumerate(table.columns):
        shown = column(opened, one_column.metric, one_column.genes)
        for row in table.rows:
            if row.cells[place] is not None:
                assert shown[row.name] == rounded(row.cells[place].mean, one_column.decimals)
    assert "MDE: minimum detectable effect" in one(opened, "#bars").text


def test_one_perturbation_shows_its_genes_predicted_and_true(opened):
    rows = all_of(opened, "#conditions tbody tr")
    asked = rows[-1].get_attribute("data-condition")
    rows[-1].find_element(By.CSS_SELECTOR, "button").click()
    detail = one(opened, "#detail")
    assert detail.get_attribute("data-condition") == asked
    figures = detail.find_elements(By.CSS_SELECTOR, "figure")
    assert len(figures) == 12
    for figure in figures:
        assert figure.find_elements(By.CSS_SELECTOR, "rect.true")
        assert figure.find_elements(By.CSS_SELECTOR, "path.predicted")
        assert "NaN" not in figure.get_attribute("innerHTML")
    before = figures[0].find_element(By.CSS_SELECTOR, "path.predicted").get_attribute("d")
    choose(opened, "method", "random-cells")
    assert one(opened, "#detail figure path.predicted").get_attribute("d") != before


def test_an_address_leads_to_a_perturbation(opened, page):
    asked = all_of(opened, "#conditions tbody tr")[-1].get_attribute("data-condition")
    opened.get("about:blank")
    opened.get(f"{page}#task={TASK}&condition={asked.replace('+', '%2B')}")
    assert one(opened, "#detail").get_attribute("data-condition") == asked


def test_perturbations_are_found_by_typing(opened):
    asked = all_of(opened, "#conditions tbody tr")[0].get_attribute("data-condition")
    one(opened, "#search").send_keys(asked.lower())
    assert [row.get_attribute("data-condition") for row in all_of(opened, "#conditions tbody tr")] == [asked]


def test_collapse_sparsity_and_provenance_are_there(opened):
    assert {row.text for row in all_of(opened, "#collapse tbody th")} >= set(METHODS)
    assert all_of(opened, "#collapse svg circle.dot")
    runs = all_of(opened, "#runs tbody tr")
    assert len(runs) == 8
    one(opened, "#runs summary").click()
    assert "source" in one(opened, "#runs details dl").text


@pytest.mark.parametrize("wanted", [LAPTOP, PHONE], ids=["laptop", "phone"])
def test_nothing_sticks_out_of_the_page(opened, wanted):
    size(opened, wanted)
    width, height = opened.execute_script("return [document.documentElement.scrollWidth, document.body.scrollHeight]")
    assert width <= wanted[0]
    assert height < 12_000
    stub = one(opened, "#leaderboard tbody th").rect["width"]
    assert 60 < stub < 0.45 * wanted[0], "names can be read and leave room for numbers"


def test_dark_and_light_differ_and_can_be_read(opened):
    def luminance(colour):
        red, green, blue = (int(part) / 255 for part in re.findall(r"\d+", colour)[:3])
        return 0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2

    pages = []
    for scheme in ("light", "dark"):
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        colours = opened.execute_script(
            "const s = getComputedStyle(document.body); return [s.backgroundColor, s.color,"
            "getComputedStyle(document.querySelector('.quiet')).color]"
        )
        page, *texts = map(luminance, colours)
        pages.append(page)
        for text in texts:
            assert (max(page, text) + 0.05) / (min(page, text) + 0.05) > 4.5
    opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert pages[0] > 0.9 > 0.1 > pages[1]
