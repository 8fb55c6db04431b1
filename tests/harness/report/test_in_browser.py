"""The page in a real browser: what it loads and complains of, its width, and what keys and clicks do."""

import pytest

ROWS = "[...document.querySelectorAll('#results tbody tr')].map(r => r.cells[{column}].textContent.trim())"


@pytest.fixture(scope="module")
def url(html, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(html, encoding="utf-8")
    return path.as_uri()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [400, 1600])
def test_the_page_fits_and_has_nothing_to_complain_of(browser, url, width, dark):
    browser.complaints.clear()
    browser.open(url, width, dark)
    assert browser.complaints == []
    assert browser.requests == [url]
    assert browser.evaluate("document.title") == "study: llmrec-bench report"  # not what the planted scripts say
    beyond = browser.evaluate(
        "[...document.querySelectorAll('body *')].filter(e => !e.closest('.scroll, pre, .hidden, .skip') && "
        "e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML.slice(0, 80))"
    )
    assert beyond == []
    assert browser.evaluate("document.documentElement.scrollWidth") <= width


def test_light_and_dark(browser, url):
    ink = "getComputedStyle(document.querySelector('svg text')).fill"
    paper = "getComputedStyle(document.body).backgroundColor"
    browser.open(url, 1600)
    light = browser.evaluate(ink), browser.evaluate(paper)
    browser.open(url, 1600, dark=True)
    dark = browser.evaluate(ink), browser.evaluate(paper)
    assert light[1] == "rgb(255, 255, 255)"
    assert light[0] != dark[0]
    assert light[1] != dark[1]
    browser.click("#theme")
    assert browser.evaluate("document.getElementById('theme').textContent") == "Theme: light"
    assert (browser.evaluate(ink), browser.evaluate(paper)) == light
    browser.click("#theme")
    assert (browser.evaluate(ink), browser.evaluate(paper)) == dark
    assert browser.evaluate("location.protocol === 'file:' && Object.keys(localStorage).length") == 0


def test_a_click_sorts_and_the_third_one_gives_back_the_order(browser, url):
    browser.open(url, 1600)
    first = browser.evaluate(ROWS.format(column=1))
    header = "#results thead th:nth-child(3) button"
    browser.click(header)
    there = [float(text.split()[0]) for text in browser.evaluate(ROWS.format(column=2)) if text[0].isdigit()]
    assert there == sorted(there, reverse=True)
    assert len(there) == 6
    assert browser.evaluate(ROWS.format(column=2))[6:] == ["failed", "not run"]  # no number: below
    assert (
        browser.evaluate("document.querySelector('#results th[aria-sort]').getAttribute('aria-sort')") == "descending"
    )
    browser.click(header)
    there = [float(text.split()[0]) for text in browser.evaluate(ROWS.format(column=2)) if text[0].isdigit()]
    assert there == sorted(there)
    assert browser.evaluate(ROWS.format(column=2))[6:] == ["failed", "not run"]
    assert browser.evaluate("document.querySelector('#results tfoot th').textContent") == "chance"
    browser.click(header)
    assert browser.evaluate(ROWS.format(column=1)) == first
    assert browser.evaluate("document.querySelectorAll('#results [aria-sort]').length") == 0


def test_keys_sort_too(browser, url):
    browser.open(url, 1600)
    browser.evaluate("document.querySelector('#results .scroll').focus()")
    browser.press("Tab", 9)
    assert browser.evaluate("document.activeElement.textContent") == "method"
    browser.press("Enter", 13, "\r")
    names = browser.evaluate(ROWS.format(column=0))
    assert names[-4:] == [
        "sized[number=10]",
        "sized[number=20]",
        "sized[number=40]",
        'x" onmouseover="alert(1) (simulated)',
    ]


def test_a_link_opens_its_trial(browser, url, page):
    trial = page.failed[0].id
    browser.open(f"{url}#trial-{trial}", 1600)
    assert browser.evaluate(f"document.getElementById('trial-{trial}').open")
    browser.open(url, 1600)
    assert not browser.evaluate(f"document.getElementById('trial-{trial}').open")
    browser.click(f"#failures a[href='#trial-{trial}']")
    browser.wait_for(f"document.getElementById('trial-{trial}').open")


def test_paper_shows_what_is_folded(browser, url):
    browser.open(url, 1600)
    closed = "document.querySelectorAll('details:not([open])').length"
    assert browser.evaluate(closed) > 10
    browser.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert browser.evaluate(closed) == 0
    browser.evaluate("dispatchEvent(new Event('afterprint'))")
    assert browser.evaluate(closed) > 10
