"""Prices: worked by hand, and every mistake in a list is one line."""

import datetime
import re

import pytest

from llmrec_bench.errors import BenchError
from llmrec_bench.llm.language_model import Usage
from llmrec_bench.llm.prices import Price, PriceList, _read, load_prices


def price(**changes) -> Price:
    plain = {"model": "m", "date": datetime.date(2024, 1, 1), "prompt": 2.0, "completion": 8.0, "source": "here"}
    return Price(**{**plain, **changes})


@pytest.mark.parametrize(
    ("changes", "usage", "batch", "dollars"),
    [
        ({}, Usage(1_000_000, 500_000), False, 2.0 + 4.0),
        ({}, Usage(1_000, 10), False, 0.002 + 0.00008),
        ({"cached": 0.5}, Usage(1_000_000, 0, 400_000), False, 0.6 * 2.0 + 0.4 * 0.5),
        ({}, Usage(1_000_000, 0, 400_000), False, 2.0),
        ({"cached": 0.0}, Usage(1_000_000, 0, 1_000_000), False, 0.0),
        ({"batch": 0.5}, Usage(1_000_000, 500_000), True, 3.0),
        ({"batch": 0.5}, Usage(1_000_000, 500_000), False, 6.0),
        ({}, Usage(1_000_000, 500_000), True, 6.0),
        ({"cached": 0.5, "batch": 0.5}, Usage(1_000_000, 250_000, 400_000), True, (1.4 + 2.0) / 2),
        ({}, Usage(0, 0), False, 0.0),
        ({}, Usage(None, 5), False, None),
        ({}, Usage(5, None), False, None),
        ({}, Usage(), False, None),
    ],
)
def test_dollars_by_hand(changes, usage, batch, dollars):
    found = price(**changes).dollars(usage, batch)
    assert found == (None if dollars is None else pytest.approx(dollars, abs=1e-12))


def test_the_latest_price_counts():
    prices = [price(date=datetime.date(2024, 6, 1), prompt=3), price(), price(model="other", prompt=9)]
    assert PriceList(prices).price("m").prompt == 3
    assert PriceList(prices).price("M") is None
    same_day = [price(prompt=4), price(prompt=5)]
    assert PriceList(same_day).price("m").prompt == 5


def test_the_users_list_wins_whatever_its_date(tmp_path):
    own = tmp_path / "prices.yaml"
    own.write_text("- {model: gpt-4o, date: 2001-01-01, prompt: 1, completion: 1, source: a friend}\n")
    prices = load_prices(own)
    assert str(prices.price("gpt-4o")) == "gpt-4o of 2001-01-01"
    assert prices.price("gpt-4o-mini") == load_prices().price("gpt-4o-mini")


GOOD = "- {model: a, date: 2024-01-01, prompt: 1, completion: 2, source: here}\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("- {model: b, date: 2024-01-01, prompt: -1, completion: 2, source: x}", r"entry 2 \(b\): prompt should be"),
        ("- {model: b, date: 2024-01-01, prompt: 1, source: x}", r"entry 2 \(b\): completion Field required"),
        ("- {model: b, date: soon, prompt: 1, completion: 2, source: x}", r"entry 2 \(b\): date .*given 'soon'"),
        ("- {model: b, date: 2024-13-01, prompt: 1, completion: 2, source: x}", "not YAML .*month"),
        ("- {model: b, date: 2024-01-01, prompt: .nan, completion: 2, source: x}", r"entry 2 \(b\): prompt "),
        ("- {model: b, date: 2024-01-01, prompt: 1, completion: 2, source: ''}", r"entry 2 \(b\): source "),
        ("- {model: b, date: 2024-01-01, prompt: 1, completion: 2, source: x, batch: 1.5}", r"entry 2 \(b\): batch "),
        ("- {model: b, date: 2024-01-01, prompt: 1, completion: 2, source: x, per: 1000}", r"entry 2 \(b\): per "),
        ("- gpt", "entry 2: "),
        ("- {model: [", "not YAML "),
    ],
)
def test_a_mistake_is_one_line(tmp_path, text, says):
    own = tmp_path / "prices.yaml"
    own.write_text(GOOD + text + "\n")
    with pytest.raises(BenchError) as raised:
        load_prices(own)
    message = str(raised.value)
    assert re.match(re.escape(f"{own}: ") + says, message), message
    assert "\n" not in message


@pytest.mark.parametrize("text", ["", "model: b\n", "3\n"])
def test_what_is_no_list_is_one_line(tmp_path, text):
    own = tmp_path / "prices.yaml"
    own.write_text(text)
    with pytest.raises(BenchError, match=r"prices.yaml: the list: should be a valid list \(given"):
        load_prices(own)


def test_a_file_that_cannot_be_read_is_one_line(tmp_path):
    with pytest.raises(BenchError, match=r"none.yaml: the price list cannot be read \(No such file"):
        load_prices(tmp_path / "none.yaml")
    own = tmp_path / "prices.yaml"
    own.write_bytes(b"- {model: \xff}\n")
    with pytest.raises(BenchError, match=r"prices.yaml: the price list cannot be read \(invalid start byte\)"):
        load_prices(own)


def shipped() -> list[Price]:
    from importlib.resources import files

    return _read(files("llmrec_bench").joinpath("llm/prices.yaml").read_text(encoding="utf-8"), "prices.yaml")


def test_every_shipped_price_has_a_source_and_a_date():
    prices = shipped()
    assert len(prices) > 5
    assert len({(p.model, p.date) for p in prices}) == len(prices)
    for entry in prices:
        assert entry.source.strip()
        assert datetime.date(2022, 1, 1) < entry.date <= datetime.date.today()
        assert entry.cached is None or entry.cached <= entry.prompt


def test_the_prices_that_slim_published_are_in():
    [found] = [p for p in shipped() if "SLIM" in p.source]
    # $0.0015 for 1,000 tokens in and $0.002 for 1,000 out
    assert found.model == "gpt-3.5-turbo"
    assert found.dollars(Usage(1_000, 1_000)) == pytest.approx(0.0015 + 0.002)
    assert load_prices().price("gpt-3.5-turbo") == found
