"""Reading what a source says to the line itself: a bare digit, a plain yes or no, "stay silent", "not now", and who sees the phone.

In words English and Spanish alone are read. Where two readings fit, the more careful one counts.
"""

from __future__ import annotations

import re
import unicodedata

from handlers.state import Safety
from triage.fold import fold

_DROPPED = "PZCM"
"""Punctuation, spaces, controls and marks: `1.`, ` 1)`, and the keycap emoji are all a one."""
_LONGEST = 32
_READ = 20_000
_YES = frozenset({"y", "yes", "yeah", "yep", "ok", "okay", "s", "si", "sip", "claro", "dale"})
_NO = frozenset({"n", "no", "nope", "not now", "later", "nop", "ahora no", "luego", "despues", "mas tarde"})
_UNREADABLE = "\ufffd"
_QUOTING = ":\"'"

_NUMBERS = {"one": 1, "uno": 1, "two": 2, "dos": 2, "three": 3, "tres": 3, "nine": 9, "nueve": 9, "99": 9}
_OR = frozenset(["or", "and", "o", "u", "y"])
_STOP = frozenset({"stop", "stopall", "unsubscribe", "silence", "silencio", "leave me alone", "dejenme en paz", "dejeme en paz"})
_COURTESY = frozenset(
    [
        "gracias",
        "thanks",
        "thank",
        "you",
        "please",
        "pls",
        "plz",
        "por",
        "favor",
        "porfa",
        "ok",
        "stop",
        "stay",
        "silent",
        "silence",
        "silencio",
        "ya",
        "now",
        "ahora",
        "solo",
        "only",
        "alone",
    ]
)
_SKIPPING = frozenset(["skip", "saltar", "salto", "pass", "paso", "gracias", "thanks", "thank", "you", "please", "por", "favor"])
_ONLY_MINE = frozenset(
    [
        "yes",
        "y",
        "si",
        "s",
        "mio",
        "mia",
        "mine",
        "only",
        "just",
        "solo",
        "sola",
        "own",
        "propio",
        "es",
        "is",
        "its",
        "it",
        "my",
        "mi",
        "me",
        "yo",
        "i",
        "use",
        "lo",
        "uso",
        "this",
        "este",
        "telefono",
        "phone",
        "celular",
        "cel",
        "cell",
        "mobile",
        "personal",
        "gracias",
        "thanks",
        "thank",
        "you",
        "please",
        "por",
        "favor",
        "ok",
    ]
)


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns))


_START = r"(?:^|\| |\b(?:please|pls|plz|so|but|and|now|sorry|phone|just) )"
_START_ES = r"(?:^|\| |\b(?:favor|porfa|ya|pero|y|mejor|gracias|ahora) )"
_TO_US = (
    r"(?= (?:\||me|us|back|again|any ?more|here|now|to (?:me|us|this|my)|this (?:phone|number|chat|message|text)|this \||please"
    r"|pls|he|she|they|because|bc|cause|cuz|im|i|its|it is|my (?:phone|number|cell|boss|husband))\b|$| \|)"
)
_TO_US_ES = (
    r"(?= (?:\||mas|ya|nunca|por|porfa|aqui|aca|a este|a mi (?:numero|telefono|celular|cel|movil)|ahora|el (?!nombre|numero|mensaje|texto)"
    r"|ella|ellos|porque|gracias|esta|estan|viene|vienen|lee|leen|estoy|nada|mi (?:jefe|patron|esposo|marido|novio))|$| \|)"
)
_WRITE_ES = r"(?:escri[bv](?:an|ais|as|a)|contest(?:en|es|e)|respond(?:an|as|a)|texte(?:en|es|e))"
_SEND_ES = r"(?:mand(?:en|es|e)|envi(?:en|es|e)) (?:mas )?(?:mensajes?|sms|textos?|nada)"
_SILENCE = _any(
    _START + r"(?:dont|do not|never)(?: ever| even)? (?:reply|answer|respond|text|txt|write|message|msg|contact)" + _TO_US,
    _START + r"(?:dont|do not|never) send (?:me )?(?:any )?(?:more )?(?:messages?|texts?|sms|anything)\b",
    _START + r"stop (?:replying|answering|responding|texting|txting|writing|messaging|contacting)" + _TO_US,
    _START + r"(?:stop sending|no more) (?:me )?(?:messages|texts|sms)\b",
    r"(?<!que )\bno (?:me |nos )(?:vuelvan? a |vuelvas a )?(?:" + _WRITE_ES + "|" + _SEND_ES + r"|contacten?|escribir|contestar)\b",
    r"(?<!que )\bno (?:vuelvan? a |vuelvas a )?(?:" + _WRITE_ES + r"|escribir|contestar|responder)" + _TO_US_ES,
    r"(?<!que )\bno (?:" + _WRITE_ES + r")(?:me|nos)\b|(?<!que )\bno " + _SEND_ES + r"\b",
    r"(?:^|(?<=\| )|\b(?:quiero|pido|favor|mejor|necesito) )que (?:ya )?no (?:me |nos )" + _WRITE_ES + r"\b",
    _START_ES + r"(?:dejen?|paren?) de (?:escribir|contestar|responder|mandar|enviar|molestar)(?:me|nos)?\b",
    _START_ES + r"(?:no|basta de|no quiero) (?:mas |recibir |de )*(?:mensajes|sms)\b",
)
_LATER = _any(
    r"^(?:(?:please|pls|sorry|no|2) )*(?:not (?:right )?now|later|maybe later)(?: (?:please|pls|thanks|thank you|sorry|ok))*$",
    r"(?:^|(?<=\| )|\bi |\bwe |\bsorry |\bbut |\band )(?:cant|cannot|can not) (?:talk|text|write|type|speak|chat|reply|answer)"
    r"(?: back)?(?= (?:\||right now|now|rn|atm|at the moment|here|he|she|they|boss|im|because|sorry|please)|$)",
    r"\b(?:not a good|a bad) time\b",
    r"^(?:(?:por favor|perdon|no|2) )*(?:ahora no|ahorita no|luego|despues|mas tarde|en este momento no|todavia no)"
    r"(?: (?:por favor|porfa|gracias))*$",
    r"\bno puedo (?:hablar|escribir|contestar|responder|textear|platicar)(?: mas| mucho)?"
    r"(?= (?:\||ahora|ahorita|aqui|en este momento|por ahora|hoy|el|ella|ellos|esta|estan|viene|porque|perdon|gracias)|$)",
    r"\b(?:ahora|ahorita|en este momento|por ahora) no puedo(?= (?:\||hablar|escribir|contestar|responder|gracias)|$)",
    r"\bno es (?:un )?buen momento\b",
)

_PHONE = r"(?:phone|cell|cellphone|mobile|number|whatsapp)"
_READABLE = r"(?:phone|cell|cellphone|mobile|messages|msgs|texts|sms|whatsapp|chats?)"
_PHONE_ES = r"(?:telefono|tel|cel|celu|celular|movil|fono|numero|whatsapp|wasap)"
_READABLE_ES = r"(?:telefono|tel|cel|celu|celular|movil|fono|mensajes|sms|textos|whatsapp|wasap|chats?)"
_READER = (
    r"(?:he|she|they|who|boss|husband|owner|manager|m[ae]n|people|others|someone|somebody|every(?:one|body)|wife|father|dad|mother|mom|uncle"
    r"|brother|boyfriend|family|madam|pimp|guards?)"
)
_NOT_MINE = _any(
    r"\bno es mi " + _PHONE_ES + r"\b|\b(?:este|el) " + _PHONE_ES + r" no es mi[oa]\b",
    r"\b(?:not|isnt|aint) my (?:own )?" + _PHONE + r"\b|\b" + _PHONE + r" (?:is not|isnt|aint) mine\b",
    r"\b" + _PHONE_ES + r" (?:que )?(?:es |esta )?(?:prestad|ajen)[oa]\b|\beste " + _PHONE_ES + r" es del?\b",
    r"\b" + _PHONE_ES + r" que me prest|\bme prest\w+ (?:el|un|este|su) " + _PHONE_ES + r"\b",
    r"\bborrowed (?:this |a |the |some )?(?:\w+ )?" + _PHONE + r"\b|\b" + _PHONE + r" (?:is |was )?(?:borrowed|lent)\b",
    r"\b(?:this is|its|it is|im on|im using|using) (?:my|a|his|her|their|some)(?: \w+)?"
    r"(?! (?:own|new|old|only|cell|mobile|personal|private|work) ) (?!(?:own|new|old|only|cell|mobile|personal|private|work)\b)\w+ "
    + _PHONE
    + r"\b",
)
_SEEN = _any(
    r"\b" + _READER + r" (?:can |could |may |will |also |always |sometimes |often )*"
    r"(?:reads?|checks?|sees?|looks? (?:at|in|through|into)|go(?:es)? through|watch(?:es)?|monitors?|controls?)"
    r" (?:all )?(?:of )?(?:my|our|this|the) " + _READABLE + r"\b",
    r"\b" + _PHONE + r" (?:is |gets )?(?:shared|checked|monitored|watched|tapped|(?:not|isnt) (?:safe|private|secure))\b",
    r"\b" + _PHONE + r" isnt (?:safe|private|secure)\b|\bshar(?:e|ing) (?:this|the|a|my) " + _PHONE + r"\b",
    r"\b(?:leen?|ven?|revisan?|checan?|chequean?|miran?|vigilan?|controlan?|pueden? (?:leer|ver|revisar))"
    r" (?:todo )?(?:mis?|nuestros?|este) " + _READABLE_ES + r"\b",
    r"\b(?:me|nos) (?:leen?|ven?|revisan?|checan?|chequean?|miran?|vigilan?|controlan?)"
    r" (?:todo )?(?:los?|el|mis?) " + _READABLE_ES + r"\b",
    r"\b" + _PHONE_ES + r" (?:es |esta )?(?:compartido|no es seguro)\b|\bcompart\w+ (?:el|este|mi) " + _PHONE_ES + r"\b",
)
_BORROWED = re.compile(
    r"\bprestad|\bprest[aeo]|\bborrow|\blent\b|\blend|\bajen[oa]\b|\bno es mi[oa]?\b|\b(?:not|isnt) (?:mine|my)\b"
    r"|\bits (?:his|hers|theirs)\b"
    r"|\b(?:its|it is|is|of) (?:my|his|her|a) (?!(?:own|phone|cell|mobile|new|only)\b)\w+"
    r"|(?:\bes |^)del? (?!(?:tod[oa]s|nosotr[oa]s|la familia|la casa|ambos|los dos)\b)\w+"
)
"""In answer to "is this phone only yours?" alone: elsewhere people borrow money, and much "is not mine"."""


def digit(text: str) -> int | None:
    """The digit that is all the text says (`9`, `١`, `１`, `1)`), else None."""
    if len(text) > _LONGEST:
        return None
    kept = [c for c in text if unicodedata.category(c)[0] not in _DROPPED]
    return unicodedata.digit(kept[0], None) if len(kept) == 1 else None


def yes_or_no(text: str) -> int | None:
    """1 or 2 for a plain yes or no, alone or after its digit ("1 yes"), else None. `2 girls` and `9 years` are words, not replies."""
    if len(text) > _LONGEST:
        return None
    words = "".join(c if c.isalnum() else " " for c in fold(text)).split()
    number = words.pop(0) if len(words) > 1 and words[0] in {"1", "2"} else None
    rest = " ".join(words)
    said = 1 if rest in _YES else 2 if rest in _NO else None
    return said if number is None or number == str(said) else None


def nine(text: str, *, age: bool = False) -> bool:
    """A 9 with nothing but courtesy around it ("9 gracias", "nine", "99"), or "stop" alone. "9 girls" and "9 de Julio" are words.
    `age`: we asked for one, so that the word "nine" is an answer."""
    first, *rest = words = _words(text[:_READ]) or [""]
    if " ".join(words) in _STOP:
        return True
    if age and len(first) > 2:
        return False
    return _number(first) == 9 and all(_number(word) == 9 or word in _COURTESY for word in rest)


def silence(text: str) -> bool:
    """The words ask us not to write: "stop texting me", "no contesten, el lee mi telefono". Not what others are said not to answer."""
    return bool(_SILENCE.search(_clauses(text)))


def not_now(text: str) -> bool:
    """ "Not now please", "no puedo escribir ahora", "cant talk he is here"."""
    return bool(_LATER.search(_clauses(text)))


def phone_told(text: str) -> Safety:
    """What any message may say of the phone: BORROWED, SHARED, or UNKNOWN when it says nothing."""
    clauses = _clauses(text)
    if _NOT_MINE.search(clauses):
        return Safety.BORROWED
    return Safety.SHARED if _SEEN.search(clauses) else Safety.UNKNOWN


def phone_answer(text: str) -> Safety:
    """The answer to "is this phone only yours?". UNKNOWN for a skip. OWN for an explicit 1 alone: "ok" is no promise that nobody else
    reads. Whatever is not clear counts as SHARED."""
    words = _words(text)
    numbers: list[int] = []
    while words and ((number := _number(words[0])) is not None or (numbers and words[0] in _OR)):
        numbers += [] if number is None else [number]
        words = words[1:]
    if 3 in numbers or _BORROWED.search(" ".join(words)) or phone_told(text) is Safety.BORROWED:
        return Safety.BORROWED
    if numbers == [0] and _SKIPPING.issuperset(words):
        return Safety.UNKNOWN
    return Safety.OWN if numbers == [1] and _ONLY_MINE.issuperset(words) else Safety.SHARED


def readable(text: str) -> bool:
    """False for an empty message, or one of which nothing but blanks and broken characters arrived."""
    return any(c != _UNREADABLE and unicodedata.category(c)[0] not in "ZCM" for c in text)


def wordless(text: str) -> bool:
    """Nothing but marks ("?", "..."): it holds nothing to keep. An emoji does."""
    return not any(unicodedata.category(c)[0] in "LN" or (unicodedata.category(c) == "So" and c != _UNREADABLE) for c in text)


def _clauses(text: str) -> str:
    """Folded words with one blank between; `|` where a clause ends, `:` where others may be quoted."""
    plain = fold(text[:_READ]).replace("'", "")
    marked = "".join(c if c.isalnum() else " : " if c in _QUOTING else " " if c.isspace() or c == "-" else " | " for c in plain)
    return re.sub(r"(?: \|)+(?= |$)", " |", " ".join(marked.split())).strip("| ")


def _words(text: str) -> list[str]:
    return [word for word in _clauses(text).split() if word not in "|:"]


def _number(word: str) -> int | None:
    return unicodedata.digit(word, None) if len(word) == 1 else _NUMBERS.get(word)
