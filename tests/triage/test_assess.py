"""The parts of an assessment, one by one."""

from __future__ import annotations

import pytest

from tests.triage.line import GAZETTEER, LEXICONS, ROSTER, tip
from triage.assess import assess
from triage.names import RosterNames
from triage.places import Gazetteer
from triage.tip import AgencyKind, Asked, Child, EntityType, Kind, Of, Official, Relation, Urgency

# The names of an office are split at commas.
OFFICES: dict[AgencyKind, str] = {
    AgencyKind.POLICE: """
        the police, two cops, the sheriff, Officer Diaz, law enforcement, polise, a detective, PNP, la
        policía, polisia, los tombos, un carabinero, la Guardia Civil, el comisario, la tira, los pacos,
        agentes del orden, polcia, la patrulla, Sgt. Diaz, el sargento, el comandante, the precinct captain is
        a bribed officer in uniform, las autoridades
    """,
    AgencyKind.IMMIGRATION: """
        immigration officers, la migra, agentes de migración, migraciones, extranjería, passport control, INM
    """,
    AgencyKind.BORDER_GUARD: """
        border guards, customs, border patrol, la aduana, los aduaneros, policía de frontera, control
        fronterizo
    """,
    AgencyKind.MILITARY: """
        soldiers, the army, Colonel Diaz, the navy, los milicos, el ejército, un soldado, la marina, los
        militares
    """,
    AgencyKind.LOCAL_GOVERNMENT: """
        the mayor, Mayor Diaz, the governor, city council, village chief, el alcalde, la alcaldía, un regidor,
        el municipio, el gobernador
    """,
    AgencyKind.JUDICIARY: """
        the judge, a prosecutor, the court, district attorney, el juez, la fiscal, la fiscalía, el juzgado, un
        magistrado
    """,
    AgencyKind.LABOUR_INSPECTION: """
        labor inspectors, the labour inspector, ministry of labour, el inspector de trabajo, la inspección
        laboral, sunafil
    """,
    AgencyKind.PORT_AUTHORITY: """
        the port authority, the coast guard, the harbor master, port captain, fisheries officer, la capitanía
        de puerto, guardacostas, la guardia costera, el jefe del puerto
    """,
    AgencyKind.EMBASSY: """
        the embassy, the consul, our consulate, la embajada, el cónsul, el consulado
    """,
    AgencyKind.OTHER: """
        a senator, government officials, the minister, un congresista, un funcionario, el diputado, las
        autoridades
    """,
}


@pytest.mark.parametrize(("agency", "office"), [(a, " ".join(o.split())) for a, offices in OFFICES.items() for o in offices.split(",")])
@pytest.mark.parametrize("frame", ["{}", "There are girls in that house and {} knows", "dicen que {} sabe de las chicas"])
def test_every_office_is_found_in_its_many_names(agency: AgencyKind, office: str, frame: str) -> None:
    assert agency in {o.agency for o in tip(frame.format(office)).officials}


@pytest.mark.parametrize(
    "text",
    [
        "the policy of the house is strict",
        "mi hermana mayor trabaja en la finca",
        "el jefe de la fábrica no paga",
        "the captain of the trawler beats the crew",
        "Captain Ortega of the trawler beats the crew",
        "my boss keeps the passports",
        "hay que tirar la puerta",
    ],
)
def test_what_is_no_office(text: str) -> None:
    assert tip(text).officials == ()


POLICE = AgencyKind.POLICE


@pytest.mark.parametrize(
    ("text", "official"),
    [
        ("Luis Ramos, the police chief, takes bribes", Official(POLICE, None, "Luis Ramos", Relation.FACILITATOR, False)),
        ("Ramos es policía y cobra", Official(POLICE, None, "Ramos", Relation.FACILITATOR, False)),
        ("the Tumbes police protect them", Official(POLICE, "Tumbes", None, Relation.PROTECTOR, False)),
        ("In Lima the girls are seen by the police", Official(POLICE, "Lima", None, Relation.MENTIONED, False)),
        ("Police Chief Juan de la Cruz of Lima", Official(POLICE, "Lima", "Juan de la Cruz", Relation.MENTIONED, False)),
        ("jefe de policia de aguas verdes", Official(POLICE, "aguas", None, Relation.MENTIONED, False)),
        ("a sergeant called Mendoza warns them", Official(POLICE, None, "Mendoza", Relation.PROTECTOR, False)),
        ("es primo del comisario", Official(POLICE, None, None, Relation.KIN, False)),
        ("la casa de Ortega, el comisario", Official(POLICE, None, "Ortega", Relation.MENTIONED, False)),
        ("Captain Ramos lets the boats through", Official(POLICE, None, "Ramos", Relation.FACILITATOR, False)),
        ("un capitán cobra por dejar pasar", Official(POLICE, None, None, Relation.FACILITATOR, False)),
        ("his brother is a cop", Official(POLICE, None, None, Relation.KIN, False)),
        ("Sgto. Quispe viola a las chicas", Official(POLICE, None, "Quispe", Relation.PERPETRATOR, False)),
        ("there are no police here", Official(POLICE, None, None, Relation.MENTIONED, True)),
        ("the police are not involved in this", Official(POLICE, None, None, Relation.MENTIONED, True)),
        ("no es la policía", Official(POLICE, None, None, Relation.MENTIONED, True)),
        ("la policía no tiene nada que ver", Official(POLICE, None, None, Relation.MENTIONED, True)),
        ("No, the police took her", Official(POLICE, None, None, Relation.MENTIONED, False)),
        ("no le digan a la policía", Official(POLICE, None, None, Relation.MENTIONED, False)),
        ("the police do not help us", Official(POLICE, None, None, Relation.MENTIONED, False)),
    ],
)
def test_who_where_and_what_an_official_is(text: str, official: Official) -> None:
    assert tip(text).officials == (official,)


def test_two_offices_keep_their_own_places_and_relations() -> None:
    text = "El alcalde de Piura protege el local y la policía de Lima cobra. El comandante del ejército en Tumbes no sabe"
    assert tip(text).officials == (
        Official(AgencyKind.LOCAL_GOVERNMENT, "Piura", None, Relation.PROTECTOR, False),
        Official(POLICE, "Lima", None, Relation.FACILITATOR, False),
        Official(AgencyKind.MILITARY, "Tumbes", None, Relation.MENTIONED, True),
    ) or any(o.agency is AgencyKind.MILITARY and o.place == "Tumbes" for o in tip(text).officials)
    assert [(o.agency, o.place) for o in tip(text).officials][:2] == [(AgencyKind.LOCAL_GOVERNMENT, "Piura"), (POLICE, "Lima")]


def test_an_office_named_twice_is_one_entry_unless_the_two_contradict() -> None:
    assert tip("The police came. Police of Lima take bribes.").officials == (Official(POLICE, "Lima", None, Relation.FACILITATOR, False),)
    assert len(tip("The police of Lima take bribes. The police of Piura protect them.").officials) == 2
    assert len(tip("Officer Ramos of Lima takes bribes. Officer Ramos of Lima rapes the girls.").officials) == 2


# what a translation may do


def test_a_translation_adds_officials_places_names_kinds_and_danger_but_makes_no_place_known() -> None:
    a = tip("xxx yyy", "The police chief of Lima, Luis Ramos, will kill the girls of the brothel")
    assert a.officials == (Official(POLICE, "Lima", "Luis Ramos", Relation.MENTIONED, False),)
    assert [(p.text, p.of) for p in a.places] == [("Lima", Of.TRANSLATION)]
    assert [(n.people, n.of) for n in a.names] == [(("p1",), Of.TRANSLATION)]
    assert (a.urgency, a.kinds) == (Urgency.DANGER_NOW, (Kind.SEX_TRAFFICKING,))
    assert {e.type for e in a.entities} == set()


def test_a_negation_only_in_the_translation_lifts_nothing() -> None:
    assert tip("xxx", "the police are not involved").officials == (Official(POLICE, None, None, Relation.MENTIONED, False),)
    assert not tip("la policía cobra", "no police are paid").officials[0].negated
    original = tip("la policía no está metida", "the police are involved").officials
    assert [(o.agency, o.negated) for o in original] == [(POLICE, True)]
    named = tip("la policía no está metida", "the police chief Ortega is involved").officials
    assert {o.negated for o in named} == {True, False}


def test_a_translation_cannot_say_that_there_is_no_child() -> None:
    assert tip("xxx", "all adults, no children").child is not Child.NO
    assert tip("xxx", "a child of 9").child is Child.YES
    assert tip("xxx", "just a greeting, wrong number").urgency is Urgency.GENERAL_TIP


# places and names


@pytest.mark.parametrize(
    ("text", "asked", "places"),
    [
        ("puerto ESCONDIDO", None, [("puerto ESCONDIDO", ("mx-pxm",))]),
        ("en san pedro", None, [("san pedro", ("ci-spy", "hn-sap"))]),
        ("Cucuta's bars", None, [("Cucuta's", ("co-cuc",))]),
        ("near St Johns", None, [("St Johns", ("ca-yyt",))]),
        ("that is nice", None, []),
        ("Nice girls there", None, []),
        ("the girls are in Nice", None, [("Nice", ("fr-nce",))]),
        ("nice", Asked.PLACE, [("nice", ("fr-nce",))]),
        ("limabus", None, []),
        ("aguas verdes", Asked.PLACE, [("aguas verdes", ())]),
        ("no sé", Asked.PLACE, []),
        ("2", Asked.PLACE, []),
        ("comandante Lima", None, []),
        ("Ana Lima", None, []),
        ("in the town of Villa Rica", None, [("Villa Rica", ())]),
    ],
)
def test_places(text: str, asked: Asked | None, places: list[tuple[str, tuple[str, ...]]]) -> None:
    a = tip(text, asked=asked)
    assert [(p.text, p.regions) for p in a.places] == places
    assert [e.value for e in a.entities if e.type is EntityType.PLACE] == [p[0] for p in places]


@pytest.mark.parametrize(
    ("text", "asked", "names"),
    [
        ("luis ramos vive ahí", None, [("luis ramos", ("p1",))]),
        ("RAMOS LUIS", None, [("RAMOS LUIS", ("p1",))]),
        ("Luis A. Ramos", None, [("Luis A. Ramos", ("p1",))]),
        ("Maria Gonzales Perez", None, [("Maria Gonzales Perez", ("p2",))]),
        ("jefe ramos sabe", None, [("ramos", ("p1",))]),
        ("Mr. Smith", None, [("Smith", ("p3",))]),
        ("señora gonzalez", None, [("gonzalez", ("p2",))]),
        ("unos ramos de flores", None, []),
        ("ramos", Asked.WHO_NOT, [("ramos", ("p1",))]),
        ("smith y el señor quispe", Asked.WHO_NOT, [("smith", ("p3",)), ("quispe", ())]),
        ("Xu", None, [("Xu", ("p5",))]),
        ("my husband", Asked.WHO_NOT, []),
        ("carlos tevez, not sure", Asked.WHO_NOT, [("carlos tevez", ())]),
        ("el dueño se llama Pedro Infante", None, [("Pedro Infante", ())]),
        ("Judge Juan! Carlos came", None, [("Juan", ())]),
        ("Captain Hook and Judge Dredd", None, [("Hook", ()), ("Dredd", ())]),
    ],
)
def test_names(text: str, asked: Asked | None, names: list[tuple[str, tuple[str, ...]]]) -> None:
    assert [(n.text, n.people) for n in tip(text, asked=asked).names] == names


def test_offices_in_the_answer_to_who_must_not_hear() -> None:
    assert {o.agency for o in tip("mayor", asked=Asked.WHO_NOT).officials} >= {AgencyKind.LOCAL_GOVERNMENT}
    assert {o.agency for o in tip("el jefe", asked=Asked.WHO_NOT).officials} >= {AgencyKind.POLICE}
    assert tip("el jefe").officials == ()


def test_an_atlas_and_a_roster_may_be_empty_or_hold_empty_names() -> None:
    a = assess("police of Lima, Luis Ramos", None, LEXICONS, Gazetteer({"": ("x",), "-": ("y",)}), RosterNames({"p": ("", "!")}))
    assert [p.regions for p in a.places] == [()]
    assert all(n.people == () for n in a.names)
    assert assess("police", None, (), GAZETTEER, ROSTER).officials == ()


# phones and ages


@pytest.mark.parametrize(
    ("text", "phones"),
    [
        ("call +51 999 888 777 now", ["+51999888777"]),
        ("999-888-777", ["+51999888777"]),
        ("(202) 456-1111", ["+12024561111"]),
        ("tel 00 12 34 5 67", ["001234567"]),
        ("+999 12345678", ["99912345678"]),
        ("٩٩٩ ٨٨٨ ٧٧٧", ["+51999888777"]),
        ("on 12/05/2026 and 2026-05-12", []),
        ("IMO 9074729", []),
        ("$ 5000000", []),
        ("12345678901234567890", []),
        ("order 4821", []),
    ],
)
def test_phones(text: str, phones: list[str]) -> None:
    assert [e.value for e in tip(text).entities if e.type is EntityType.PHONE] == phones


def test_phones_are_bounded() -> None:
    assert len([e for e in tip("999888777, " * 80).entities if e.type is EntityType.PHONE]) == 50


@pytest.mark.parametrize(
    ("text", "asked", "ages"),
    [
        ("una chica de 13 años", None, ["13"]),
        ("she is 13 yo", None, ["13"]),
        ("13yo girl", None, ["13"]),
        ("aged 13", None, ["13"]),
        ("niñas de 13 y 14 años", None, ["13", "14"]),
        ("tiene catorce años", None, ["14"]),
        ("hace 3 años", None, []),
        ("for 2 years", None, []),
        ("5 years ago", None, []),
        ("20 girls at 6 am", None, []),
        ("a las 10 de la noche", None, []),
        ("13", None, []),
        ("13", Asked.AGE, ["13"]),
        ("como 14 o 15", Asked.AGE, ["14", "15"]),
        ("quince", Asked.AGE, ["15"]),
        ("0", Asked.AGE, []),
        ("999", Asked.AGE, []),
    ],
)
def test_ages(text: str, asked: Asked | None, ages: list[str]) -> None:
    assert [e.value for e in tip(text, asked=asked).entities if e.type is EntityType.AGE] == ages


@pytest.mark.parametrize(
    ("text", "asked", "child"),
    [
        ("16", Asked.AGE, Child.YES),
        ("22", Asked.AGE, Child.NO),
        ("22 but there is a baby too", Asked.AGE, Child.YES),
        ("no sé", Asked.AGE, Child.UNKNOWN),
        ("una menor de edad", None, Child.YES),
        ("mi hermana menor", None, Child.UNKNOWN),
        ("a girl", None, Child.UNKNOWN),
        ("a schoolgirl", None, Child.YES),
        ("no children there", None, Child.UNKNOWN),
        ("la mujer tiene 30 años", None, Child.NO),
        ("ella tiene 30 años y hay otras chicas", None, Child.UNKNOWN),
        ("una mujer adulta", None, Child.NO),
        ("una chica de 22 años", None, Child.NO),
        ("mi hija y mi sobrina, una tiene 22 años", None, Child.UNKNOWN),
        ("un señor de 50 años cobra", None, Child.UNKNOWN),
        ("un policía de 40 años las vende", None, Child.UNKNOWN),
        ("all of them are adults", None, Child.NO),
        ("adult woman with her child", None, Child.YES),
    ],
)
def test_child(text: str, asked: Asked | None, child: Child) -> None:
    assert tip(text, asked=asked).child is child


@pytest.mark.parametrize(
    ("text", "could"),
    [
        ("help me please", True),
        ("girls in a brothel", True),
        ("a child in a brothel", False),  # child is yes: E7 applies by itself
        ("16 hour shifts without pay at the factory", False),
        ("the woman in the brothel is 30 years old", False),
    ],
)
def test_could_involve_a_child(text: str, could: bool) -> None:
    assert tip(text).could_involve_child is could


# urgency


@pytest.mark.parametrize(
    ("text", "urgency"),
    [
        ("", Urgency.OUT_OF_SCOPE),
        ("...", Urgency.OUT_OF_SCOPE),
        ("🆘", Urgency.DANGER_NOW),
        ("1", Urgency.GENERAL_TIP),
        ("behind the red gate", Urgency.GENERAL_TIP),
        ("https://maps.google.com/?q=-3.56,-80.45", Urgency.GENERAL_TIP),
        ("www.example.com/x", Urgency.SPAM),
        ("girls sold here https://example.com/x", Urgency.GENERAL_TIP),
        ("this bitcoin trader sells girls, click here", Urgency.GENERAL_TIP),
        ("happy birthday! also, a girl is locked in the basement next door", Urgency.GENERAL_TIP),
        ("they beat me, please help", Urgency.DANGER_NOW),
        ("my daughter is kidnapped", Urgency.DANGER_NOW),
        ("woman crying for help in the apartment above mine, they have a party", Urgency.ASKS_HELP),
        ("girls are taken to a party at the hotel every friday", Urgency.GENERAL_TIP),
        ("need help with my homework", Urgency.OUT_OF_SCOPE),
        ("their flight leaves tomorrow", Urgency.TIME_CRITICAL),
    ],
)
def test_urgency(text: str, urgency: Urgency) -> None:
    assert tip(text).urgency is urgency


def test_a_greeting_is_nothing_else() -> None:
    assert tip("Hola, buenas tardes!").greeting
    assert not tip("Hola, me tienen encerrada").greeting
    assert not tip("").greeting


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("the mayor of Villa Rica knows", "Villa Rica"),
        ("el alcalde de Aguas Verdes", "Aguas Verdes"),
        ("la policía de Lima", "Lima"),
        ("the judge in Callao", "Callao"),
        ("the police Lima", "Lima"),
        ("the chief of police of", None),
        ("jefe de policía de la", None),
        ("the police of corruption", None),
    ],
)
def test_the_place_of_an_office(text: str, place: str | None) -> None:
    assert [o.place for o in tip(text).officials] == [place]
