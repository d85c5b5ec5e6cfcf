"""The page in a real browser: what a reader looks for is found, on any screen and in print."""

import pytest


@pytest.fixture
def visit(browser, told):
    """Open the report; it asks for nothing else, and no error occurs."""
    contexts, faults = [], []
    address = (told[1] / "index.html").as_uri()

    def opened(**settings):
        context = browser.new_context(**settings)
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda each: each.url == address or faults.append(each.url))
        page.on("console", lambda each: faults.append(each.text) if each.type == "error" else None)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(address)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert faults == []


def test_answer_picture_and_table_begin_on_the_first_screen(visit):
    page = visit(viewport={"width": 1280, "height": 900})
    for place in (".answer", "#results svg", "#results table tbody tr"):
        box = page.locator(place).first.bounding_box()
        assert box["y"] + min(box["height"], 300) < 900, place
    page.get_by_role("link", name="Cost", exact=True).click()
    assert page.locator("#cost h2").bounding_box()["y"] < 100


def test_a_search_leaves_the_rows_with_all_its_words(visit):
    page = visit()
    box = page.get_by_label("Search Items")
    rows = page.locator("#items-that-tell-student-and-twin-apart tbody tr:visible")
    count = rows.count()
    box.fill("npi_any  WRONG,")
    left = rows.all_inner_texts()
    assert 0 < len(left) < count
    assert all("npi_any" in text and "wrong," in text for text in left)
    assert page.locator(".search output").last.inner_text() == f"{len(left)} of {count} rows"
    box.fill("nothing has this")
    assert page.locator(".search output").last.inner_text() == "No row has all of these words."
    assert not page.locator("#items-that-tell-student-and-twin-apart table").is_visible()
    box.fill("")
    assert rows.count() == count


def test_a_phone_shows_every_table_in_its_width_with_the_names_of_its_columns(visit):
    page = visit(viewport={"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    wide = "all => all.filter(x => x.scrollWidth > x.clientWidth).map(x => x.ariaLabel)"
    assert page.locator(".scroll").evaluate_all(wide) == []
    cell = page.locator("#results td").first
    assert cell.evaluate("x => getComputedStyle(x, '::before').content") == '"grammar"'


def test_a_dark_page_has_light_letters_in_its_pictures_too_and_is_printed_light(visit):
    page = visit(color_scheme="dark")

    def light(selector, name):
        colour = page.locator(selector).first.evaluate(f"x => getComputedStyle(x).{name}")
        return sum(map(int, colour.strip("rgb()").split(","))) / 3

    assert light("body", "backgroundColor") < 50
    assert light("#results svg text", "fill") > 200
    page.emulate_media(media="print", color_scheme="dark")
    assert light("body", "backgroundColor") == 255
    assert light("#results svg text", "fill") < 50


def test_what_is_folded_is_printed(visit):
    page = visit()
    hidden = page.locator("#what-ran table").first
    assert not hidden.is_visible()
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert hidden.is_visible()


def test_the_keyboard_reaches_links_search_and_folded_parts(visit):
    page = visit()
    reached = set()
    for _ in range(80):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.tagName"))
    assert {"A", "SUMMARY", "INPUT", "DIV"} <= reached


def test_only_regions_that_scroll_are_stops_of_the_tab_key(visit):
    page = visit(viewport={"width": 1280, "height": 900})
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    page.wait_for_timeout(50)  # the event of an opened part comes later
    odd = """all => all.filter(x => x.tabIndex === 0 &&
        x.scrollWidth <= x.clientWidth && x.scrollHeight <= x.clientHeight).length"""
    assert page.locator(".scroll, pre").evaluate_all(odd) == 0
    page.set_viewport_size({"width": 390, "height": 800})
    page.evaluate("dispatchEvent(new Event('resize'))")
    missing = """all => all.filter(x => x.tabIndex !== 0 && x.offsetParent &&
        (x.scrollWidth > x.clientWidth || x.scrollHeight > x.clientHeight)).length"""
    assert page.locator(".scroll, pre").evaluate_all(missing) == 0


def test_letters_of_figures_are_of_one_size(visit):
    """A picture 5 inches wide has letters of 9.5 points or more, which a phone shows nearly so."""
    page = visit(viewport={"width": 390, "height": 800})
    sizes = "all => all.map(x => x.getBoundingClientRect().height)"
    assert min(page.locator("svg text:visible").evaluate_all(sizes)) > 8
