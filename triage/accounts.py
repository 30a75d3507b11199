"""Accounts in the words of the source: e-mail, bank accounts, handles and profile links of the big networks.

Written as people write them, also to get past filters: "ana (at) mail punto com", "instagram . com/ana", "ig: ana_99".
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from triage.plain import Plain
from triage.plain import words as _words
from triage.tip import Entity, EntityType

_AT = r"(?: ?@ ?| ?[(\[{] ?(?:at|arroba|a) ?[)\]}] ?| arroba )"
_DOT = r"(?: ?\. ?| ?[(\[{] ?(?:dot|punto|ponto|point) ?[)\]}] ?| (?:dot|punto|ponto) )"
_MAIL = re.compile(rf"(?<![\w.+@-])([a-z0-9][\w.+-]{{0,63}}){_AT}([a-z0-9-]{{1,40}}(?:{_DOT}[a-z0-9-]{{2,30}}){{1,3}})(?![\w@])", re.ASCII)
_MAIL_DOT = re.compile(_DOT)
_NO_DOTS = frozenset({"gmail.com", "googlemail.com"})

_HOST = r"(?<![\w@-])(?:https?:/{1,2})?(?:(?:www|m|mobile|web|vm|[a-z]{2}(?:-[a-z]{2})?)\.)?"
_HANDLE = r"([\w][\w.+-]{2,49})"
_LINKS = tuple(
    (network, re.compile(_HOST + written, re.ASCII))
    for network, written in (
        ("facebook", rf"(?:facebook ?\. ?com|fb ?\. ?com|fb\.me|m\.me)/(?:profile\.php\?id=|people/[^/\s]{{1,60}}/|groups/|pg/)?{_HANDLE}"),
        ("instagram", rf"instagram ?\. ?com/(?:stories/)?@?{_HANDLE}"),
        ("tiktok", rf"tiktok ?\. ?com/@{_HANDLE}"),
        ("telegram", r"(?:t|telegram) ?\. ?me/(?:s/|joinchat/)?@?(\+?[\w-]{3,49})"),
        ("whatsapp", r"chat\.whatsapp\.com/(?:invite/)?([\w-]{10,49})"),
        ("x", rf"(?:twitter|x) ?\. ?com/@?{_HANDLE}"),
        ("youtube", rf"youtube ?\. ?com/(?:@|channel/|c/|user/){_HANDLE}"),
        ("vk", rf"vk ?\. ?com/{_HANDLE}"),
        ("linkedin", rf"linkedin ?\. ?com/in/{_HANDLE}"),
        ("snapchat", rf"snapchat ?\. ?com/add/{_HANDLE}"),
        ("threads", rf"threads ?\. ?net/@{_HANDLE}"),
        ("onlyfans", rf"onlyfans ?\. ?com/{_HANDLE}"),
        ("line", r"line\.me/(?:r/)?ti/p/~?([\w@.-]{3,49})"),
        ("discord", r"discord(?:\.gg|app\.com/invite|\.com/invite)/([\w-]{3,49})"),
    )
)
_SPOKEN = {
    "fb": "facebook", "face": "facebook", "facebook": "facebook", "messenger": "facebook", "ig": "instagram", "insta": "instagram",
    "instagram": "instagram", "tg": "telegram", "telegram": "telegram", "tiktok": "tiktok", "tik tok": "tiktok", "twitter": "x",
    "snap": "snapchat", "snapchat": "snapchat", "line": "line", "wechat": "wechat", "weixin": "wechat", "kik": "kik", "discord": "discord",
    "zalo": "zalo", "viber": "viber", "signal": "signal", "vk": "vk", "onlyfans": "onlyfans",
}  # fmt: skip
_TOLD = re.compile(
    rf"\b({'|'.join(sorted(_SPOKEN, key=len, reverse=True))})"
    r"(?: ?@| ?[:=] ?@?| (?:id|user|username|usuario|usuaria|cuenta|account|perfil|profile)(?: (?:is|es))? ?[:=]? ?@?)"
    r"([a-z0-9_][\w.]{3,30})",
    re.ASCII,
)
_BARE = re.compile(r"(?<![\w.@+-])@([a-z0-9_][\w.]{3,30})(?![\w@])", re.ASCII)
_NO_PROFILE = _words(
    "share sharer watch photo photos photo.php story.php events marketplace login help reel reels stories explore home search hashtag "
    "intent groups pages policies policy privacy about legal p tv accounts settings direct messages notifications addstickers proxy "
    "joinchat download people profile.php permalink.php media video videos live status feed blog jobs web iv add mobile hashtags"
)
"""Parts of a network's address that are nobody's."""
_NOBODY = _words(
    "everyone everybody here channel group admin admins support help info contact gmail hotmail yahoo outlook icloud police policia "
    "home casa trabajo work amor love news noticias whatsapp telegram instagram facebook tiktok twitter youtube google unicef "
    "gmail.com hotmail.com yahoo.com outlook.com username usuario user name nombre test todos todas amigos friends"
)
_IBAN = re.compile(r"(?<![a-z0-9])([a-z]{2}[0-9]{2}(?:[ -]?[a-z0-9]){11,30})")
_IBAN_LENGTH = {
    country: int(length)
    for length, countries in {
        "15": "no", "16": "be", "18": "dk do fi fo gl nl", "19": "mk si", "20": "at ba ee kz lt lu xk", "21": "ch cr hr li lv",
        "22": "bg bh de gb ge ie me rs va", "23": "ae gi il iq om tl", "24": "ad cz es md pk ro sa se sk tn vg", "25": "ly pt st",
        "26": "is tr", "27": "fr gr it mc mr sm", "28": "al az by cy gt hu lb ni pl sv", "29": "br eg ps qa ua", "30": "jo kw mu",
        "31": "mt sc", "32": "lc",
    }.items()
    for country in countries.split()
}  # fmt: skip
_MOST = 50


def accounts(plain: Plain) -> list[Entity]:
    """Each once, by its longest form: the handle in a link is no second account."""
    found: list[Entity] = []
    taken: list[tuple[int, int]] = []
    for entity in (*_mails(plain), *_ibans(plain), *_linked(plain), *_told(plain), *_bare(plain)):
        if len(found) < _MOST and all(entity.end <= start or end <= entity.start for start, end in taken):
            found.append(entity)
            taken.append((entity.start, entity.end))
    return found


def _account(plain: Plain, match: re.Match[str], value: str) -> Entity:
    return Entity(EntityType.ACCOUNT, value, *plain.span(match.start(), match.end()))


def _mails(plain: Plain) -> Iterator[Entity]:
    for match in _MAIL.finditer(plain.text):
        local, domain = match[1].partition("+")[0].strip("."), _MAIL_DOT.sub(".", match[2])
        if domain in _NO_DOTS:
            local, domain = local.replace(".", ""), "gmail.com"
        if local and domain.rpartition(".")[2].isalpha():
            yield _account(plain, match, f"email:{local}@{domain}")


def _ibans(plain: Plain) -> Iterator[Entity]:
    """What stands behind one, a word or an amount, is no part of it: its country says how long it is."""
    for match in _IBAN.finditer(plain.text):
        length, end, held = _IBAN_LENGTH.get(match[1][:2], 0), match.start(), ""
        while len(held) < length and end < match.end():
            held += plain.text[end] if plain.text[end].isalnum() else ""
            end += 1
        if length and len(held) == length and int("".join(str(int(c, 36)) for c in held[4:] + held[:4])) % 97 == 1:
            yield Entity(EntityType.ACCOUNT, f"iban:{held}", *plain.span(match.start(), end))


def _linked(plain: Plain) -> Iterator[Entity]:
    for network, link in _LINKS:
        for match in link.finditer(plain.text):
            handle = _handle(match[1])
            if handle not in _NO_PROFILE and len(handle) > 2:
                yield _account(plain, match, f"{network}:{handle}")


def _told(plain: Plain) -> Iterator[Entity]:
    for match in _TOLD.finditer(plain.text):
        handle = _handle(match[2])
        odd = any(c.isdigit() or c in "_." for c in handle) and any(c.isalpha() for c in handle)
        if (odd or "@" in match[0]) and handle not in _NOBODY:  # "telegram: hola" is no account
            yield _account(plain, match, f"{_SPOKEN[match[1]]}:{handle}")


def _bare(plain: Plain) -> Iterator[Entity]:
    for match in _BARE.finditer(plain.text):
        handle = _handle(match[1])
        if handle not in _NOBODY and any(c.isalpha() for c in handle):
            yield _account(plain, match, f"handle:{handle}")


def _handle(written: str) -> str:
    return written.rstrip(".-+_" if not written.startswith("_") else ".-+")
