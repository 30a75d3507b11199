"""One gate: every way by which ciphertext or a key leaves its lock passes it. New ones are found by themselves."""

from __future__ import annotations

import ast
from pathlib import Path
from textwrap import dedent

import pytest

from sealing.rows import OUT, GrantState
from tests.handlers.gate_paths import Place, ungated

ROOT = Path(__file__).resolve().parent.parent.parent
ROOMS = ("handlers", "desk")

GATE = (ROOT / "handlers/opening.py").read_text(encoding="utf-8")

BESIDE_THE_GATE = {
    Place("handlers.acts.Acts.carry_out", "hand_out"): "what a judge answers; a key in it is one of the judge's own places",
    Place("handlers.acts.Acts.carry_out", "seal to a person"): "the same: the answer, to whom two vetters' card names",
    Place("handlers.rescue.Rescue._ask_again", "peel"): "a trustee's share goes back under the outer lock; he asks for it behind the gate",
    Place("handlers.rescue.Rescue._ask_again", "put_share"): "the same",
    Place("handlers.succession.Succession.take", "move_grant to some state"): "only to states in which nothing is shown: see below",
    Place("desk.api.Desk._case", "grants_of"): "the person's own; OFFERED and OPEN are written behind the gate alone: see below",
    Place("desk.api.Desk._case", "envelopes"): "of epochs whose grant is OPEN",
    Place("desk.api.Desk._cases", "grants_of"): "the person's own stubs, peeled when they were offered",
    Place("desk.api.Desk._cases", "shares_asked"): "the trustee's own, under the outer lock",
    Place("desk.api.Desk._concerns", "grants_of"): "a yes or no of the person's own cases",
    Place("desk.api.Desk._concerns", "shares_asked"): "the same",
    Place("desk.api.Desk._handout", "take_handout"): "the answer to the person's own act",
}
"""Each with why nothing leaves there that the gate has not let through."""


def sources() -> dict[str, str]:
    return {f"{room}.{path.stem}": path.read_text(encoding="utf-8") for room in ROOMS for path in sorted((ROOT / room).glob("*.py"))}


def planted(code: str, room: str = "handlers") -> set[Place]:
    """What is found in a new file, beside the one in which the gate stands."""
    return ungated({"handlers.opening": GATE, f"{room}.planted": dedent(code)})


def judge(body: str) -> str:
    lines = "\n".join(f"        {line}" for line in dedent(body).strip().splitlines())
    return f"class Judge:\n    async def planted_judge(self, tx, act, member):\n{lines}\n"


@pytest.mark.claim("T53")
def test_every_place_where_something_leaves_its_lock_is_behind_the_gate() -> None:
    assert ungated(sources()) == set(BESIDE_THE_GATE)


PEEL = {Place("handlers.planted.Judge.planted_judge", "peel")}
BEHIND = {
    "refused before": """
        if not self.gate.passes(case, member):
            return Refusal.GATE
        return self.keys.peel(row)
    """,
    "one of several reasons": """
        if case is None or not self.gate.passes(case, member):
            return Refusal.GATE
        return self.keys.peel(row)
    """,
    "in the branch": """
        if case is not None and self.gate.passes(case, member):
            return self.keys.peel(row)
        return None
    """,
    "in the last branch": """
        if case is None:
            return None
        elif seat is None or not self.gate.passes(case, member):
            await self._pass_over(tx)
        elif await tx.offer(row.id, seat.person, self.keys.peel(row)):
            await tx.log(b"")
        return None
    """,
    "by routing's own": """
        found = may_read(gate, member.person, member.card_fingerprint, now, self.atlas)
        if isinstance(found, Refused):
            return None
        return self.keys.peel(row)
    """,
    "approved": """
        if may_approve(gate, member.person, now, self.atlas) is not None:
            return None
        return self.keys.peel(row)
    """,
    "for those who pass": "return [self.keys.peel(row) for row in rows] if self.gate.passes(case, member) else []",
    "inside a transaction": """
        async with self.store.begin() as tx:
            if not self.gate.passes(case, member):
                return None
        return self.keys.peel(row)
    """,
}
NOT_BEHIND = {
    "not asked": "return self.keys.peel(row)",
    "asked afterwards": """
        key = self.keys.peel(row)
        return key if self.gate.passes(case, member) else None
    """,
    "asked, and not listened to": """
        self.gate.passes(case, member)
        return self.keys.peel(row)
    """,
    "turned round": """
        if self.gate.passes(case, member):
            return Refusal.GATE
        return self.keys.peel(row)
    """,
    "one reason of several": """
        if case is None and not self.gate.passes(case, member):
            return Refusal.GATE
        return self.keys.peel(row)
    """,
    "or something else": """
        if self.gate.passes(case, member) or member.person.active:
            return self.keys.peel(row)
        return None
    """,
    "without an end": """
        if not self.gate.passes(case, member):
            self.event(Refusal.GATE)
        return self.keys.peel(row)
    """,
    "in some turns of a loop": """
        for row in rows:
            if not self.gate.passes(case, member):
                continue
        return self.keys.peel(row)
    """,
    "when nothing failed": """
        try:
            if not self.gate.passes(case, member):
                return None
        except CaseBroken:
            pass
        return self.keys.peel(row)
    """,
    "a refusal is true, too": """
        found = may_read(gate, member.person, member.card_fingerprint, now, self.atlas)
        if not found:
            return None
        return self.keys.peel(row)
    """,
    "another answer in its name": """
        found = may_read(gate, member.person, member.card_fingerprint, now, self.atlas)
        found = row
        if isinstance(found, Refused):
            return None
        return self.keys.peel(row)
    """,
    "what is not the gate": """
        if self.gate.lost(case, member):
            return None
        return self.keys.peel(row)
    """,
}


@pytest.mark.parametrize("way", BEHIND)
def test_what_is_behind_the_gate_is_not_found(way: str) -> None:
    assert planted(judge(BEHIND[way])) == set()


@pytest.mark.parametrize("way", NOT_BEHIND)
@pytest.mark.claim("T53")
def test_a_new_way_past_the_gate_is_found(way: str) -> None:
    assert planted(judge(NOT_BEHIND[way])) == PEEL


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("await tx.offer(row.id, act.person_id, row.stub)", "offer"),
        ("await tx.hand_out(handout)", "hand_out"),
        ("await tx.put_share(row.id, ShareState.ASKED, ShareState.GIVEN, sealed)", "put_share"),
        ("await tx.put_keys(row.id, row.state, stub, key)", "put_keys"),
        ("await tx.move_grant(row.id, GrantState.OFFERED, GrantState.OPEN)", "move_grant to OPEN"),
        ("await tx.move_grant(row.id, row.state, state)", "move_grant to some state"),
        ("return Done(Result.DONE, key_file=row.key_file)", "Done(key_file)"),
        ("return seal(key, member.card.age_recipient)", "seal to a person"),
        ("return [self.keys.peel(row) for row in rows]", "peel"),
        ("run = lambda: self.keys.peel(row)", "peel"),
    ],
)
def test_each_kind_of_place_is_found(line: str, what: str) -> None:
    assert planted(judge(line)) == {Place("handlers.planted.Judge.planted_judge", what)}


def test_what_only_strikes_is_no_place() -> None:
    assert planted(judge("await tx.move_grant(row.id, GrantState.OPEN, GrantState.STRUCK)")) == set()


HELPER = """
class Judge:
    async def first(self, tx, case, member):
        if not self.gate.passes(case, member):
            return None
        return await self._planted_key(tx)
    {more}
    async def _planted_key(self, tx):
        return self.keys.peel(row)
"""


def test_a_function_is_behind_it_when_every_caller_is() -> None:
    found = {Place("handlers.planted.Judge._planted_key", "peel")}
    assert planted(HELPER.format(more="")) == set()
    assert planted(HELPER.format(more="async def second(self, tx):\n        return await self._planted_key(tx)")) == found
    assert planted(HELPER.format(more="def third(self):\n        return {'key': self._planted_key}")) == found, "handed on as a value"
    alone = HELPER.replace("return await self._planted_key(tx)", "return None")
    assert planted(alone.format(more="")) == found, "whoever calls it is not here"


def test_a_function_whose_yes_is_the_gates_is_a_gate() -> None:
    code = """
    class Judge:
        async def planted_judge(self, tx, act, member):
            found = await self._planted_case(tx, member)
            if isinstance(found, Refusal):
                return found
            return self.keys.peel(found)

        async def _planted_case(self, tx, member):
            case = await tx.lock_case(act.case_id)
            if case is None or {asked}:
                return Refusal.GATE
            return case
    """
    assert planted(code.format(asked="not self.gate.passes(case, member)")) == set()
    assert planted(code.format(asked="not member.person.active")) == PEEL


def test_a_new_read_of_the_desk_is_found() -> None:
    code = "class Desk:\n    async def planted_read(self, person):\n        return await self.store.envelopes(case_id, epochs, SHOWN)\n"
    assert planted(code, "desk") == {Place("desk.planted.Desk.planted_read", "envelopes")}


def states_named(node: ast.AST) -> set[str]:
    return {
        sub.attr
        for sub in ast.walk(node)
        if isinstance(sub, ast.Attribute) and isinstance(sub.value, ast.Name) and sub.value.id == "GrantState"
    }


def calls(room: str, *names: str) -> list[tuple[str, ast.Call]]:
    """(file.function, call) of every call by that name."""
    found: list[tuple[str, ast.Call]] = []
    for path in sorted((ROOT / room).glob("*.py")):
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                inside = [node for node in ast.walk(function) if isinstance(node, ast.Call)]
                called = [node for node in inside if isinstance(node.func, ast.Attribute) and node.func.attr in names]
                found += [(f"{path.stem}.{function.name}", node) for node in called]
    return found


def test_whoever_is_taken_out_is_shown_nothing_more() -> None:
    """The states that `Succession.take` gets from its callers."""
    given = [states_named(ast.Module([ast.Expr(arg) for arg in node.args], [])) for _, node in calls("handlers", "take", "out", "leave")]
    named = set[str]().union(*given)
    assert named
    assert {GrantState[name] for name in named} <= OUT


REACHES_LEADS = {
    "pipeline._first": "seals to them",
    "renewal.renew": "seals to them anew",
    "rescue._draw": "strikes one",
    "rescue._drawn": "keeps away from them and their houses",
    "offers._whose": "knows theirs, to leave them alone",
    "links.later": "the order of all tips of one matter",
    "openings._cards": "whose signature it could be",
}
"""What in handlers and desk names a gate file's leads, or all of its seats. Whoever offers, opens or lists goes by the handlers alone."""
LEADS = frozenset({"seats", "lead_order", "leads"})


def reaches_leads(node: ast.AST) -> bool:
    """`leads` is a gate file's only where it is called: a draw has an attribute of that name."""
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Attribute) and node.func.attr == "leads"
    return isinstance(node, ast.Attribute) and node.attr in LEADS - {"leads"}


def test_nobody_new_reaches_for_the_leads_of_a_case() -> None:
    found: set[str] = set()
    for module, text in sources().items():
        if any(name in text for name in LEADS):
            functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
            reaching = [one for one in functions if any(map(reaches_leads, ast.walk(one)))]
            found |= {f"{module.removeprefix('handlers.')}.{one.name}" for one in reaching}
    assert found == set(REACHES_LEADS)


def test_storage_shows_a_grant_to_a_person_in_one_statement_alone() -> None:
    """Where a state is written as it is, not handed in by a caller: in a mapping of columns."""
    written: set[str] = set()
    for path in sorted((ROOT / "storage").glob("*.py")):
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                mappings = [value for node in ast.walk(function) if isinstance(node, ast.Dict) for value in node.values]
                columns = [keyword.value for node in ast.walk(function) if isinstance(node, ast.Call) for keyword in node.keywords]
                if any(isinstance(value, ast.Attribute) and states_named(value) & {"OFFERED", "OPEN"} for value in mappings + columns):
                    written.add(f"{path.stem}.{function.name}")
    assert written == {"cases.offer"}
