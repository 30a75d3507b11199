"""Values of triage: what is found in a text, and the words that led to it.

Codes are stable: operators' scripts read them from `tipline analyse`. Offsets count Unicode code points, end exclusive.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from triage.sensitive import Sensitive


class Urgency(StrEnum):
    """The first that fits, in this order."""

    DANGER_NOW = "danger_now"
    ASKS_HELP = "asks_help"
    TIME_CRITICAL = "time_critical"
    GENERAL_TIP = "general_tip"
    SPAM = "spam"
    OUT_OF_SCOPE = "out_of_scope"


class Kind(StrEnum):
    """Kinds of trafficking (Palermo Protocol art. 3; ILO 2012)."""

    SEX_TRAFFICKING = "sex_trafficking"
    ONLINE_CHILD_EXPLOITATION = "online_child_exploitation"
    FORCED_LABOUR = "forced_labour"
    FORCED_LABOUR_FISHING = "forced_labour_fishing"
    DOMESTIC_SERVITUDE = "domestic_servitude"
    DEBT_BONDAGE = "debt_bondage"
    FORCED_SCAMMING = "forced_scamming"
    RECRUITMENT_FRAUD = "recruitment_fraud"
    FORCED_MARRIAGE = "forced_marriage"
    CHILD_LABOUR = "child_labour"
    FORCED_BEGGING = "forced_begging"
    ORGAN_REMOVAL = "organ_removal"
    MISSING_PERSON = "missing_person"


class Child(StrEnum):
    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class AgencyKind(StrEnum):
    """Kinds of public office that a text can implicate."""

    POLICE = "police"
    IMMIGRATION = "immigration"
    BORDER_GUARD = "border_guard"
    MILITARY = "military"
    LOCAL_GOVERNMENT = "local_government"
    JUDICIARY = "judiciary"
    LABOUR_INSPECTION = "labour_inspection"
    PORT_AUTHORITY = "port_authority"
    EMBASSY = "embassy"
    OTHER = "other"


class Relation(StrEnum):
    """What the text says the official is to the crime (IBA 2016). `mentioned` when it does not say."""

    PERPETRATOR = "perpetrator"
    FACILITATOR = "facilitator"
    PROTECTOR = "protector"
    KIN = "kin"
    MENTIONED = "mentioned"


class Of(StrEnum):
    """Which text a span points into."""

    ORIGINAL = "original"
    TRANSLATION = "translation"


class Asked(StrEnum):
    """The question that a message answers, as the conversation knows it. It changes how a bare word is read."""

    PLACE = "place"
    PHONE = "phone"
    TODAY = "today"
    WHO_NOT = "who_not"
    AGE = "age"
    GOOD_TIME = "good_time"
    TELL = "tell"


class EntityType(StrEnum):
    PLACE = "place"
    PHONE = "phone"
    AGE = "age"
    NAME = "name"
    PLATE = "plate"
    VESSEL = "vessel"
    ACCOUNT = "account"


class Form(StrEnum):
    """How a message was written. The words of a forwarded one are somebody else's; an edited one repeats an earlier one; one of many
    came from many phones alike (handlers/floods.py), each of them maybe from another: set when it is sealed, never by a channel."""

    TEXT = "text"
    EDITED = "edited"
    FORWARDED = "forwarded"
    CONTACT = "contact"
    PLACE = "place"
    ONE_OF_MANY = "one_of_many"


class Control(StrEnum):
    """What the source asked of the line itself: a command of Telegram's menu, or an opt-out word that Twilio acts on."""

    START = "start"
    STOP = "stop"
    HELP = "help"
    FORGET = "forget"


@dataclass(frozen=True, slots=True)
class Inbound:
    """One message as a channel brought it. `address` is a phone number (E.164) or a channel's chat id.

    `provider_id` = the same for the same message, however often it is delivered. `received` = when the line took it; `sent` = when it was
    written, where the provider says so. `media` = attachments; none is fetched. `ref` = by what the provider deletes it, or "".
    """

    channel: str
    address: Sensitive[str]
    text: Sensitive[str]
    provider_id: str
    received: datetime
    sent: datetime | None = None
    form: Form = Form.TEXT
    media: int = 0
    control: Control | None = None
    ref: str = ""

    @property
    def written(self) -> datetime:
        """When the source wrote it, as far as anybody knows."""
        return self.received if self.sent is None else min(self.sent, self.received)


@dataclass(frozen=True, slots=True)
class Reason:
    """Words that led to a code."""

    code: str
    text: str
    start: int
    end: int
    of: Of


@dataclass(frozen=True, slots=True)
class Official:
    """A public office in the text. A mere mention counts; `negated` ("the police are not involved") lifts nothing."""

    agency: AgencyKind
    place: str | None
    name: str | None
    relation: Relation
    negated: bool


@dataclass(frozen=True, slots=True)
class PlaceMention:
    """A place. `regions` are all of the line's atlas that bear the name (none = unknown). A translation alone never makes a place known."""

    text: str
    regions: tuple[str, ...]
    start: int
    end: int
    of: Of
    scene: bool = True
    """False: mentioned, but not said to be where it happens ("I am from Lima", "hotel Lima"). Its ties exclude all the same."""


@dataclass(frozen=True, slots=True)
class NameMention:
    """A name in the text. `people` = ids of the roster's people who bear it, or a part of it where a title or a question makes it one."""

    text: str
    people: tuple[str, ...]
    start: int
    end: int
    of: Of


@dataclass(frozen=True, slots=True)
class Entity:
    """Found in the original only. `value` is normalised: E.164 for phones, digits for ages, ABC123 for plates; `name:`, `imo:`, `mmsi:` or
    `reg:` of vessels; of accounts the network and the handle, `handle:` without a network, `email:` or `iban:`."""

    type: EntityType
    value: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Assessment:
    """What triage makes of one text."""

    urgency: Urgency
    kinds: tuple[Kind, ...]
    child: Child
    officials: tuple[Official, ...]
    places: tuple[PlaceMention, ...]
    names: tuple[NameMention, ...]
    entities: tuple[Entity, ...]
    reasons: tuple[Reason, ...]
    about_self: bool
    """The source speaks of him- or herself ("help me", "no me dejan salir")."""
    vessel: bool
    """A ship or boat, or being at sea."""
    greeting: bool
    """Nothing but a greeting, thanks, or "who is this": no tip."""
    could_involve_child: bool
    """Child unknown in a case that could have one (ROUTING E7)."""
    agencies: tuple[str, ...] = ()
    """Ids of the line's agencies that the text calls by a name of theirs."""
    all_ngos: bool = False
    """The answer to who must not hear of it, or a wish, speaks of "the NGO" without saying which."""
    wish: bool = False
    """The text says who must not hear of it ("police must not know")."""
    identifiers: tuple[str, ...] = ()
    """What makes two tips one matter (triage/identifiers.py): one way to write each phone, plate, vessel and account. Sorted."""
