from html.parser import HTMLParser

import pytest
from sample_report import (
    HOSTILE,
    a_loss_lower_is_better,
    guessing_at_random,
    hostile,
    sample,
    with_compression,
    with_compression_undone,
    with_cut,
    with_cut_undone,
    with_everything_missing,
    with_layers,
    without_pruning,
)

from secateur.report import words
from secateur.report.html import DRAWN, headline, render
from secateur.report.schema import Report

VOID = {"meta", "link", "wbr", "br", "img"}
REPORTS = {
    "complete": sample(),
    "missing": with_everything_missing(),
    "hostile": hostile(),
    "loss": a_loss_lower_is_better(),
    "off the scale": guessing_at_random(),
    "compressed": with_compression(),
    "undone": with_compression_undone(),
    "cut": with_cut(),
    "cut undone": with_cut_undone(),
    "not pruned": without_pruning(),
    "one layer": with_layers(1),
    "no layer": with_layers(0),
    "many layers": with_layers(120),
}


class Page(HTMLParser):
    """Tags, attributes and visible text; fails on tags that do not nest."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open[-1:] != ["style"]:
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.texts).split())


@pytest.mark.parametrize("name", REPORTS)
def test_the_page_is_one_file_without_anything_active(name: str) -> None:
    html = render(REPORTS[name])
    page = Page(html)
    assert len(html.encode()) < 1_500_000
    assert not {"script", "img", "iframe", "object", "embed", "form", "a", "base"} & set(page.tags)
    assert not [name for _, name, _ in page.attributes if name.startswith("on") or name == "src"]
    assert [value for _, name, value in page.attributes if name == "href"] == ["data:,"]
    assert "url(" not in html
    assert "@import" not in html
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    assert ("meta", "content", policy) in page.attributes


@pytest.mark.parametrize("name", REPORTS)
def test_no_value_is_shown_as_code_would_show_it(name: str) -> None:
    shown = set(Page(render(REPORTS[name])).text.lower().replace(",", " ").split())
    assert not {"none", "nan", "inf", "undefined", "{}", "[]", "{'missing':"} & shown


@pytest.mark.parametrize("name", REPORTS)
def test_tables_have_heads_and_charts_have_words(name: str) -> None:
    page = Page(render(REPORTS[name]))
    heads = [value for tag, name, value in page.attributes if (tag, name) == ("th", "scope")]
    assert len(heads) == page.tags.count("th")
    charts = [a for a in page.attributes if a == ("svg", "role", "img")]
    assert page.tags.count("desc") == len(charts)
    assert page.tags.count("title") == len(charts) + 1  # and the page's
    assert page.tags.count("h1") == 1


def test_the_head_says_before_and_after_in_plain_words() -> None:
    quality, size, time = headline(sample())
    assert quality == ("Accuracy", "98.89 %", "98.61 %", "0.28 points lower")
    assert size == ("File", "213 kB", "17.3 kB", "12.3x smaller")
    assert time == ("One call", "0.0412 ms", "0.0409 ms", "no faster")
    text = Page(render(sample())).text
    assert all(sentence in text for sentence in sample()["verdict"])


def test_every_network_layer_point_and_setting_is_there() -> None:
    report = sample()
    text = Page(render(report)).text
    for shown in ("98.89 %", "99.17 %", "98.61 %", "93.33 %", "96.94 %"):
        assert shown in text
    for shown in ("5,511 of 53,002", "0.0397 to 0.0458", "17.8 kB", "90.26 to 95.49 %", "1,200 steps"):
        assert shown in text
    assert all(layer["name"] in text for layer in report["layers"])
    assert "64 x 32 x 3 x 3" in text
    assert "1,843 of 18,432 stay" in text
    assert "73.7 kB to 9.68 kB bitmask" in text
    assert 'criterion.name = "magnitude"' in text
    assert "schedule.every = 10" in text
    for shown in ("AMD EPYC 7B13", "47.6 s", "seed 0", "3b1f8c2e90ad", "at most 4.8e-07", "9f86d081884c"):
        assert shown in text
    assert "Every removed weight is exactly zero" in text


def test_the_head_and_the_steps_are_about_what_the_file_holds() -> None:
    quality, size, _ = headline(with_compression())
    assert quality == ("Accuracy", "98.89 %", "98.33 %", "0.56 points lower")
    assert size == ("File", "213 kB", "9.12 kB", "23.3x smaller")
    text = Page(render(with_compression())).text
    for shown in (
        "Step by step to the file",
        "Method codebook was kept: it loses 0.28 points",
        "and 0.50 points",
        "Shared 98.06 %",
        "9.08 kB .sct 23.4x smaller",
        "Compressed what the file holds",
        "Pruned and recovered",
        "the rounding that compression asked for included",
    ):
        assert shown in text, shown


def test_what_was_undone_is_a_row_with_a_reason() -> None:
    text = Page(render(with_compression_undone())).text
    assert "Method codebook was undone: it loses 1.25 points" in text
    assert "it cost more than max_drop allows and was undone" in text
    assert "Pruned what the file holds" in text
    assert headline(with_compression_undone())[1].after == "17.3 kB"


def test_without_compression_the_page_is_silent_about_it() -> None:
    text = Page(render(sample())).text
    assert "Step by step" not in text
    assert "Compressed" not in text


def test_a_network_that_was_not_pruned_is_not_called_so() -> None:
    text = Page(render(without_pruning())).text
    assert "Lossless nothing removed" in text
    assert "Pruned" not in text


def test_reasons_stand_where_values_are_missing() -> None:
    text = Page(render(with_everything_missing())).text
    for reason in (
        "asked not to train it (control = false)",
        "the run was stopped before it",
        "the task has no narrow(width)",
        "No curve: not asked for (--curve)",
        "Not measured: the runtime is not installed",
        "[1] the task gives a mean without a standard deviation",
        "[2] the runtime is not installed",
        "Nothing was recorded along the way",
    ):
        assert reason in text


def test_a_broken_certificate_is_not_hidden() -> None:
    report = sample()
    report["certificates"]["zeros_exact"] = False
    html = render(report)
    assert "Not every removed weight is exactly zero" in html
    assert 'class="bad"' in html


def test_markup_in_names_is_shown_not_obeyed() -> None:
    page = Page(render(hostile()))
    assert page.text.count(HOSTILE) > 40
    assert "[bold red]not markup[/bold red]" in page.text


def test_commands_in_sentences_are_set_as_code() -> None:
    report = sample()
    report["verdict"] = ["Compiled (`secateur compile`), <b>a</b> call `is` fast.", "One ` alone."]
    page = render(report)
    assert "Compiled (<code>secateur compile</code>), &lt;b&gt;a&lt;/b&gt; call <code>is</code> fast." in page
    assert "One <code> alone.</code>" not in page


@pytest.mark.parametrize(("count", "folds"), [(DRAWN, 0), (DRAWN + 1, 1), (120, 1)])
def test_beyond_the_forty_largest_layers_are_folded_away(count: int, folds: int) -> None:
    report = with_layers(count)
    report["curve"] = {"missing": "not asked for"}  # its numbers fold, too
    page = Page(render(report))
    assert page.tags.count("details") == folds
    assert all(layer["name"] in page.text for layer in report["layers"])
    if folds:
        assert f"{count - DRAWN} smaller layers" in page.text
        largest = max(report["layers"], key=lambda layer: layer["dense_bytes"])
        assert page.text.index(largest["name"]) < page.text.index("smaller layers")


def test_lower_may_be_better() -> None:
    text = Page(render(a_loss_lower_is_better())).text
    assert "Lower is better" in text
    assert "0.0249 higher, which is worse" in text


@pytest.mark.parametrize(("report", "told"), [(sample(), False), (guessing_at_random(), True)])
def test_an_arrow_is_explained_where_there_is_one(report: Report, told: bool) -> None:
    assert ("off this scale" in Page(render(report)).text) == told


def test_a_recipe_reads_like_toml() -> None:
    assert list(words.flat({"sparsity": 0.9, "pattern": {"name": "n_of_m", "keep": 2}, "only": ["*"]})) == [
        ("sparsity", "0.9"),
        ("pattern.name", '"n_of_m"'),
        ("pattern.keep", "2"),
        ("only", '["*"]'),
    ]


def test_the_widths_of_a_cut_network_stand_group_by_group() -> None:
    text = Page(render(with_cut())).text
    assert "How wide it still is" in text
    assert "64 to 24" in text
    assert "How wide it still is" not in Page(render(sample())).text
