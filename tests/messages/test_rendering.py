"""The letters: what each must say, in all three languages, and what it must never say."""

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from msgspec import structs

from arflow.accounts.entries import BEFORE_ALL, Clearing, Dispute, EffectStatus, Episode, Ledger
from arflow.accounts.promises import Terms
from arflow.errors import Refused
from arflow.messages import rendering
from arflow.messages.languages import LANGUAGES
from arflow.messages.rendering import Message, SaysNothing, plain
from arflow.rules.templates import KNOWN
from tests.messages.letters import (
    APRIL_2,
    MARCH_3,
    MARCH_10,
    OWED,
    account,
    call,
    invoice,
    ledger,
    letter,
    payment,
    promise,
    sent,
    unspaced,
)

CODES = sorted(LANGUAGES)
REQUESTS = ("first-reminder", "second-reminder", "final-reminder", "promise-broken")
MARCH_13, MARCH_23 = dt.date(2026, 3, 13), dt.date(2026, 3, 23)
EARLY = dt.date(2026, 3, 1)
SAID = {
    "total": {"en": "EUR 1,434.56", "de": "1.434,56 EUR", "fr": "1 434,56 EUR"},
    "first": {"en": "EUR 1,234.56", "de": "1.234,56 EUR", "fr": "1 234,56 EUR"},
    "due": {"en": "3 March 2026", "de": "3. März 2026", "fr": "3 mars 2026"},
    "written": {"en": "We wrote to you on 13 March 2026", "de": "am 13. März 2026", "fr": "le 13 mars 2026"},
    "both": {
        "en": "on 13 March 2026 and 23 March 2026",
        "de": "am 13. März 2026 und am 23. März 2026",
        "fr": "le 13 mars 2026 et le 23 mars 2026",
    },
    "spoken": {"en": "we spoke with you on 30 March", "de": "am 30. März 2026 mit Ihnen", "fr": "parlé le 30 mars"},
    "called": {"en": "tried to call you on 31 March", "de": "am 31. März 2026 versucht", "fr": "appeler le 31 mars"},
    "pay_by": {"en": "by 9 April 2026", "de": "bis zum 9. April 2026", "fr": "au plus tard le 9 avril 2026"},
    "final": {"en": "our final reminder", "de": "unsere letzte Erinnerung", "fr": "notre dernier rappel"},
    "disregard": {"en": "please disregard this message", "de": "gegenstandslos", "fr": "ne pas tenir compte"},
    "person": {"en": "a person reads every reply", "de": "jede Antwort liest ein Mensch", "fr": "lue par une personne"},
    "reach": {
        "en": "reach Jane Doe by replying to this message or by calling +44 20 7946 0000",
        "de": "erreichen Jane Doe, indem Sie auf diese Nachricht antworten, oder telefonisch unter +44 20 7946 0000",
        "fr": "joindre Jane Doe en répondant à ce message ou par téléphone au +44 20 7946 0000",
    },
    "greeting": {"en": "Dear Ann Archer,", "de": "Guten Tag Ann Archer,", "fr": "Bonjour Ann Archer,"},
    "nameless": {"en": "Hello,", "de": "Guten Tag,", "fr": "Bonjour,"},
    "more_time": {"en": "need more time", "de": "mehr Zeit brauchen", "fr": "plus de temps"},
    "promised": {
        "en": "On 15 March 2026 you told us to expect EUR 500.00 by 22 March 2026.",
        "de": "Am 15. März 2026 haben Sie uns 500,00 EUR bis zum 22. März 2026 angekündigt.",
        "fr": "Le 15 mars 2026, vous nous avez annoncé 500,00 EUR pour le 22 mars 2026.",
    },
    "came": {"en": "EUR 300.00 reached us in time", "de": "300,00 EUR rechtzeitig", "fr": "300,00 EUR à temps"},
    "not_by_then": {
        "en": "It had not reached us by then.",
        "de": "Bis dahin war der Betrag nicht bei uns eingegangen.",
        "fr": "Cette somme ne nous était pas parvenue à cette date.",
    },
    "rest_not_by_then": {
        "en": "The rest had not arrived by then.",
        "de": "Der Rest war bis dahin nicht eingegangen.",
        "fr": "Le reste ne nous était pas parvenu à cette date.",
    },
    "since": {
        "en": "Since then we have received EUR 500.00 from you; thank you for that.",
        "de": "Seitdem sind 500,00 EUR von Ihnen eingegangen; dafür danken wir Ihnen.",
        "fr": "Depuis, nous avons reçu 500,00 EUR de votre part et vous en remercions.",
    },
    "not_all": {"en": "your full payment", "de": "keine vollständige Zahlung", "fr": "votre paiement complet"},
    "one_more": {"en": "and 1 more EUR 1.00", "de": "und 1 weitere 1,00", "fr": "et 1 autre 1,00"},
    "paid": {
        "en": "Your payment of EUR 300.00 of 20 March 2026 has arrived",
        "de": "Ihre Zahlung von 300,00 EUR vom 20. März 2026 ist eingegangen",
        "fr": "Votre paiement de 300,00 EUR du 20 mars 2026 nous est bien parvenu",
    },
    "settled": {"en": "Nothing is overdue", "de": "nichts mehr überfällig", "fr": "Plus rien n\u2019est en retard"},
    "unapplied": {"en": "could not match", "de": "keiner Rechnung zuordnen", "fr": "rattacher à aucune facture"},
    "disputed": {"en": "is being looked into", "de": "prüfen wir noch", "fr": "en cours d\u2019examen"},
    "later": {"en": "at a later date", "de": "für einen späteren Tag", "fr": "pour une date ultérieure"},
}  # fmt: skip
THREATS = re.compile(
    r"""legal|lawyer|attorney|court|solicitor|agency|collection|interest|fee\b|credit\ (rating|report|bureau)|bailiff
    |suspend|sue\b|consequence|gericht|anwalt|inkasso|zins|gebühr|mahnbescheid|schufa|rechtlich|vollstreck|konsequenz
    |tribunal|avocat|huissier|juridique|judiciaire|contentieux|pénalité|intérêts|frais|recouvrement
    |mise\ en\ demeure""",
    re.IGNORECASE | re.VERBOSE,
)


class _Text(HTMLParser):
    """What a reader of a page sees, and the elements that it has."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.elements: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.elements.append(tag)

    def handle_data(self, data: str) -> None:
        self.seen.append(data)


def visible(html: str) -> str:
    reader = _Text()
    reader.feed(html.partition("<body")[2].partition(">")[2])
    return unspaced(" ".join(reader.seen))


def both(message: Message) -> Iterator[str]:
    """The text and what is seen of the HTML."""
    yield unspaced(message.text)
    yield visible(message.html)


def says(message: Message, *keys: str) -> list[str]:
    """Which of the sentences `keys` the text or the HTML does not say."""
    return [key for key in keys for text in both(message) if SAID[key][message.language] not in text]


def everything(language: str) -> Iterator[tuple[str, Message]]:
    """Every template with all that it can tell of."""
    told = account(
        language=language,
        contacts=(call(dt.date(2026, 3, 30), "refused"),),
        outgoing=(sent(1, MARCH_13), sent(2, MARCH_23)),
        promises={"W": promise(dt.date(2026, 3, 15), dt.date(2026, 3, 22), 50_000)},
    )
    for template in sorted(KNOWN):
        yield template, letter(template, told, EARLY if template == "courtesy-note" else APRIL_2)


def test_every_known_template_has_its_words_in_every_language() -> None:
    for code in CODES:
        assert {*KNOWN, "opening", "closing"} == {path.stem for path in (rendering.WORDS / code).iterdir()}
    assert CODES == sorted(path.name for path in rendering.WORDS.iterdir())


# --- what they must say -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", CODES)
@pytest.mark.parametrize("template", [*REQUESTS, "courtesy-note"])
def test_each_names_its_invoices_and_the_total_and_how_to_reach_a_person(template: str, language: str) -> None:
    message = letter(template, account(language=language), EARLY if template == "courtesy-note" else APRIL_2)
    assert says(message, "total", "first", "due", "reach", "person", "greeting") == []
    assert [text for text in both(message) if not {"R-1", "R-2", "C-100"} <= {*re.findall(r"[\w-]+", text)}] == []
    assert all("Hill & Sons" in text for text in both(message))


@pytest.mark.parametrize("language", CODES)
@pytest.mark.parametrize("template", REQUESTS)
def test_whoever_has_paid_already_may_disregard_it(template: str, language: str) -> None:
    assert says(letter(template, account(language=language)), "disregard") == []


@pytest.mark.parametrize("language", CODES)
@pytest.mark.parametrize("template", sorted(KNOWN))
def test_nothing_is_threatened_that_is_not_decided(template: str, language: str) -> None:
    message = dict(everything(language))[template]
    assert THREATS.findall(f"{message.subject} {message.text}") == []


@pytest.mark.parametrize("language", CODES)
def test_the_second_and_the_final_reminder_build_on_those_before(language: str) -> None:
    once = account(language=language, outgoing=(sent(1, MARCH_13), sent(2, MARCH_23, EffectStatus.SENT)))
    assert says(letter("second-reminder", once, number=2), "written", "pay_by") == []
    twice = replace(once, outgoing=(sent(1, MARCH_13), sent(2, MARCH_23)))
    spoken = replace(twice, contacts=(call(dt.date(2026, 3, 30), "refused"),))
    assert says(letter("final-reminder", spoken, number=3), "both", "spoken", "pay_by", "final") == []
    called = replace(spoken, contacts=(*spoken.contacts, call(dt.date(2026, 3, 31), "no_answer")))
    assert "called" in says(letter("final-reminder", called), "called")
    assert says(letter("final-reminder", replace(called, contacts=called.contacts[1:])), "both", "called") == []


@pytest.mark.parametrize("language", CODES)
def test_reminders_grow_firmer(language: str) -> None:
    first, second, final = (letter(name, account(language=language)) for name in REQUESTS[:3])
    assert says(first, "more_time") == []
    assert {"pay_by"} == {*says(first, "pay_by")}
    assert says(second, "pay_by") == []
    assert {"final"} == {*says(second, "final")}
    assert says(final, "pay_by", "final") == []
    assert 3 == len({first.subject, second.subject, final.subject})


@pytest.mark.parametrize("language", CODES)
def test_a_broken_promise_is_named_with_what_came_of_it(language: str) -> None:
    owed = ledger(*OWED.invoices.values(), payments=[payment(dt.date(2026, 3, 20), ("R-2", 30_000))])
    broken = {"W": promise(dt.date(2026, 3, 15), dt.date(2026, 3, 22), 50_000)}
    nothing = letter("promise-broken", account(language=language, promises=broken))
    assert says(nothing, "promised") == []
    assert "came" in says(nothing, "came")
    assert says(letter("promise-broken", account(language=language, promises=broken, ledger=owed)), "came") == []


@pytest.mark.parametrize("language", CODES)
def test_what_came_after_a_broken_promise_is_not_denied(language: str) -> None:
    """Promised for Friday, two days of grace, and paid on Monday before the letter leaves."""
    friday, monday, terms = dt.date(2026, 3, 6), dt.date(2026, 3, 9), Terms(grace_days=2)
    broken = {"W": promise(dt.date(2026, 3, 4), friday, 80_000)}

    def told(*came: Clearing) -> Message:
        owed = ledger(*OWED.invoices.values(), payments=came)
        return letter("promise-broken", account(language=language, promises=broken, ledger=owed), monday, terms=terms)

    assert says(told(), "not_by_then") == []
    assert "since" in says(told(), "since")
    late = payment(monday, ("R-1", 50_000))
    assert says(told(late), "not_by_then", "since") == []
    assert says(told(payment(friday, ("R-1", 30_000)), late), "came", "rest_not_by_then", "since") == []


@pytest.mark.parametrize("language", CODES)
def test_a_letter_after_a_promise_that_holds_by_now_denies_nothing(language: str) -> None:
    """A payment of an earlier day was recorded since the letter was decided, or the promise was called off."""
    kept = {"W": promise(dt.date(2026, 3, 15), dt.date(2026, 3, 22), 30_000)}
    owed = ledger(*OWED.invoices.values(), payments=[payment(dt.date(2026, 3, 20), ("R-2", 30_000))])
    for text in both(letter("promise-broken", account(language=language, promises=kept, ledger=owed))):
        assert not re.search(r"reached us|eingegangen|parvenu", text)


@pytest.mark.parametrize("language", CODES)
def test_who_has_paid_nearly_all_is_not_told_that_nothing_came(language: str) -> None:
    assert says(letter("first-reminder", account(language=language)), "not_all") == []


@pytest.mark.parametrize("language", CODES)
def test_thanks_name_the_payment_and_what_it_settled(language: str) -> None:
    paid = {
        "R-2": structs.replace(
            OWED.invoices["R-2"], items=tuple(structs.replace(item, open=0) for item in OWED.invoices["R-2"].items)
        )
    }
    owed = ledger(*paid.values(), payments=[payment(dt.date(2026, 3, 20), ("R-2", 30_000))])
    thanks = letter("thank-you", account(language=language, ledger=owed))
    assert says(thanks, "paid", "settled", "person") == []
    assert "R-2" in thanks.text
    assert "disregard" in says(thanks, "disregard")


@pytest.mark.parametrize("language", CODES)
def test_thanks_claim_nothing_that_is_not_so(language: str) -> None:
    assert "settled" in says(letter("thank-you", account(language=language)), "settled")
    assert says(letter("thank-you", account(language=language, ledger=Ledger())), "settled") == []


@pytest.mark.parametrize("language", CODES)
def test_money_that_is_not_matched_is_mentioned(language: str) -> None:
    owed = ledger(*OWED.invoices.values(), payments=[payment(dt.date(2026, 3, 20), unapplied=5_000)])
    assert says(letter("first-reminder", account(language=language, ledger=owed)), "unapplied") == []
    assert "unapplied" in says(letter("first-reminder", account(language=language)), "unapplied")


@pytest.mark.parametrize("language", CODES)
def test_nobody_is_asked_for_what_is_disputed_or_promised(language: str) -> None:
    dispute = Dispute(id="D", invoice="R-1", amount=None, reason="", on=MARCH_10, recorded=(BEFORE_ALL, 0))
    disputed = letter(
        "second-reminder", account(language=language, ledger=ledger(*OWED.invoices.values(), disputes=[dispute]))
    )
    assert says(disputed, "disputed") == []
    assert "R-1" not in disputed.text
    assert {"total"} == {*says(disputed, "total")}
    open_promise = promise(dt.date(2026, 3, 30), dt.date(2026, 4, 20), 123_456)
    promised = letter("second-reminder", account(language=language, promises={"W": open_promise}))
    assert says(promised, "later") == []
    assert "R-1" not in promised.text
    assert "R-2" in promised.text


@pytest.mark.parametrize("template", [*REQUESTS, "courtesy-note"])
def test_a_letter_about_nothing_is_not_written(template: str) -> None:
    with pytest.raises(SaysNothing, match=f"account `C-100` has nothing that `{template}` could be about any more"):
        letter(template, account(ledger=Ledger()))


def test_promises_are_judged_as_the_policy_does() -> None:
    made = {"W": promise(dt.date(2026, 3, 15), dt.date(2026, 4, 1), 143_456)}
    assert letter("first-reminder", account(promises=made)).subject
    with pytest.raises(SaysNothing):
        letter("first-reminder", account(promises=made), terms=Terms(grace_days=2))


# --- what came before -------------------------------------------------------------------------------------------------


def test_only_letters_of_this_episode_that_arrived_are_named() -> None:
    before = (
        sent(1, dt.date(2026, 2, 2)),
        sent(2, MARCH_13, EffectStatus.FAILED),
        sent(3, MARCH_23),
        sent(4, APRIL_2),
    )
    text = unspaced(letter("second-reminder", account(outgoing=before), number=4).text)
    assert "We wrote to you on 23 March 2026." in text
    assert "February" not in text
    assert "13 March" not in text


def test_without_anything_before_nothing_is_claimed() -> None:
    for template in REQUESTS[:3]:
        text = unspaced(letter(template, account(contacts=(call(dt.date(2026, 2, 2), "refused"),))).text)
        assert re.findall(r"[Ww]e (wrote|spoke|tried)", text) == []


def test_a_call_that_reached_somebody_else_s_voicemail_is_no_conversation() -> None:
    text = unspaced(letter("final-reminder", account(contacts=(call(MARCH_23, "voicemail"),))).text)
    assert "We tried to call you on 23 March 2026." in text


def test_a_note_ahead_lists_what_falls_due_soon_or_else_next() -> None:
    owed = ledger(
        invoice("SOON", (dt.date(2026, 3, 8), 100)),
        invoice("LATER", (dt.date(2026, 5, 8), 100)),
        invoice("LATE", (dt.date(2026, 2, 1), 100)),
    )
    note = letter("courtesy-note", account(ledger=owed, episodes=()), EARLY)
    assert ["SOON"] == re.findall(r"SOON|LATER|LATE", note.text)
    next_one = letter("courtesy-note", account(ledger=owed, episodes=()), dt.date(2026, 4, 1))
    assert ["LATER"] == re.findall(r"SOON|LATER|LATE", next_one.text)
    assert "Invoice LATER falls due on 8 May 2026" == unspaced(next_one.subject)


def test_who_pays_through_another_is_written_about_the_payers_invoices() -> None:
    assert "R-1" in letter("first-reminder", account(ledger=Ledger(), payer_ledger=OWED)).text


def test_instalments_are_lines_of_one_invoice() -> None:
    owed = ledger(invoice("R-9", (MARCH_3, 100), (MARCH_10, 200)))
    message = letter("first-reminder", account(ledger=owed))
    assert "Payment reminder: invoice R-9" == message.subject
    assert 2 == len(re.findall(r"^R-9 ", message.text, re.MULTILINE))
    assert "EUR 3.00" in unspaced(message.text)


def test_a_long_table_ends_with_one_line_for_the_rest() -> None:
    owed = ledger(*(invoice(f"R-{number:03}", (MARCH_3, 100)) for number in range(60)))
    message = letter("first-reminder", account(ledger=owed))
    assert 50 == len(re.findall(r"^R-\d+ ", message.text, re.MULTILINE))
    assert "and 10 more EUR 10.00" in unspaced(message.text)
    assert "EUR 60.00" in unspaced(message.text)
    assert "Payment reminder: 60 invoices" == message.subject


@pytest.mark.parametrize("language", CODES)
def test_a_rest_of_one_line_is_one(language: str) -> None:
    owed = ledger(*(invoice(f"R-{number:03}", (MARCH_3, 100)) for number in range(51)))
    assert says(letter("first-reminder", account(language=language, ledger=owed)), "one_more") == []


def test_yen_have_no_decimals() -> None:
    assert "JPY 143,456" in unspaced(letter("first-reminder", account(currency="JPY")).text)


# --- form -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", CODES)
@pytest.mark.parametrize("template", sorted(KNOWN))
def test_text_and_html_say_the_same_words(template: str, language: str) -> None:
    message = dict(everything(language))[template]
    ruled = re.sub(r"-{5,}", " ", message.text)
    assert unspaced(ruled) == visible(message.html)
    assert f'<html lang="{language}">' in message.html
    assert not re.search(r"[{}\x1f]|None", message.text + message.html)


@pytest.mark.parametrize("language", CODES)
@pytest.mark.parametrize("template", sorted(KNOWN))
def test_lines_of_text_are_short_enough_for_any_reader(template: str, language: str) -> None:
    message = dict(everything(language))[template]
    assert [line for line in message.text.splitlines() if len(line) > 78] == []
    assert "\n" not in message.subject
    assert len(message.subject) < 80


@pytest.mark.parametrize("language", CODES)
def test_who_has_no_name_is_greeted_all_the_same(language: str) -> None:
    assert says(letter("first-reminder", account(language=language), person=""), "nameless") == []


EVIL = "Bob\r\nBcc: all@example.com\r\n\r\n<script>alert(1)</script> {{ 7*7 }} \x1f\u2028\u202ex"


def test_what_stands_in_an_account_is_never_more_than_a_word() -> None:
    """No header, no line, no element and no template can come from a name, a number or an id."""
    owed = ledger(invoice(EVIL, (MARCH_3, 100)))
    message = letter("first-reminder", account(name=EVIL, ledger=owed), person=EVIL)
    assert "\n" not in message.subject
    assert "\r" not in message.text
    assert [] == [line for line in message.text.splitlines() if line.startswith("Bcc")]
    assert "{{ 7*7 }}" in message.text
    reader = _Text()
    reader.feed(message.html)
    assert "script" not in reader.elements
    assert 1 == reader.elements.count("table")
    assert not {"\x1f", "\u2028", "\u202e"} & {*message.text, *message.html}


def test_a_value_is_one_short_line() -> None:
    assert plain("a\tb\n c") == "a b c"
    assert plain("x" * 300) == "x" * 199 + "…"
    assert plain("\ud800a") == "a"
    assert plain("Zoë 山田") == "Zoë 山田"


def test_a_template_that_nobody_has_is_refused() -> None:
    with pytest.raises(Refused, match=re.escape("there is no template `first-remainder` (did you mean `first-rem")):
        letter("first-remainder", account())
    with pytest.raises(Refused, match=re.escape("no template `../en/first-reminder`")):
        letter("../en/first-reminder", account())


def test_the_words_use_no_name_that_is_not_told() -> None:
    words = "\n".join(path.read_text("utf-8") for path in rendering.WORDS.rglob("*.txt"))
    given = {*re.findall(r"\b[a-z_]+\b", " ".join(re.findall(r"\{[{%](.*?)[%}]\}", words, re.DOTALL)))}
    assert given - {*rendering.NAMES} - {"if", "else", "elif", "endif", "and"} == set()


def test_words_are_no_longer_than_a_template_may_be() -> None:
    assert max(len(path.read_text("utf-8")) for path in Path(rendering.WORDS).rglob("*.txt")) < 20_000


def test_an_episode_that_is_over_names_nothing_of_before() -> None:
    over = Episode(
        started_on=dt.date(2026, 3, 4),
        spans=((dt.datetime(2026, 3, 4, tzinfo=dt.UTC), dt.datetime(2026, 3, 25, tzinfo=dt.UTC)),),
    )
    message = letter("first-reminder", account(episodes=(over,), outgoing=(sent(1, MARCH_13),)))
    assert "wrote" not in message.text
