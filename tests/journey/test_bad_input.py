"""Whatever a customer sends, the whole chain ends in a decision: nothing is lost, nothing unasked is sent."""

from collections.abc import Callable

import pytest

from shared.language import detect_language
from shared.personal_data import TOKEN
from tests.journey.world import World

QUESTION = "How can I roll back to an earlier release from the command line?"
# A message may grow on its way by what is found for it, never by a multiple of what the customer sent.
EVENT_BYTES_MAX = 1_200_000
ANSWER_CHARACTERS_MAX = 20_000

LANGUAGES = {
    "Afrikaans": "Ek kan nie by my rekening aanmeld nie.",
    "Albanian": "Nuk mund të hyj në llogarinë time.",
    "Amharic": "ወደ መለያዬ መግባት አልቻልኩም።",
    "Arabic": "لا أستطيع الدخول إلى حسابي.",
    "Armenian": "Չեմ կարողանում մուտք գործել իմ հաշիվ։",
    "Basque": "Ezin dut nire kontuan sartu.",
    "Bengali": "আমি আমার অ্যাকাউন্টে ঢুকতে পারছি না।",
    "Bulgarian": "Не мога да вляза в профила си.",
    "Burmese": "ကျွန်တော့်အကောင့်ထဲ ဝင်မရပါ။",
    "Catalan": "No puc entrar al meu compte.",
    "Chinese": "我无法登录我的账户。",
    "Croatian": "Ne mogu se prijaviti na svoj račun.",
    "Czech": "Nemohu se přihlásit ke svému účtu.",
    "Danish": "Jeg kan ikke logge ind på min konto.",
    "Dutch": "Ik kan niet inloggen op mijn account.",
    "Estonian": "Ma ei saa oma kontole sisse logida.",
    "Finnish": "En pääse kirjautumaan tililleni.",
    "French": "Je n'arrive pas à me connecter à mon compte.",
    "Georgian": "ვერ შევდივარ ჩემს ანგარიშზე.",
    "German": "Ich kann mich nicht in meinem Konto anmelden.",
    "Greek": "Δεν μπορώ να συνδεθώ στον λογαριασμό μου.",
    "Hebrew": "אני לא מצליח להיכנס לחשבון שלי.",
    "Hindi": "मैं अपने खाते में लॉगिन नहीं कर पा रहा हूँ।",
    "Hungarian": "Nem tudok belépni a fiókomba.",
    "Icelandic": "Ég get ekki skráð mig inn á reikninginn minn.",
    "Indonesian": "Saya tidak bisa masuk ke akun saya.",
    "Italian": "Non riesco ad accedere al mio account.",
    "Japanese": "アカウントにログインできません。",
    "Khmer": "ខ្ញុំមិនអាចចូលគណនីរបស់ខ្ញុំបានទេ។",
    "Korean": "계정에 로그인할 수 없습니다.",
    "Latvian": "Es nevaru pieslēgties savam kontam.",
    "Lithuanian": "Negaliu prisijungti prie savo paskyros.",
    "Norwegian": "Jeg får ikke logget inn på kontoen min.",
    "Persian": "نمی‌توانم وارد حسابم شوم.",
    "Polish": "Nie mogę zalogować się na swoje konto.",
    "Portuguese": "Não consigo entrar na minha conta.",
    "Romanian": "Nu mă pot conecta la contul meu.",
    "Russian": "Не могу войти в свою учётную запись.",
    "Serbian": "Не могу да се пријавим на свој налог.",
    "Slovak": "Neviem sa prihlásiť do svojho účtu.",
    "Spanish": "No puedo entrar en mi cuenta.",
    "Swahili": "Siwezi kuingia kwenye akaunti yangu.",
    "Swedish": "Jag kan inte logga in på mitt konto.",
    "Tamil": "எனது கணக்கில் உள்நுழைய முடியவில்லை.",
    "Thai": "ฉันเข้าสู่ระบบบัญชีของฉันไม่ได้",
    "Turkish": "Hesabıma giriş yapamıyorum.",
    "Ukrainian": "Не можу увійти до свого облікового запису.",
    "Vietnamese": "Tôi không đăng nhập được vào tài khoản.",
}

NOTHING_UNDERSTOOD: dict[str, str] = {
    "emoji only": "🙂😡🔥" * 300,
    "one sign": "?",
    "zero-width only": "\u200b\u200c\u200d\ufeff" * 500,
    "zero-width between all letters": "\u200b".join("I would like to know something"),
    "combining marks piled up": "e" + "\u0301" * 20_000,
    "right-to-left override": "\u202e" + "txt.exe olleh" * 200 + "\u202c",
    "binary": bytes(range(256)).decode("latin-1") * 300,
    "half a megabyte of two bytes each": "é" * 499_000,
    "a megabyte of one letter": "a" * 990_000,
    "a megabyte of line ends": "x\n" * 320_000,
    "base64": "TWFuIGlzIGRpc3Rpbmd1aXNoZWQ" * 3_000,
    "a rant of 5,000 words": "This is the worst thing that I have ever seen and nobody cares at all! " * 350,
    "one sentence of 5,000 words": "and then it " * 1_700,
    "quotes in quotes": "".join(">" * depth + " wrote:\n" for depth in range(1, 900)),
    "nested elements": "<div>" * 9_000 + "hm" + "</div>" * 9_000,
    "elements never closed": "<table><tr><td>" * 6_000,
    "brackets never closed": "[" * 50_000,
    "a table of nothing": "| | |\n|-|-|\n" + "| | |\n" * 12_000,
    "a fence never closed": "```\n" * 9_000,
    "stars and backticks": "*_`~" * 20_000,
    "numbers": "12345 " * 15_000,
    "names": "Anna Weber, " * 8_000,
    "addresses": " ".join(f"a{number}@b.co" for number in range(6_000)),
    "placeholders": "[EMAIL_1] [NAME_1] " * 4_000,
    "lone surrogates": "\\ud83d" * 500,
}
UNDERSTOOD: dict[str, Callable[[str], str]] = {
    "among emoji": lambda text: "🙂" * 3_000 + f"\n\n{text}\n\n" + "🔥" * 3_000,
    "before a quoted thread": lambda text: text + "\n\n" + "> On Monday someone wrote:\n> > something\n" * 1_500,
    "in nested elements": lambda text: "<div>" * 900 + text + "</div>" * 900,
    "with zero-width signs around": lambda text: f"\u200b\u200b{text}\ufeff",
    "with a log behind": lambda text: text + "\n\n" + "2026-03-01T10:00:00Z ERROR x=1 at lib/a.py:10\n" * 1_800,
    "with 3,000 names behind": lambda text: text + "\n\n" + "Anna Weber, Bob Stone\n" * 1_500,
}


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """The journeys' world, but with the real detector of languages."""
    monkeypatch.setattr("tests.journey.world.english", detect_language)
    return World()


def bounded(world: World) -> bool:
    """Whether no event grew beyond its bounds, and no draft either."""
    drafts = [request.draft.text for request in world.requests]
    return all(len(message.body) <= EVENT_BYTES_MAX for message in world.bus.published) and all(
        len(text) <= ANSWER_CHARACTERS_MAX for text in (*drafts, *world.answers)
    )


@pytest.mark.parametrize("body", NOTHING_UNDERSTOOD.values(), ids=NOTHING_UNDERSTOOD.keys())
async def test_what_nobody_understands_waits_for_a_person(world: World, body: str) -> None:
    case_id = await world.customer_writes(body)

    assert world.status(case_id) in ("in_review", "with_specialist")
    assert [request.case_id for request in world.requests] == [case_id]
    assert world.answers == []
    assert world.bus.dead_letters == []
    assert bounded(world)


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_language_without_evidence_waits_for_a_person(world: World, language: str) -> None:
    case_id = await world.customer_writes(LANGUAGES[language], subject="")

    assert world.status(case_id) in ("in_review", "with_specialist")
    assert world.answers == []
    assert world.bus.dead_letters == []
    assert TOKEN.search(world.requests[0].ticket.body) is None


@pytest.mark.parametrize("clutter", UNDERSTOOD)
async def test_a_question_in_clutter_is_decided_and_never_lost(world: World, clutter: str) -> None:
    case_id = await world.customer_writes(UNDERSTOOD[clutter](QUESTION))

    assert world.status(case_id) in ("released", "in_review", "with_specialist")
    assert all("nq rollback" in answer for answer in world.answers)
    assert len(world.answers) == (world.status(case_id) == "released")
    assert world.bus.dead_letters == []
    assert bounded(world)


async def test_a_risk_in_a_rant_of_5000_words_still_reaches_a_specialist(world: World) -> None:
    rant = "Nobody answers and nothing works and I am so tired of it. " * 400
    case_id = await world.customer_writes(f"I want my money back! {rant}")

    assert world.status(case_id) == "with_specialist"
    assert world.answers == []


async def test_nothing_at_all_is_refused_at_the_door_and_said_so(world: World) -> None:
    data = {"ticket_id": "42", "subject": " \n", "body": "\x00 \t", "requester": {"email": "ann@example.com"}}
    response = await world.webhook({"type": "message.created", "data": data})

    assert response.status_code == 422
    assert "neither subject nor body" in response.text
    assert world.bus.published == []


async def test_more_than_a_megabyte_is_refused_at_the_door_and_said_so(world: World) -> None:
    data = {"ticket_id": "42", "subject": "Help", "body": "a" * 1_000_001, "requester": {"email": "ann@example.com"}}
    response = await world.webhook({"type": "message.created", "data": data})

    assert response.status_code == 413
    assert world.bus.published == []


async def test_after_all_of_it_the_next_customer_gets_an_answer(world: World) -> None:
    for number, body in enumerate(NOTHING_UNDERSTOOD.values()):
        await world.customer_writes(body[:5_000], ticket_id=f"bad-{number}")
    case_id = await world.customer_writes(QUESTION, ticket_id="good")

    assert world.status(case_id) == "released"
    assert len(world.answers) == 1
