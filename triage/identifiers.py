"""What makes two tips one matter: phones, plates, vessels and accounts, each in one way to write it.

Careful on purpose: a link that is missed costs one more draw, and a false one lets strangers' cases share their readers. A common word,
a price, a date, an order number or a hotline links nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

import phonenumbers
from phonenumbers import PhoneNumberType

from triage.plain import Plain, plain
from triage.plain import words as _words
from triage.tip import Entity, EntityType

_PHONE_KEY = 9
"""Last digits of a number that are the same with and without country code and trunk zero."""
_SURE = 9
"""A bare number of fewer digits is a phone only where the words say so."""
_LEAST = 7
_BACK, _AFTER = 40, 16
_OF_PHONES = re.compile(
    r"\b(?:tel\w*|fono|cel\w*|movil\w*|phones?|mobile|cell|numeros?|number|num|nro|whats\w*|wasap|wsp|wpp|wa|llam\w*|call\w*|sms|text|escrib\w*"
    r"|contact\w*|viber|signal|telegram|imo|yape|plin|m-?pesa|gcash|nequi|daviplata|hotline|linea)\b|โทร|电话|微信|هاتف|телефон"
)
_NO_PHONE = re.compile(
    r"(?:order|orden|pedido|ticket|caso|case|factura|invoice|ref\w*|codigo|code|dni|ruc|rut|cedula|expediente|visa|usd|eur|pen|soles|pesos"
    r"|cuenta|cta|cte|ahorros?|corriente|account|acct|cci|banco|bank|bcp|bbva|interbank|scotiabank"
    r"|s/\.?|[$€£¥₱฿₫])[ :#.]*(?:no\.?|nr\.?|n°|numero|number)?[ :#.]*$"
)
_UNITS = re.compile(
    r" ?(?:usd|eur|[$€£¥₱฿₫]|soles|pesos|dolares|dollars|euros|baht|rupia|rupees|dong|anos?\b|years?\b|yrs?\b|km\b|kg\b|horas?\b"
    r"|hours?\b)"
)
_DATES = re.compile(r"(?:\d{1,2}[./-]\d{1,2}[./-](?:19|20)?\d\d|(?:19|20)\d\d[./-]\d{1,2}[./-]\d{1,2})(?!\d)")
_BANK = re.compile(r"(?<!\d)\d{7,}-\d{1,2}(?!\d)")
"""Bank accounts end so: 191-12345678-0-12."""
_DEGREES = re.compile(r"\d{1,3}\.\d{4,}")
_COUNTED = "01234567890123456789"
_FREE = frozenset(
    {PhoneNumberType.TOLL_FREE, PhoneNumberType.PREMIUM_RATE, PhoneNumberType.SHARED_COST, PhoneNumberType.UAN, PhoneNumberType.VOICEMAIL}
)

_CARS = (
    r"cars?|vans?|trucks?|lorry|bus(?:es)?|minibus|minivan|taxis?|cab|pick-?up|jeeps?|suv|motorcycles?|motorbikes?|vehicles?|trailer|jeepney"
    r"|tricycle|carros?|autos?|coches?|camionetas?|camion(?:es)?|furgon\w*|combis?|kombi|motos?|mototaxis?|vehiculos?|automovil\w*|volquete"
    r"|veiculos?|onibus|caminhao|voitures?|vehicules?|mobil|motor"
)
_PLATES = (
    r"(?:license|licence|number)? ?plates?|placas?|matriculas?|patentes?|chapas?|rego|registration|registracion|registro|plaques?"
    r"|immatriculation|targa|kennzeichen|plaka|nopol|bien so|госномер|ทะเบียน|车牌|لوحة"
)
_SHIPS = (
    r"boats?|ships?|vessels?|trawlers?|ferry|yacht|tanker|freighter|longliner|mv|fv|m/v|f/v|m/t|s/s|b/p|e/p|l/p|b/m|m/n|l/m|motor vessel"
    r"|barcos?|lanchas?|buques?|botes?|embarcacion|nave|pesqueros?|navio|velero|yate|bolichera|embarcacao|bateau|navire|chalutier|barko|bangka"
    r"|kapal|tau"
)
_PLATE_WORD = re.compile(rf"(?<!\w)(?:{_PLATES})(?!\w)|ทะเบียน|车牌")
_CAR_WORD = re.compile(rf"(?<!\w)(?:{_CARS})(?!\w)")
_SHIP_WORD = re.compile(rf"(?<![\w/])(?:{_SHIPS})(?![\w/])")
_JOIN = r"[ .\-·]{0,2}"
_LETTERS = r"[^\W\d_]"
_TOLD_PLATE = re.compile(
    rf"(?<![\w-])(?:{_LETTERS}{{1,3}}{_JOIN}\d{{1,5}}(?:{_JOIN}{_LETTERS}{{1,3}}(?:{_JOIN}\d{{1,4}})?|-\d{{1,3}})?"
    rf"|\d{{1,4}}{_JOIN}{_LETTERS}{{1,3}}(?:{_JOIN}\d{{1,5}}(?:\.\d\d)?)?)(?![\w])"
)
"""After a word for plates: letters and digits by turns, in two to four groups."""
_NATIONAL = re.compile(
    r"(?<![\w/.@#-])(?:[a-z]{3}[ -]?\d{3,4}(?:-?[a-z]{1,2})?|[a-z]{3}-\d\d-\d\d|[a-z]{3}\d[a-z]\d\d|[a-z]\d[a-z]-?\d{3}|\d{4}[ -]?[a-z]{3}"
    r"|[a-z]{2}[ -]?\d{3}[ -]?[a-z]{2}|[a-z]{2}\d\d ?[a-z]{3}|[a-z]{2}[ -]\d\d[ -][a-z]{1,2}[ -]\d{4})(?![\w/@-])"
)
"""Of countries where many people drive: ABC-123, ABC-1234, ABC-12-34, ABC1D23, A1B-234, 1234-BCD, AB-123-CD, AB12 CDE, MH 12 AB 1234."""
_NO_LETTERS = _words(
    "de la el es no nro num is the my of del con son y a en se lo los las un una su mi por que and to in at for was has her his our "
    "you all usd eur pen mxn cop brl php thb khr vnd myr sgd hkd cny gbp imo dni ruc rut nit iso gps usb cod ref art ley res tel cel "
    "km kg cm mm bmw kia gmc byd jac man daf faw ram cbr ybr xtz klr txr ttr nkd bws gsx drz ktm klx ak mat apt dpt int ext pag cap "
    "sec age dia hay hoy am pm hrs hs min mil st nd rd th jan feb mar apr may jun jul aug sep oct nov dec ene abr ago dic fri mon tue "
    "wed thu sat sun vol lot room hab uno dos tres six ten she he we us it if or so do did had who let got per via ano yr yrs nos les "
    "ser soy fue era van ven ver dar mas sin ni si tu te me yo ya ha hace cada solo casi unos unas este esta"
)
_SMALL_WORD = re.compile(rf"\d( +{_LETTERS}{{1,3}})$")
_FIRST_LETTERS = re.compile(rf"{_LETTERS}+")
_APART = re.compile(rf"(?<= ){_LETTERS}+(?!\w)")
_MAYBE_YEAR = re.compile(r"(?:19|20)\d\d$")
_BARE = re.compile(r"[A-Z]{3}\d+|\d+[A-Z]{3}")
"""Joined: an abbreviation and a number look like that, too ("PNP-105", "DOC-1234")."""
_THIS_YEAR = re.compile(r"[A-Z]+20[23]\d|20[23]\d[A-Z]+")
"""Joined: "ODS-2030", "2024-ABC"."""
_ALIKE = str.maketrans("OIАВЕКМНОРСТУХІ", "01ABEKMH0PCTYX1")
"""Letters that look like a digit, and Cyrillic ones that look like Latin."""

_IMO = re.compile(r"\bimo\b\D{0,12}(\d{7})(?!\d)")
_MMSI = re.compile(r"\bmmsi\b\D{0,12}([2-7]\d{8})(?!\d)")
_FISHING = re.compile(r"(?<![\w-])[a-z]{2}-\d{4,6}-[a-z]{2}(?![\w-])")
_MOST = 50
TOO_MANY = 12
"""Who writes more than so many pastes a list: it is no matter, and must not tie what it names together."""


def plates(text: Plain) -> Iterator[Entity]:
    """Licence plates, and what stands on a boat in their place."""
    told = [match.span() for match in _PLATE_WORD.finditer(text.text)]
    cars = [match.end() for match in _CAR_WORD.finditer(text.text)]
    ships = [match.end() for match in _SHIP_WORD.finditer(text.text)]
    words = [*cars, *ships, *(end for _, end in told)]
    taken = -1
    found = [(*span, True) for word in told for span in _told(text, *word)]
    for shape in (_FISHING, _NATIONAL):
        found += [(*match.span(), shape is _FISHING) for match in shape.finditer(text.text) if not _usual(match[0])]
    for start, end, sure in sorted(found, key=lambda one: (one[0], not one[2]))[:_MOST]:
        near = _near(cars, start)
        if start < taken or not _is_plate(text, start, end, sure=sure, near=_near(words, start) >= 0):
            continue
        taken = end
        afloat = bool(_FISHING.fullmatch(text.text, start, end)) or _near(ships, start) > near
        value = _joined(text.text[start:end])
        yield Entity(EntityType.VESSEL if afloat else EntityType.PLATE, f"reg:{value}" if afloat else value, *text.span(start, end))


def _told(text: Plain, word: int, at: int) -> Iterator[tuple[int, int]]:
    """The first that fits soon after text[word:at], a word for it ("placa del auto es ABC-123"), without the small word behind it ("abc 123
    de color"). In capitals a plate may well begin like a word that everybody uses ("placa MAS-123"); where all is in capitals, it must
    not stand apart from its number ("PLACA DEL 2019")."""
    for match in _TOLD_PLATE.finditer(text.text, at, min(len(text.text), at + _BACK)):
        start, end = match.span()
        behind = _SMALL_WORD.search(match.group())
        if behind is not None and (behind[1].strip() in _NO_LETTERS or not text.capitals(start + behind.start(1), end)):
            end = start + behind.start() + 1
        written = text.text[start:end]
        has_letters = _FIRST_LETTERS.search(written) is not None
        stressed = has_letters and text.capitals(start, end) and (" " not in written or not text.capitals(word, at))
        if stressed or not (_usual(written) or (" " in written and _MAYBE_YEAR.search(written))):
            yield start, end
            return


def _near(ends: Sequence[int], start: int) -> int:
    """The end of the last of these words before it, if it is near; or -1."""
    return max((end for end in ends if start - _BACK <= end <= start), default=-1)


def _usual(written: str) -> bool:
    """A word that everybody uses and a number, or a number alone: "de 123", "usd-500"."""
    first = _FIRST_LETTERS.search(written)
    return first is None or not _NO_LETTERS.isdisjoint([first[0], *_APART.findall(written)])


def _is_plate(text: Plain, start: int, end: int, *, sure: bool, near: bool) -> bool:
    written = text.text[start:end]
    held = _joined(written)
    if not 4 <= len(held) <= 10:
        return False
    if sure:
        return True
    if _THIS_YEAR.fullmatch(held) or (_BARE.fullmatch(held) and not near):
        return False
    if " " in written:  # "LAN 2456" and "hasta 2019" are words and a number
        return near and text.capitals(start, end) and not _MAYBE_YEAR.search(written)
    return text.capitals(start, end) or (near and "-" in written)


def _joined(written: str) -> str:
    return "".join(c for c in written if c.isalnum()).upper()


def numbered_vessels(text: Plain) -> Iterator[Entity]:
    for match in _IMO.finditer(text.text):
        digits = [int(c) for c in match[1]]
        if sum(n * weight for n, weight in zip(digits, range(7, 1, -1), strict=False)) % 10 == digits[6]:
            yield Entity(EntityType.VESSEL, f"imo:{match[1]}", *text.span(*match.span(1)))
    for match in _MMSI.finditer(text.text):
        yield Entity(EntityType.VESSEL, f"mmsi:{match[1]}", *text.span(*match.span(1)))


def ship_words(text: Plain) -> Iterator[tuple[int, int]]:
    """[start, end) in the original of every word for a boat."""
    for match in _SHIP_WORD.finditer(text.text):
        yield text.span(*match.span())


def identifiers(text: Plain, found: Iterable[Entity]) -> tuple[str, ...]:
    """One key for each, sorted; a phone may have two. Nothing for more than `TOO_MANY`."""
    keys: set[str] = set()
    for entity in found:
        if entity.type is EntityType.PHONE and _is_phone(text, entity):
            keys |= phone_keys(entity.value)
        elif entity.type is EntityType.PLATE:
            keys.add(f"plate:{entity.value.translate(_ALIKE)}")
        elif entity.type is EntityType.VESSEL:
            kind, _, value = entity.value.partition(":")
            keys.add(f"vessel:{kind}:{value.translate(_ALIKE)}")
        elif entity.type is EntityType.ACCOUNT:
            keys.add(account_key(entity.value))
    return tuple(sorted(keys)) if len(keys) <= TOO_MANY else ()


def account_key(value: str) -> str:
    """A handle is one person's on every network, as far as anybody knows who writes it without one."""
    network, _, handle = value.partition(":")
    return f"account:{value}" if network in ("email", "iban") else f"account:{handle}"


def phone_keys(written: str) -> frozenset[str]:
    """Of a number with or without +, country code or trunk zero: its last digits, and those of its national part. None for one that is
    everybody's: a hotline, a made-up row of digits."""
    digits = "".join(c for c in written if c.isdigit()).lstrip("0")
    if _made_up(digits):
        return frozenset()
    keys = {f"phone:{digits[-_PHONE_KEY:]}"}
    try:
        parsed = phonenumbers.parse(f"+{digits}")
    except phonenumbers.NumberParseException:
        return frozenset(keys)
    if phonenumbers.is_valid_number(parsed):
        if phonenumbers.number_type(parsed) in _FREE or _made_up(str(parsed.national_number)):
            return frozenset()
        keys.add(f"phone:{str(parsed.national_number)[-_PHONE_KEY:]}")
    return frozenset(keys)


def _made_up(digits: str) -> bool:
    return len(digits) < _LEAST or len(set(digits)) < 3 or digits in _COUNTED or digits in _COUNTED[::-1]


def _is_phone(text: Plain, entity: Entity) -> bool:
    written = plain(text.original[entity.start : entity.end]).text
    before = plain(text.original[max(0, entity.start - _BACK) : entity.start]).text
    after = plain(text.original[entity.end : entity.end + _AFTER]).text
    groups = re.findall(r"\d+", written)
    if entity.value.startswith("+") and written.startswith("+"):
        return True
    years = all(len(group) == 4 and group[:2] in ("19", "20") for group in groups)
    ages = len(groups) > 2 and all(len(group) == 2 for group in groups) and groups == sorted(groups)
    other = _DATES.match(written) or _DEGREES.match(written) or _BANK.search(written)
    if years or ages or other or _UNITS.match(after) or _NO_PHONE.search(before):
        return False
    return len("".join(groups).lstrip("0")) >= _SURE or bool(_OF_PHONES.search(before))
