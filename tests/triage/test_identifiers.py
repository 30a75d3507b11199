"""What makes two tips one matter is found however it is written, and a common word, a price or a date is none."""

from __future__ import annotations

import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.triage.line import tip
from triage.identifiers import TOO_MANY, phone_keys
from triage.tip import EntityType

OURS = (EntityType.PHONE, EntityType.PLATE, EntityType.VESSEL, EntityType.ACCOUNT)


def found(text: str) -> list[tuple[str, str, str]]:
    return [(e.type.value, e.value, text[e.start : e.end]) for e in tip(text).entities if e.type in OURS]


SAME = {
    "phone": (
        "+51 999 888 777", "llamen al 999888777", "0051 999-888-777", "51999888777", "０５１９９９８８８７７７", "٩٩٩٨٨٨٧٧٧ es su celular",
        "९९९ ८८८ ७७७", "9 9 9 8 8 8 7 7 7", "9.9.9.8.8.8.7.7.7", "999\u200b888\u200b777", "wa.me/51999888777", "(51) 999*888*777",
        "Yape 999 888 777", "＋51 999 888 777",
    ),
    "phone of eight digits": ("+504 9988 7765", "llame 99887765", "504 99887765", "00504-9988-7765"),
    "phone with a trunk zero": ("+63 917 555 1234", "0917-555-1234", "0 9 1 7 5 5 5 1 2 3 4"),
    "plate": (
        "placa ABC-123", "la placa es abc 123 de color rojo", "Placa: ABC 123.", "un carro ABC123", "PLACA ABC·123", "placa ABC-１２３",
        "una camioneta blanca, ABC-123", "placa АВС123", "plate number ABC 123", "matrícula del auto: abc-123", "bus ABC 123 va al norte",
        "LA PLACA ES ABC 123 DE COLOR ROJO", "Placa: ABC 123 EN LIMA",
    ),
    "plate of four groups": ("number plate MH 12 AB 1234", "registration mh-12-ab-1234", "MH-12-AB-1234"),
    "plate that begins like a word": ("placa MAS-123", "Placa: MAS 123", "LA PLACA ES MAS-123", "license plate MAS 123"),
    "plate that begins with a small letter's word": ("placa A1B-234", "auto de placa A1B234", "vi el carro A1B-234 y la placa es A1B 234"),
    "second plate": ("placas KKK-111 y ZZC-222", "placa ZZC-222"),
    "plate that ends in a letter": ("plate KAA 123A", "plate kaa123a", "KAA123A"),
    "plate in another script": ("ทะเบียน 1กก 1234", "placa 1กก-1234"),
    "boat": (
        "el barco Estrella del Mar salió", "MV Estrella del Mar", 'la lancha se llama "estrella del mar"', "F/V Estrella del Mar ya zarpó",
        "a boat called Estrella Del Mar, white", "barco «Estrella  del Mar»", "embarcación de nombre Estrella del Mar",
    ),
    "boat with a number": ("the trawler Lu Rong Yuan Yu 899", "barco chino Lu Rong Yuan Yu 899"),
    "boat of a place": ("la lancha Rosalinda de la costa", "barco Rosalinda"),
    "IMO": ("IMO 9074729", "imo number: 9074729", "el IMO es ９０７４７２９"),
    "MMSI": ("MMSI 412345678", "mmsi no. 412345678"),
    "boat's registration": ("matrícula CO-12345-PM", "co-12345-pm", "la lancha tiene matrícula CO12345-PM"),
    "handle": (
        "@ana_99", "https://www.instagram.com/ana_99/?hl=es", "ig: Ana_99", "instagram id ana_99", "t.me/ana_99", "tiktok.com/@ana_99",
        "facebook.com/ana_99?ref=1", "＠ana_99", "instagram . com/ana_99", "telegram @ana_99.", "busquen fb: @ana_99, por favor",
    ),
    "profile by number": ("https://m.facebook.com/profile.php?id=100012345678", "fb.com/people/Ana-P/100012345678"),
    "e-mail": ("Ana.Perez+x@Gmail.com", "anaperez (at) gmail (dot) com", "ana.perez arroba gmail punto com", "ana.perez@googlemail.com."),
    "bank account": ("ES91 2100 0418 4502 0005 1332 es su cuenta", "IBAN: es9121000418450200051332", "ES91-2100-0418-4502-0005-1332"),
}  # fmt: skip


@pytest.mark.parametrize("name", SAME)
def test_however_it_is_written_it_is_the_same(name: str) -> None:
    keys = {text: tip(text).identifiers for text in SAME[name]}
    assert all(keys.values()), keys
    first = set(next(iter(keys.values())))
    assert all(first & set(others) for others in keys.values()), keys


def test_no_two_of_these_are_the_same() -> None:
    keys = [set(tip(texts[0]).identifiers) for texts in SAME.values()]
    assert len(set().union(*keys)) == sum(map(len, keys))


NOTHING = (
    "Toyota Hilux 2019, piden 300 soles", "una moto YBR125 y un BMW 320", "COVID-19, LAN 2456, AK-47, ISO-9001, F-150, USD-500",
    "LLEVAN A LAS CHICAS EN LA VAN 2019 SON 1500", "placa 123", "no tenía placa, eran los 300", "el barco de Juan Pérez", "un barco Grande",
    "boat Captain Lee", "buque chino en Callao", "la lancha Lima", "IMO 9074728", "mmsi 912345678", "cuesta 1500000 soles",
    "pedido 123456789", "mi DNI es 45678912", "chicas de 13 14 15 16 17 años", "el 22/11/2026 14 horas", "2019 2020 2021",
    "desde 2026-11-22 18", "call 1-800-373-7888", "+1 800 373 7888", "numero 999999999", "tel 123456789", "marque 911 o 105 o 1818",
    "12.0464 -77.0428 está la casa", "45678912", "@everyone @gmail ayuda", "telegram: hola", "facebook.com/share/abc",
    "instagram.com/p/CxYz", "GB82WEST12345698765433", "escriban a casa", "juan@localhost", "juan@10.22", "S/. 1 500 000 al mes",
    "la van 300 veces", "Order no 20261122001", "mas de 2000000000 usd", "Llamé a la PNP-105 y no vino nadie", "Avisé al CEM-100",
    "objetivo ODS-2030 del gobierno", "vuelo LAN-2456 a Lima", "LEY-2895", "el hotel RIO-500", "el bar VIP-200", "archivo DOC-1234",
    "el carro de la ONG-2024", "un taxi, COVID, SARS-2019, IMG-2023", "1234-ABC es el código", "cuenta BCP 191-12345678-0-12",
    "deposite a 191-12345678-0-12", "cta. de ahorros 191 12345678 0 12", "LA PLACA DEL 2019 NO SE VE", "PLACA, ERAN LOS 300",
    "la placa no la vi 2024",
)  # fmt: skip


@pytest.mark.parametrize("text", NOTHING)
def test_what_many_tips_have_links_nothing(text: str) -> None:
    assert tip(text).identifiers == ()


def test_the_words_are_those_of_the_source() -> None:
    text = "Placa ABC-123, barco Estrella del Mar, ana (at) mail punto com, IMO 9074729, ES91 2100 0418 4502 0005 1332"
    assert found(text) == [
        ("plate", "ABC123", "ABC-123"),
        ("vessel", "name:estrella del mar", "Estrella del Mar"),
        ("account", "email:ana@mail.com", "ana (at) mail punto com"),
        ("vessel", "imo:9074729", "9074729"),
        ("account", "iban:es9121000418450200051332", "ES91 2100 0418 4502 0005 1332"),
    ]


def test_nothing_is_found_in_a_translation() -> None:
    assert tip("hola", "plate ABC-123, call +51 999 888 777, @ana_99, the boat Blue Star").identifiers == ()


def test_who_pastes_a_list_links_nothing() -> None:
    plates = [f"placa ABC-{n}" for n in range(100, 100 + TOO_MANY + 1)]
    assert len(tip(", ".join(plates[:-1])).identifiers) == TOO_MANY
    assert tip(", ".join(plates)).identifiers == ()


def test_of_a_list_of_boats_the_first_are_found() -> None:
    assert len(found("barco Rosalinda, " * 60)) == 50


def test_a_boats_number_is_not_a_cars() -> None:
    assert found("la lancha tiene matrícula ABC-123") == [("vessel", "reg:ABC123", "ABC-123")]
    assert found("vino en lancha, luego en un carro de placa ABC-123") == [("plate", "ABC123", "ABC-123")]


def test_keys_of_a_phone_are_at_most_two_and_none_of_one_that_is_made_up() -> None:
    assert phone_keys("+51999888777") == {"phone:999888777"}
    assert phone_keys("999888777") == {"phone:999888777"}, "999 is no country"
    assert phone_keys("50499887765") == {"phone:499887765", "phone:99887765"}
    assert phone_keys("+1 888 888 8888") == phone_keys("12345") == phone_keys("") == frozenset()


PIECES = ("placa ", "ABC", "-", "123", " ", "barco ", "Estrella", '"', "@", "ana_99", ".com", "instagram.com/", "IMO ", "9074729", "ES91",
          "é", "９", "(at)", "de ", "\u200d", "\ud800", "ﷺ", "+", "mmsi", "เ", "wa.me/")  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=25).map("".join))
def test_spans_are_exact_whatever_is_put_together(text: str) -> None:
    assessed = tip(text)
    for entity in assessed.entities:
        assert 0 <= entity.start < entity.end <= len(text)
        assert entity.value
    assert list(assessed.identifiers) == sorted(set(assessed.identifiers))


HOSTILE = {
    "plates": "placa ABC-123 ", "words for plates": "placa ", "boats": "barco Estrella del Mar ", "quotes": 'barco "', "at": "a@b.c ",
    "ibans": "ES91 2100 ", "links": "instagram.com/a", "handles": "@a.", "letters": "ab12 ", "dots": "a.a.a.", "at words": "a arroba ",
}  # fmt: skip


@pytest.mark.parametrize("piece", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_text_takes_no_longer_than_half_a_second(piece: str) -> None:
    tip("warm up")
    tracer = sys.gettrace()
    sys.settrace(None)  # measuring coverage is not part of it
    start = time.process_time()
    tip((piece * 10_000)[:10_000])
    taken = time.process_time() - start
    sys.settrace(tracer)
    assert taken < 0.5


@pytest.mark.parametrize("text", ["placa A-1", "placa ABC-12345 A 1234"])
def test_what_is_too_short_or_too_long_for_a_plate_is_none(text: str) -> None:
    assert not [one for one in found(text) if one[0] == EntityType.PLATE]
