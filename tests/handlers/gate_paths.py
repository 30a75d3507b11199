"""Finds the places where something leaves its lock, and whether each is reached only behind the gate.

It reads source, and errs towards finding too much: a call is matched by its name (one of `self` by its class, too), and a gate counts only
where the way that it was asked shows that its yes leads to the place. What it does not understand is a place without a gate.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

GATES = frozenset({"may_read", "may_approve", "may_audit"})
"""routing/gate.py's own. `may_read` answers Refused or a seat; the others a refusal, or None for yes."""
LEAVES = frozenset({"peel", "offer", "hand_out", "put_share", "put_keys"})
"""Calls that take an outer lock off, or write what somebody is shown."""
DESK_READS = frozenset({"envelopes", "take_handout", "grants_of", "shares_asked"})
SHOWN_STATES = frozenset({"OPEN", "OFFERED"})
REFUSALS = frozenset({"Refusal", "Refused"})

Function = ast.FunctionDef | ast.AsyncFunctionDef


class Kind(StrEnum):
    """How a gate says no: with something false (None, False), with a Refusal, which is true, or, the other way round, with anything but
    None."""

    FALSE = "false"
    REFUSAL = "refusal"
    NOT_NONE = "not none"


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """`function`: room.file.Class.method; `what`: the call."""

    function: str
    what: str


@dataclass(slots=True)
class Known:
    """Of one function. `siblings`: the functions beside it in its class or file. `calls`: what it calls, as `_Walk._target` names it, ->
    whether behind the gate, each time; `used`: names it mentions without a call."""

    name: str
    node: Function
    siblings: frozenset[str]
    places: dict[str, bool] = field(default_factory=dict)
    calls: dict[str, bool] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)


def ungated(sources: Mapping[str, str]) -> set[Place]:
    """`sources`: room.file -> text. The places that can be reached without a yes of the gate."""
    functions = read(sources)
    gates = _all_gates(functions)
    for known in functions:
        _Walk(known, gates).run()
    return {
        Place(known.name, what)
        for known in functions
        for what, behind in known.places.items()
        if not behind and not _every_caller_is_behind(known, functions, frozenset())
    }


def read(sources: Mapping[str, str]) -> list[Known]:
    found = [(name, node) for module, text in sources.items() for name, node in _functions(module, ast.parse(text))]
    beside: dict[str, set[str]] = {}
    for name, _ in found:
        beside.setdefault(_home(name), set()).add(name)
    return [Known(name, node, frozenset(beside[_home(name)])) for name, node in found]


def _home(name: str) -> str:
    return name.rpartition(".")[0]


def _functions(module: str, tree: ast.Module) -> Iterator[tuple[str, Function]]:
    def inside(prefix: str, body: Iterable[ast.stmt]) -> Iterator[tuple[str, Function]]:
        for node in body:
            if isinstance(node, ast.ClassDef):
                yield from inside(f"{prefix}.{node.name}", node.body)
            elif isinstance(node, Function):
                yield f"{prefix}.{node.name}", node
                yield from inside(f"{prefix}.{node.name}", node.body)

    return inside(module, tree.body)


def _all_gates(functions: list[Known]) -> dict[str, Kind]:
    """By whole name, and by its last part: routing's own, and every function whose yes is theirs. One of the same last part that is no gate
    takes it from all."""
    gates = {"may_read": Kind.REFUSAL, "may_approve": Kind.NOT_NONE, "may_audit": Kind.NOT_NONE}
    while True:
        named: dict[str, set[Kind | None]] = {}
        for known in functions:
            kind = _Walk(Known(known.name, known.node, known.siblings), gates).run()
            for name in (known.name, known.node.name):
                named.setdefault(name, set()).add(kind)
        found = {name: kind for name, kinds in named.items() if len(kinds) == 1 and (kind := next(iter(kinds))) is not None}
        if found.keys() <= gates.keys():
            return gates
        gates |= found


def _every_caller_is_behind(known: Known, functions: list[Known], seen: frozenset[str]) -> bool:
    """False also when nobody calls it: then it is called from outside, or handed on as a value."""
    if known.name in seen or any(known.node.name in other.used for other in functions):
        return False
    calls = [(other, behind) for other in functions for name, behind in other.calls.items() if name in {known.name, known.node.name}]
    return bool(calls) and all(behind or _every_caller_is_behind(other, functions, seen | {known.name}) for other, behind in calls)


class _Walk:
    """One pass through a function: at each place, whether a gate has said yes on every way there."""

    def __init__(self, known: Known, gates: Mapping[str, Kind]) -> None:
        self._known, self._gates = known, gates
        self._bound = _bound_once(known.node)
        self._refusing = False  # inside `if isinstance(x, Refusal)`: what is returned there is a no
        self._returns: list[Kind | None] = []
        self._yes = False  # some return is a yes

    def run(self) -> Kind | None:
        """How this function is a gate itself; None = it is none: some yes of it is nobody's."""
        self._block(self._known.node.body, behind=False)
        kinds = set(self._returns)
        if None in kinds or not self._yes or self._known.node.name in GATES:
            return None
        return Kind.REFUSAL if Kind.REFUSAL in kinds else Kind.FALSE

    def _block(self, body: list[ast.stmt], *, behind: bool) -> bool:
        """Whether the gate has said yes where the block ends."""
        for statement in body:
            behind = self._statement(statement, behind=behind)
        return behind

    def _statement(self, node: ast.stmt, *, behind: bool) -> bool:
        if isinstance(node, Function | ast.ClassDef):
            return behind  # a function of its own
        if isinstance(node, ast.If):
            return self._branch(node, behind=behind)
        if isinstance(node, ast.Return):
            self._returned(node.value, behind=behind)
        for expression in _own_expressions(node):
            self._expression(expression, behind=behind)
        if isinstance(node, ast.With | ast.AsyncWith):  # goes straight through: what its body established holds after it
            return self._block(node.body, behind=behind)
        for body in _bodies(node):
            self._block(body, behind=behind)
        return behind

    def _branch(self, node: ast.If, *, behind: bool) -> bool:
        self._expression(node.test, behind=behind)
        yes, no = self._told(node.test)
        outer, self._refusing = self._refusing, self._refusing or _is_refusal_test(node.test)
        after_yes = self._block(node.body, behind=behind or yes)
        self._refusing = outer
        after_no = self._block(node.orelse, behind=behind or no)
        ends_yes, ends_no = _ends(node.body), _ends(node.orelse)
        return (ends_yes or after_yes) and (ends_no or after_no)

    def _returned(self, value: ast.expr | None, *, behind: bool) -> None:
        if value is None or (isinstance(value, ast.Constant) and value.value in (None, False)):
            self._returns.append(Kind.FALSE)
        elif self._refusing or (isinstance(value, ast.Attribute) and isinstance(value.value, ast.Name) and value.value.id in REFUSALS):
            self._returns.append(Kind.REFUSAL)
        else:
            behind = behind or self._told(value)[0]
            self._yes = self._yes or behind
            self._returns.append(Kind.FALSE if behind else None)

    def _told(self, test: ast.expr) -> tuple[bool, bool]:
        """(whether it is true only if a gate said yes, whether it is false only then)."""
        if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            yes, no = self._told(test.operand)
            return no, yes
        if isinstance(test, ast.BoolOp):
            told = [self._told(value) for value in test.values]
            if isinstance(test.op, ast.And):
                return any(yes for yes, _ in told), all(no for _, no in told)
            return all(yes for yes, _ in told), any(no for _, no in told)
        if isinstance(test, ast.Compare) and len(test.ops) == 1 and _is_none(test.comparators[0]):
            asked = self._asked(test.left)
            is_none = (asked is Kind.NOT_NONE, asked is Kind.FALSE)
            return is_none if isinstance(test.ops[0], ast.Is) else (is_none[1], is_none[0])
        if isinstance(test, ast.Call) and _called(test) == "isinstance":
            return False, _is_refusal_test(test) and self._asked(test.args[0]) is Kind.REFUSAL
        return self._asked(test) is Kind.FALSE, False

    def _asked(self, node: ast.expr) -> Kind | None:
        """Of an expression that is a gate's answer, or a name that it was given."""
        if isinstance(node, ast.Await | ast.NamedExpr):
            return self._asked(node.value)
        if isinstance(node, ast.Name) and node.id in self._bound:
            return self._asked(self._bound[node.id])
        return self._gates.get(self._target(node)) if isinstance(node, ast.Call) else None

    def _target(self, node: ast.Call) -> str:
        """The whole name where it is a function of the same class or file, else the last part."""
        func, name = node.func, _called(node)
        own = f"{_home(self._known.name)}.{name}"
        of_self = isinstance(func, ast.Attribute) and isinstance(func.value, ast.Name) and func.value.id == "self"
        return own if (of_self or isinstance(func, ast.Name)) and own in self._known.siblings else name

    def _expression(self, node: ast.expr, *, behind: bool) -> None:
        if isinstance(node, ast.BoolOp):
            for value in node.values:
                self._expression(value, behind=behind)
                yes, no = self._told(value)
                behind = behind or (yes if isinstance(node.op, ast.And) else no)
            return
        if isinstance(node, ast.IfExp):
            self._expression(node.test, behind=behind)
            yes, no = self._told(node.test)
            self._expression(node.body, behind=behind or yes)
            self._expression(node.orelse, behind=behind or no)
            return
        if isinstance(node, ast.Call):
            self._call(node, behind=behind)
        elif isinstance(node, ast.Attribute | ast.Name) and isinstance(node.ctx, ast.Load):
            self._known.used.add(node.attr if isinstance(node, ast.Attribute) else node.id)
        for part in _parts(node):
            self._expression(part, behind=behind)

    def _call(self, node: ast.Call, *, behind: bool) -> None:
        name = self._target(node)
        self._known.calls[name] = self._known.calls.get(name, True) and behind
        if (what := _place(node, desk=self._known.name.startswith("desk."))) is not None:
            self._known.places[what] = self._known.places.get(what, True) and behind


def _own_expressions(node: ast.stmt) -> Iterator[ast.expr]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr):
            yield child
        elif isinstance(child, ast.withitem):
            yield child.context_expr


def _bodies(node: ast.stmt) -> Iterator[list[ast.stmt]]:
    """Of loops, `try` and `match`: any of them may run, or none."""
    for name in ("body", "orelse", "finalbody"):
        yield getattr(node, name, [])
    for each in (*getattr(node, "handlers", ()), *getattr(node, "cases", ())):
        yield each.body


def _parts(node: ast.expr) -> Iterator[ast.expr]:
    """The expressions inside, but the name of what is called."""
    for child in ast.iter_child_nodes(node):
        if isinstance(node, ast.Call) and child is node.func:
            if isinstance(child, ast.Attribute):
                yield child.value
        elif isinstance(child, ast.expr):
            yield child
        elif isinstance(child, ast.keyword):
            yield child.value
        elif isinstance(child, ast.comprehension):
            yield from (child.iter, *child.ifs)


def _place(node: ast.Call, *, desk: bool) -> str | None:
    """What leaves by this call, if anything."""
    name, keywords = _called(node), {keyword.arg: keyword.value for keyword in node.keywords}
    if name in LEAVES or (desk and name in DESK_READS):
        return name
    if name == "Done" and "key_file" in keywords:
        return "Done(key_file)"
    if name == "seal" and any(isinstance(arg, ast.Attribute) and arg.attr == "age_recipient" for arg in node.args):
        return "seal to a person"
    if name == "move_grant" and len(node.args) > 2:
        new = node.args[2]
        named = new.attr if isinstance(new, ast.Attribute) else ""
        return f"move_grant to {named or 'some state'}" if named in SHOWN_STATES or not named else None
    return None


def _called(node: ast.AST) -> str:
    func = node.func if isinstance(node, ast.Call) else None
    return func.attr if isinstance(func, ast.Attribute) else func.id if isinstance(func, ast.Name) else ""


def _is_refusal_test(test: ast.expr) -> bool:
    named = test.args[1] if isinstance(test, ast.Call) and _called(test) == "isinstance" and len(test.args) == 2 else None
    return isinstance(named, ast.Name) and named.id in REFUSALS


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _ends(body: list[ast.stmt]) -> bool:
    """Whether nothing after the block is reached from it."""
    last = body[-1] if body else None
    if isinstance(last, ast.If):
        return _ends(last.body) and _ends(last.orelse)
    return isinstance(last, ast.Return | ast.Raise | ast.Continue | ast.Break)


def _bound_once(function: Function) -> dict[str, ast.expr]:
    """Names that have one value in this function."""
    found: dict[str, list[ast.expr | None]] = {}
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            found.setdefault(node.targets[0].id, []).append(node.value)
        elif isinstance(node, ast.NamedExpr):
            found.setdefault(node.target.id, []).append(node.value)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.setdefault(node.id, []).append(None)
    # Each plain assignment stores its name, too: one value and one store are one assignment.
    values = {name: [value for value in given if value is not None] for name, given in found.items()}
    return {name: given[0] for name, given in values.items() if len(given) == 1 and found[name].count(None) == 1}
