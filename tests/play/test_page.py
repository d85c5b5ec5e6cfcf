"""The page in a real browser, without a network: its numbers are the models' own."""

import json
from urllib.parse import urlsplit

import pytest
from play_server import opened, playing
from random_models import random_model, variant

from babyllama.errors import InputError
from babyllama.play.answers import position_answer, text_answer
from babyllama.play.endpoints import endpoints
from babyllama.play.finding import find_models
from babyllama.play.losses import loss_answer
from babyllama.play.opening import Opening, load
from babyllama.play.pairs import pair_answer
from babyllama.play.writing import Wish, written

TEXT = "The children have never seen any snow."
MARKUP = "<img src=x onerror=alert(1)> \u202eabc</textarea><script>alert(2)</script>"
KANJI = "北京"  # which the vocabulary has no token for
WIDTHS = {"desktop": 1280, "phone": 390}


@pytest.fixture(scope="module")
def address(cast):
    pytest.importorskip("uvicorn", reason="the extra `play` is not installed")
    with playing(cast) as found:
        yield found


@pytest.fixture
def visit(browser, address):
    """Open the page at a width and a fragment; nothing else is reached, and no error occurs."""
    contexts, faults = [], []

    def visited(fragment="", *, width=1280):
        context = browser.new_context(viewport={"width": width, "height": 900})
        context.set_default_timeout(20_000)
        contexts.append(context)
        context.route("**/*", lambda route: _only(address, route, faults))
        page = context.new_page()
        page.on("console", lambda each: _heard(each, faults))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("dialog", lambda dialog: faults.append(dialog.message) or dialog.dismiss())
        page.goto(f"{address}/#{fragment}")
        return page

    yield visited
    for context in contexts:
        context.close()
    assert faults == []


def _heard(message, faults):
    """An error of the page's own; that the server refused a request, it shows by itself."""
    if message.type == "error" and "400 (Bad Request)" not in message.text:
        faults.append(message.text)


def _only(address, route, faults):
    if urlsplit(route.request.url).netloc == urlsplit(address).netloc:
        route.continue_()
    else:
        faults.append(route.request.url)
        route.abort()


def numbers(page, selector, name="data-value"):
    page.locator(selector).first.wait_for()
    found = page.locator(selector).evaluate_all(f"all => all.map(x => x.getAttribute('{name}'))")
    return [float(each) for each in found]


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
def test_every_panel_shows_the_models_own_numbers(visit, cast, group, width):
    page = visit(f"text={TEXT}&at=4&T=2", width=width)
    answer = text_answer(group, TEXT)
    for strip in answer.strips:
        chips = numbers(page, f"[data-strip={strip.model}] [data-value]")
        assert chips == pytest.approx(strip.surprisals)
        shown = page.locator(f"[data-total={strip.model}]").inner_text()
        assert shown == f"{strip.total:.2f}"
        if strip.kl:
            assert numbers(page, f"[data-kl={strip.model}] [data-value]") == pytest.approx(strip.kl)
    there = position_answer(group, TEXT, at=4, temperature=2.0)
    for bars in there.bars:
        p = numbers(page, f"[data-bars={bars.model}] [data-p]", "data-p")
        assert p == pytest.approx([*bars.probabilities, bars.rest])
    loss = loss_answer(group, cast.lessons["distilled"], TEXT, at=4)
    for each in loss.terms:
        found = numbers(page, f"[data-moment='{each.title}'] [data-value]")
        assert found == pytest.approx([each.cross_entropy, each.kl, each.loss])
    assert page.locator("[data-column]").count() == len(loss.columns)
    assert page.title() == "run – babyllama play"
    told = page.locator("#cast").inner_text()
    assert told == "llama (teacher), gpt2 (teacher), ensemble, distilled (student), twin"
    largest = max(max(bars.probabilities) for bars in there.bars)
    assert page.locator("#scale").inner_text().startswith(f"A full bar is {100 * largest:.1f}%")
    assert page.locator("#temperature").get_attribute("aria-valuetext") == "T = 2"
    assert page.evaluate("document.scrollingElement.scrollWidth <= innerWidth")


def test_no_bar_is_cut_at_the_end_of_its_track(visit):
    page = visit(f"text={TEXT}&at=4")
    page.locator("[data-column] .fill").first.wait_for()
    shares = page.locator(".row .fill").evaluate_all(
        "all => all.map(x => Number(x.style.getPropertyValue('--share')))"
    )
    assert max(shares) == 100
    assert page.locator(":is(#bars, #loss) .row.rest .track").count() == 0
    assert page.locator("[data-column='the text: one-hot'] .track").count() == 0


BAD_ADDRESS = {
    "T": "abc", "n": "9999", "start": "-5", "forced": "zz", "bench": "nope", "at": "99",
    "right": "nobody", "uid": "none", "guess": "99999", "from": "someone", "colour": "red",
}  # fmt: skip


def test_what_is_wrong_in_the_address_is_ignored_and_said(visit):
    address = "&".join(f"{name}={value}" for name, value in BAD_ADDRESS.items())
    page = visit(f"text={TEXT}&wrote=1&{address}")
    page.locator("[data-bars=twin]").wait_for()
    page.locator("#pairs li").first.wait_for()
    page.locator("[data-written=twin] .token").first.wait_for()
    said = page.locator("#ignored li").all_inner_texts()
    for name, value in BAD_ADDRESS.items():
        assert len([each for each in said if f"“{name}={value}”" in each]) == 1, name
    assert len(said) == len(BAD_ADDRESS)
    assert page.locator(".fault:visible").count() == 0
    assert page.locator("#temperature-value").inner_text() == "T = 1"
    page.evaluate(f"location.hash = '#text={TEXT}&forced=3.5.k_99.5.k'")
    page.locator("#ignored", has_text="no token can be forced at place 99").wait_for()
    page.locator("#temperature").fill("1")
    page.locator("#ignored").wait_for(state="hidden")


def test_a_link_shows_the_same(visit, group):
    page = visit(f"text={TEXT}")
    page.locator("[data-strip=twin] [data-at='3']").click()
    page.locator("#temperature").fill("1")
    page.locator("#from").select_option("llama")
    page.locator("#to").select_option("gpt2")
    page.locator("#write-form [value=all]").click()
    page.locator("[data-written=twin]", has_text="as many tokens").or_(
        page.locator("[data-written=twin]", has_text="ended the text")
    ).wait_for()
    first, second = (
        next(bars for bars in position_answer(group, TEXT, at=3, temperature=2.0).bars
             if bars.model == name) for name in ("llama", "gpt2")
    )  # fmt: skip
    expected = [b - a for a, b in zip(first.probabilities, second.probabilities, strict=True)]
    again = visit(urlsplit(page.url).fragment)
    for each in (page, again):
        found = numbers(each, "#difference [data-difference]", "data-difference")
        assert found[:-1] == pytest.approx(expected)
    again.locator("[data-written=twin] .new .token").nth(3).wait_for()
    tops = again.locator(".line").evaluate_all("all => all.map(x => x.getBoundingClientRect().top)")
    assert tops[0] == tops[1]  # side by side
    ids = [numbers(each, "[data-written=twin] .new .token", "data-token") for each in (page, again)]
    assert ids[0][:4] == ids[1][:4]


def copied(page, button):
    """What a button copies."""
    page.evaluate("navigator.clipboard.writeText = async (text) => { window.copied = text; }")
    page.locator(button).click()
    page.locator(f"{button} + .said", has_text="copied").wait_for()
    return page.evaluate("window.copied")


def test_a_link_has_the_text_before_anything_was_changed(visit):
    page = visit()
    page.locator("[data-column]").first.wait_for()
    again = visit(urlsplit(copied(page, "#link")).fragment)
    again.locator("[data-column]").first.wait_for()
    assert "text=" in again.url
    assert again.locator("#context").inner_text() == page.locator("#context").inner_text()


def test_another_token_is_forced_and_the_branch_is_undone(visit, group):
    page = visit(f"text={TEXT}&at=4")
    page.locator("[data-bars=ensemble] button.row").nth(2).click()
    token = int(page.locator("#force-token").input_value())
    page.locator("#force [value=rest]").click()
    page.locator("#branch").wait_for()
    from babyllama.play.reading import Forced

    branch = text_answer(group, TEXT, [Forced(4, token, True)])
    chips = numbers(page, "[data-strip=ensemble] [data-value]")
    expected = next(each for each in branch.strips if each.model == "ensemble").surprisals
    assert chips == pytest.approx(expected)
    page.locator("#undo").click()
    page.locator("#branch").wait_for(state="hidden")
    assert "forced" not in page.url


def test_a_token_that_is_typed_is_forced_or_refused(visit, group):
    page = visit(f"text={TEXT}&at=4")
    page.locator("#marks", has_text="<s> stands before every line").wait_for()
    page.locator("#force-text").fill("␣the cat")
    page.locator("#force [value=rest]").click()
    page.locator("#position-fault", has_text="is not one token").wait_for()
    page.locator("#force-text").fill("␣the")
    page.locator("#force [value=rest]").click()
    page.locator("#branch", has_text="It now reads").wait_for()
    (token,) = group.tokenizer.encode(" the", add_special_tokens=False)
    assert f"forced=4.{token}.k" in page.url
    assert not page.locator("#position-fault").is_visible()


def test_the_page_waits_for_the_models(browser, cast):
    opening = Opening()
    opening.doing = "loading 3 of 5: students/twin"
    with opened(opening) as address:
        page = browser.new_page()
        page.goto(address)
        page.locator("#cast", has_text="loading 3 of 5: students/twin").wait_for()
        assert page.evaluate("document.querySelector('main').inert")
        opening.answers = endpoints(cast, opening)
        page.locator("[data-strip=twin] .chip").first.wait_for()
        page.close()


def test_the_page_says_why_models_cannot_be_loaded(browser):
    opening = Opening()
    with opened(opening) as address:
        page = browser.new_page()
        page.goto(address)
        page.locator("#cast", has_text="starting").wait_for()
        opening.fault = InputError("twin is damaged", mend="Make it again.")
        page.locator("#cast.fault", has_text="twin is damaged").wait_for()
        page.close()


def test_all_models_write_step_by_step(visit, group):
    page = visit(f"text={TEXT}&seed=4&n=3")
    page.locator("#write-form [value=step]").click()
    page.locator("#write-next").click()
    pages = page, visit(urlsplit(page.url).fragment)
    for model in ("gpt2", "twin"):
        expected = [event.token.id for event in written(group, TEXT, Wish(4, 1.0, 3))
                    if event.model == model and event.token]  # fmt: skip
        for each in pages:
            shown = numbers(each, f"[data-written={model}] .new .token", "data-token")
            assert shown == expected[:2]
    steps = [line.split(",")[3] for line in copied(page, "[data-copy=write]").splitlines()[:3]]
    assert steps == ["step", "1", "2"]  # numbered as the page says them: "Token 1"


def test_nothing_is_written_after_a_text_that_fills_all_positions(visit):
    page = visit(f"text={'the cat ' * 200}")
    page.locator("[data-strip=llama]").wait_for()
    page.locator("#write-form [value=all]").click()
    page.locator("#write-fault", has_text="fills all").wait_for()
    assert page.locator("#written .line").count() == 0
    assert page.locator("#write-said").inner_text() == ""
    assert "of the models: its end, " in page.locator("#strips .fault").inner_text()


# A token, and then a connection that ends or breaks.
CUT_SHORT = """(last) => {
    const event = 'data: {"model": "llama", "token": {"id": 1, "text": " the", "kind": "text"}}';
    const parts = [(it) => it.enqueue(new TextEncoder().encode(event + "\\n\\n")),
                   (it) => last === "ends" ? it.close() : it.error(new TypeError("network error"))];
    const body = new ReadableStream({ pull: (it) => parts.shift()(it) }, { highWaterMark: 0 });
    window.fetch = async () => new Response(body);
}"""


@pytest.mark.parametrize("last", ["ends", "breaks"])
def test_a_server_that_stops_while_models_write_is_named(visit, last):
    page = visit(f"text={TEXT}")
    page.locator("[data-column]").first.wait_for()
    page.evaluate(CUT_SHORT, last)
    page.locator("#write-form [value=all]").click()
    page.locator("#write-fault", has_text="The server stopped in the middle").wait_for()
    assert "1 token; stopped" in page.locator("[data-written=llama]").inner_text()
    assert page.locator("#write-said").inner_text() == ""


def test_what_a_model_writes_after_the_first_one_has_ended_is_marked_too(visit):
    page = visit(f"text={TEXT}")
    the, cat = (
        {"id": n, "text": f" {word}", "kind": "text"} for n, word in enumerate(("the", "cat"))
    )
    events = [
        {"model": "llama", "token": the}, {"model": "gpt2", "token": the},
        {"model": "llama", "token": None, "end": "eos"}, {"model": "gpt2", "token": cat},
    ]  # fmt: skip
    body = "".join(f"data: {json.dumps(each)}\n\n" for each in events) + "event: end\ndata: {}\n\n"
    page.route("**/api/write", lambda route: route.fulfill(body=body))
    page.locator("#write-form [value=all]").click()
    page.locator("#write-said", has_text="5 models have written").wait_for()
    assert "1 token; the model ended" in page.locator("[data-written=llama]").inner_text()
    assert page.locator("[data-written=gpt2] .differs").all_inner_texts() == ["␣cat"]
    assert "another token than llama" in page.locator("#written").inner_text()


def test_a_pair_of_the_run_is_found_and_opened(visit, group):
    page = visit("wrong=twin")
    page.locator("#pairs li").first.wait_for()
    assert page.locator("#pairs li").count() == 1
    page.locator("#pairs li button").click()
    good, bad = (page.locator(f"#{name}").input_value() for name in ("first", "second"))
    assert bad == "The children have ever seen any snow."
    for each in pair_answer(group, good, bad).preferences:
        row = page.locator(f"[data-preference={each.model}]")
        assert f"−{-each.first:.2f}" in row.inner_text()
        assert f"the {each.prefers}" in row.inner_text()
    page.set_viewport_size({"width": 390, "height": 700})
    table = "document.querySelector('.preferences')"
    assert page.evaluate(f"{table}.scrollWidth <= {table}.parentElement.clientWidth")
    page.set_viewport_size({"width": 320, "height": 700})
    assert page.evaluate("document.scrollingElement.scrollWidth <= innerWidth")
    page.locator("[data-copy=pair]").click()
    said = page.locator("[data-copy=pair] + .said")
    said.filter(has_text=".").wait_for()
    assert abs(said.bounding_box()["y"] - page.locator("[data-copy=pair]").bounding_box()["y"]) < 80
    page.locator("#second").fill("")
    page.locator("#pair-form [type=submit]").click()
    page.locator("#pair-fault", has_text="The second sentence is empty").wait_for()


@pytest.fixture(scope="module")
def two_groups(play_run, tokenizer, tmp_path_factory):
    """A model of another vocabulary, and the run after it."""
    library = variant(tokenizer)
    library.add_tokens(["xylophone"])
    other = random_model("llama", library, tmp_path_factory.mktemp("other") / "other")
    return load(find_models({"other": other, "b": play_run.folder}), Opening())


def test_a_pair_is_opened_under_the_models_of_its_own_run(browser, two_groups):
    with playing(two_groups) as address:
        page = browser.new_page()
        page.goto(f"{address}/#run=b%2F&bench=grammar&right=distilled&wrong=twin")
        page.locator("[data-strip=other] .chip").first.wait_for()
        page.locator("#pairs li button").click()
        page.locator("[data-preference='b/twin']").wait_for()
        assert page.locator("[data-preference=other]").count() == 0
        assert "g=1" in urlsplit(page.url).fragment.split("&")
        page.locator("#predict").check()
        page.locator("[data-choice]").first.wait_for()
        assert not page.locator("[data-strip=other]").is_visible()
        page.goto(f"{address}/#g=0")
        page.reload()
        page.locator("#loss", has_text="students on this page have another vocabulary").wait_for()
        page.close()


def test_of_two_runs_the_page_names_the_ensemble_that_all_are_compared_with(browser, play_run):
    runs = load(find_models({"a": play_run.folder, "b": play_run.folder}), Opening())
    with playing(runs) as address:
        page = browser.new_page()
        page.goto(address)
        page.locator(".kls summary", has_text="How far each model is from a/ensemble").wait_for()
        page.close()


def test_predicting_first_hides_the_bars_until_the_viewer_has_chosen(visit):
    page = visit(f"text={TEXT}&at=4&predict=1")
    page.locator("[data-choice]").first.wait_for()
    assert not page.locator("#bars").is_visible()
    assert page.locator("[data-column]").count() == 0
    secret = page.locator("#strips [data-at='4']")
    assert set(secret.all_inner_texts()) == {"?\n?"}
    assert secret.count() == 9  # five strips of surprisals, four of KL
    own = page.locator("#strips").inner_text()
    assert "␣never" not in own
    page.locator("#guess-text").fill("dog")
    page.locator("#guess-form button").click()
    page.locator("#guess", has_text="You predicted ␣dog: llama ranks it ").wait_for()
    page.locator("[data-bars=twin] .row", has_text="␣dog").wait_for()
    page.locator("#guess button", has_text="Predict again").click()
    page.locator("[data-choice]").first.click()
    page.locator("#bars [data-bars=twin]").wait_for()
    page.locator("[data-column]").first.wait_for()
    assert "You predicted" in page.locator("#guess").inner_text()


def test_the_keyboard_alone_suffices(visit):
    page = visit(f"text={TEXT}&at=2")
    page.locator("[data-strip=llama] [aria-pressed=true]").wait_for()
    page.locator("#text").focus()
    for _ in range(3):
        page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.dataset.at") == "2"
    before = page.locator("#context", has=page.locator("mark")).inner_text()
    for key in ("ArrowRight", "ArrowDown", "ArrowRight", "Enter"):
        page.keyboard.press(key)
    page.wait_for_function("location.hash.includes('at=4')")
    page.wait_for_function(
        "before => document.querySelector('#context').innerText !== before", arg=before
    )  # the bars of the new place are there
    page.locator("[data-strip=gpt2] [data-at='4'][aria-pressed=true]").wait_for()
    page.keyboard.press("Home")
    assert page.evaluate("document.activeElement.dataset.at") == "1"
    page.keyboard.press("End")
    assert page.evaluate("document.activeElement.classList.contains('next')")
    page.locator("[data-bars=twin] .row").first.wait_for()
    assert page.locator("#bars button[tabindex='0']").count() == 5  # one for each model
    page.locator("[data-bars=llama] button[tabindex='0']").focus()
    for key in ("Home", "ArrowDown", "ArrowRight"):
        page.keyboard.press(key)
    second = page.locator("[data-bars=gpt2] button.row").nth(1)
    assert second.evaluate("row => row === document.activeElement")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('.card').dataset.bars") == "ensemble"


def test_markup_and_control_characters_are_shown_as_text(visit):
    page = visit(width=390)
    page.locator("[data-strip=llama]").wait_for()
    page.locator("#text").fill(MARKUP)
    page.locator("#text-form [type=submit]").click()
    page.locator("[data-strip=llama] .chip", has_text="<").first.wait_for()
    assert page.locator("#strips img, #strips script").count() == 0
    assert page.evaluate("document.scrollingElement.scrollWidth <= innerWidth")
    page.locator("#text").fill(KANJI)
    page.locator("#text-form [type=submit]").click()
    page.locator("#parts", has_text="北 is E5 8C 97; 京 is E4 BA AC").wait_for()
    assert "byte E5" in page.locator("[data-strip=llama]").inner_text()
    page.locator("#text").fill("\u202eThe cat")
    page.locator("#text-form [type=submit]").click()
    page.locator("#parts", has_text=r"\u202e is E2 80 AE").wait_for()
    page.locator("[data-strip=llama] [data-at]").last.click()
    page.locator("#force-text").fill("␣the")
    page.locator("#force [value=end]").click()
    page.locator("#branch", has_text=r"reads: \u202eThe cat").wait_for()


def test_shades_and_bars_are_printed_and_signs_on_shades_are_as_dark_as_letters(visit):
    page = visit(f"text={TEXT}&at=4")
    page.locator("#bars .fill").first.wait_for()
    style = "getComputedStyle(document.querySelector('{}'))"
    for part in (".chip", ".fill", ".swatch"):
        assert page.evaluate(style.format(part) + ".printColorAdjust") == "exact"
    chip = ".chip:not(:disabled)"
    sign, letters = (
        page.evaluate(style.format(part) + ".color") for part in (f"{chip} .token i", chip)
    )
    assert sign == letters


def test_a_fault_is_shown_where_it_arose_and_goes_away(visit):
    page = visit()
    page.locator("[data-strip=llama]").wait_for()
    page.locator("#first").fill("cat " * 400)
    page.locator("#second").fill("The cat.")
    page.locator("#pair-form [type=submit]").click()
    page.locator("#pair-fault", has_text="Shorten it by").wait_for()
    page.locator("#first").fill("A cat.")
    page.locator("#pair-form [type=submit]").click()
    page.locator("[data-preference=twin]").wait_for()
    assert not page.locator("#pair-fault").is_visible()
