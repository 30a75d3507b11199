"""Short texts of people in trouble, questions about the line, and what is not a tip."""

from __future__ import annotations

import pytest

from tests.triage.line import tip
from triage.tip import AgencyKind, Asked, Child, Kind, Urgency

SELF = """
im a slave here; i work 18 hours no pay; my boss locks the door at night; they promised a job now i have to sleep with men;
dont answer he reads my phone. locked in; i get raped every day; they drug me; they film me naked; i have to do shows on camera;
me graban; me tocan; mi tio me toca; my stepdad touches me at night; he touches me; cant talk he is here; he is at the door; ya viene;
they keep me here; they have me; locked me in a room; somos 3 encerradas; we are 5 girls locked; i need out; dont let them take me;
i dont know where i am; no se donde estoy; no m dejan ir; me voy a matar; me quiero matar; tienen a mi hijo; they have my baby;
i am 14 pls; soy una niña y me tocan; im 15; tengo 15 años; te quiero contar algo me da miedo
"""
NOT_SELF = "i am 45 and saw girls locked in; tengo 40 años y vi a una niña encerrada; i am with a girl of 14; they took my daughter"
DANGER = "dont answer he reads my phone. locked in; they keep me here; somos 3 encerradas; we are 5 girls locked; me voy a matar"


def listed(texts: str) -> list[str]:
    return [text.strip() for text in texts.split(";")]


@pytest.mark.parametrize("text", listed(SELF))
def test_a_survivor_is_heard(text: str) -> None:
    a = tip(text)
    assert a.about_self
    assert a.urgency in (Urgency.ASKS_HELP, Urgency.DANGER_NOW)


def test_911_is_a_call_for_help() -> None:
    assert tip("911").urgency is Urgency.ASKS_HELP


@pytest.mark.parametrize("text", listed(NOT_SELF))
def test_a_witness_is_no_survivor(text: str) -> None:
    assert not tip(text).about_self


@pytest.mark.parametrize("text", listed(DANGER))
def test_a_survivor_in_danger(text: str) -> None:
    assert tip(text).urgency is Urgency.DANGER_NOW


@pytest.mark.parametrize("text", ["i am 14 pls", "soy una niña y me tocan", "im a teen", "somos menores"])
def test_a_child_who_writes(text: str) -> None:
    a = tip(text)
    assert (a.about_self, a.child) == (True, Child.YES)


GREETINGS = """
es la policia?; are you the police; are you the police?; is this anonymous?; is this safe?; es seguro?; son policias?; es anonimo?; 👍;
👍🏽; who dis; wassup; ping; hola, es la policía?; ❤️; eres policia; is it safe to text here
"""


@pytest.mark.parametrize("text", listed(GREETINGS))
def test_a_question_about_the_line_is_no_tip_and_implicates_nobody(text: str) -> None:
    a = tip(text, "are you the police, are you cops")
    assert (a.greeting, a.officials, a.urgency) == (True, (), Urgency.OUT_OF_SCOPE)


@pytest.mark.parametrize(
    "text", ["es la policia", "la policia?", "es la policia? me tienen encerrada", "👍 girls locked", "😭", "are the police paid?"]
)
def test_what_is_no_question_about_the_line(text: str) -> None:
    assert not tip(text).greeting


def test_the_police_as_an_answer_are_implicated() -> None:
    for text in ("es la policia?", "are you the police"):
        a = tip(text, asked=Asked.WHO_NOT)
        assert not a.greeting
        assert [o.agency for o in a.officials] == [AgencyKind.POLICE]


@pytest.mark.parametrize(
    "text",
    [
        "se vende perro",
        "se vende carro",
        "su paquete espera https://bit.ly/xx",
        "su paquete esta retenido en aduana, pague aqui bit.ly/xx",
        "your package is held at customs, pay here bit.ly/xx",
        "your parcel is held bit.ly/xx",
    ],
)
def test_spam(text: str) -> None:
    a = tip(text)
    assert (a.urgency, a.kinds) == (Urgency.SPAM, ())


@pytest.mark.parametrize(
    "text", ["se vende niñas", "las venden en el bar", "su paquete es una niña encerrada", "girls are held at customs bit.ly/x"]
)
def test_no_spam(text: str) -> None:
    assert tip(text).urgency is not Urgency.SPAM


def test_the_chief_of_police_is_no_employer() -> None:
    assert Kind.CHILD_LABOUR not in tip("el jefe de policía cobra por las niñas").kinds
    assert Kind.CHILD_LABOUR in tip("el jefe de policía cobra por las niñas del taller").kinds


ALL = AgencyKind.OTHER
ANSWERS = """
gobierno; the government; any official; autoridades; everyone; todos; nobody local; nadie de aqui; anyone in uniform; nobody; no one;
nadie con uniforme; nobody from here
"""


@pytest.mark.parametrize("text", listed(ANSWERS))
def test_any_official_is_every_official(text: str) -> None:
    assert ALL in {o.agency for o in tip(text, asked=Asked.WHO_NOT).officials}


@pytest.mark.parametrize(
    "text",
    [
        "ningun funcionario del gobierno",
        "nadie de aqui, todos estan comprados",
        "todos estan comprados",
        "they are all bribed",
        "everyone is paid here",
        "cant trust anyone",
        "no confío en nadie",
    ],
)
def test_any_official_in_a_tip(text: str) -> None:
    assert ALL in {o.agency for o in tip(text).officials}


@pytest.mark.parametrize("text", ["nobody helps us", "todos trabajan sin paga", "nadie sabe"])
def test_nobody_is_not_always_an_official(text: str) -> None:
    assert tip(text).officials == ()


POLICE = """
cabo de Lima; cabo de aguas verdes; mi cuñado es agente; mi cuñado es agentes; fuerzas del orden de Lima; un efectivo; efectivos;
comandancia; el jefe de la comandancia; pnc; municipales; federales; judiciales; es un judicial; es cana; los verdes; la ley;
officer; patrol officer of Lima; deputy; the law; a man with a badge; el cabo;
la esposa del agente; la esposa del cana
"""
BOTH = [
    ("los de trabajo", AgencyKind.LABOUR_INSPECTION),
    ("los de pasaportes", AgencyKind.IMMIGRATION),
    ("inspector laboral de puerto grande cobra por las chicas", AgencyKind.LABOUR_INSPECTION),
    ("el inspector of labour de Lima cobra por las chicas", AgencyKind.LABOUR_INSPECTION),
    ("the harbour office of Lima knows", AgencyKind.PORT_AUTHORITY),
    ("el agente de migración cobra", AgencyKind.IMMIGRATION),
]


@pytest.mark.parametrize(("text", "agency"), [(t, AgencyKind.POLICE) for t in listed(POLICE)] + BOTH)
def test_more_words_for_an_office(text: str, agency: AgencyKind) -> None:
    assert agency in {o.agency for o in tip(text).officials}


@pytest.mark.parametrize(
    "text", ["al cabo de dos días", "that is against the law", "nos pagan en efectivo", "un agente de viajes", "an immigration officer"]
)
def test_these_are_no_police(text: str) -> None:
    assert AgencyKind.POLICE not in {o.agency for o in tip(text).officials}
