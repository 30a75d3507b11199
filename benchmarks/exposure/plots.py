"""The pictures of docs/exposure.md. Every title says that it is simulated."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.exposure.attacks import SCENARIOS, SERIES
from benchmarks.exposure.measures import Mean, Summary, mean
from benchmarks.exposure.policies import POLICIES
from benchmarks.exposure.small import AGENCIES, Small

Worlds = Sequence[Mapping[str, Summary]]
COLOURS = {
    "today": "#b3362b", "fixed": "#d9782d", "one_each": "#e0a93b", "exclusions": "#7f9fb5", "reference": "#8d6bb0",
    "ours": "#1d5f8a", "oracle": "#6b8f5a",
}  # fmt: skip
GREY = "#555555"
SHOWN = ("today", "exclusions", "ours", "oracle")


def draw(ran: Mapping[str, Worlds], small: Sequence[Small], folder: Path) -> Sequence[str]:
    """Writes each picture; the names of the files."""
    pictures: Mapping[str, Callable[[Figure], None]] = {
        "policies": lambda figure: _policies(figure, ran["base"]),
        "learning": lambda figure: _learning(figure, ran["base"]),
        "attacks": lambda figure: _attacks(figure, ran),
        "prevalence": lambda figure: _prevalence(figure, ran),
        "size": lambda figure: _size(figure, ran),
        "small": lambda figure: _small(figure, small),
        "fairness": lambda figure: _fairness(figure, ran["base"]),
    }
    with mpl.rc_context({"font.size": 11, "axes.spines.top": False, "axes.spines.right": False, "svg.hashsalt": "tipline"}):
        for name, paint in pictures.items():
            figure = Figure(figsize=(9, 5.2), layout="constrained")
            paint(figure)
            figure.savefig(folder / f"exposure-{name}.png", dpi=110, metadata={"Software": None})
    return [f"exposure-{name}.png" for name in pictures]


def of(worlds: Worlds, name: str, what: str) -> Mean:
    return mean([getattr(world[name], what) for world in worlds])


def _title(axes: Axes, text: str) -> None:
    axes.set_title(f"Simulated: {text}", loc="left", fontsize=12.5, fontweight="bold")


def _policies(figure: Figure, worlds: Worlds) -> None:
    axes = figure.subplots()
    names = list(POLICIES)[::-1]
    means = [of(worlds, name, "lost") for name in names]
    axes.barh(
        [POLICIES[n] for n in names], [m.value for m in means], xerr=[m.half for m in means], color=[COLOURS[n] for n in names], ecolor=GREY
    )
    for row, one in enumerate(means):
        axes.text(min(one.value + one.half, 94) + 1, row, f"{one.value:.0f}" if one.value >= 20 else f"{one.value:.1f}", va="center")
    axes.axvline(8, color=GREY, lw=0.8, ls=":")
    axes.text(8.5, len(names) - 0.45, "8: lost whoever reads", fontsize=9, color=GREY)
    axes.set_xlabel("of 100 cases, betrayed before the police could act")
    axes.set_xlim(0, 100)
    _title(axes, "how many cases are betrayed, by who may read them")


def _learning(figure: Figure, worlds: Worlds) -> None:
    axes = figure.subplots()
    for name in ("one_each", "exclusions", "reference", "ours"):
        curves = np.array([world[name].curve for world in worlds])
        middle, half = curves.mean(axis=0), 2 * curves.std(axis=0) / np.sqrt(len(curves))
        seen = (np.arange(len(middle)) + 0.5) * 1000 / len(middle)
        axes.plot(seen, middle, color=COLOURS[name], lw=2, label=POLICIES[name])
        axes.fill_between(seen, middle - half, middle + half, color=COLOURS[name], alpha=0.15, lw=0)
    axes.set_ylim(0)
    axes.set_xlabel("cases that the line has had so far")
    axes.set_ylabel("of 100 cases, betrayed by a reader")
    axes.legend(frameon=False)
    _title(axes, "the line learns from outcomes whom to avoid")


def _attacks(figure: Figure, ran: Mapping[str, Worlds]) -> None:
    axes = figure.subplots()
    names = list(SCENARIOS)[::-1]
    for shown in ("exclusions", "reference", "ours"):
        means = [of(ran[name], shown, "lost") for name in names]
        axes.errorbar(
            [m.value for m in means], range(len(names)), xerr=[m.half for m in means], fmt="o", color=COLOURS[shown], label=POLICIES[shown]
        )
    axes.plot(
        [of(ran[n], "today", "lost").value for n in names],
        range(len(names)),
        "|",
        ms=12,
        mew=3,
        color=COLOURS["today"],
        label=POLICIES["today"],
    )
    axes.axvline(8, color=COLOURS["oracle"], lw=1, label=f"{POLICIES['oracle']} (8)")
    axes.set_yticks(range(len(names)), [name.replace("_", " ") for name in names], fontsize=9.5)
    axes.set_xlim(0, 100)
    axes.set_xlabel("of 100 cases, betrayed")
    axes.legend(frameon=False, fontsize=9.5, loc="center", bbox_to_anchor=(0.42, 0.5))
    _title(axes, "how many cases are betrayed, under sixteen kinds of trouble")


def _prevalence(figure: Figure, ran: Mapping[str, Worlds]) -> None:
    _curves(figure.subplots(), {8: ran["clean"], 15: ran["corrupt_15"], 25: ran["base"], 40: ran["corrupt_40"], 60: ran["rotten"]})
    figure.axes[0].set_xlabel("of 100 people on the roster, corrupt")
    _title(figure.axes[0], "the more are corrupt, the more is betrayed")


def _size(figure: Figure, ran: Mapping[str, Worlds]) -> None:
    sizes = {int(name.removeprefix("people_")): ran[name] for name in SERIES if name.startswith("people_")}
    axes = figure.subplots()
    _curves(axes, dict(sorted({**sizes, 45: ran["small_pool"], 150: ran["base"]}.items())))
    axes.set_xscale("log")
    axes.set_xticks([24, 45, 80, 150, 300], ["24", "45", "80", "150", "300"])
    axes.minorticks_off()
    axes.set_xlabel("people on the roster")
    _title(axes, "what is betrayed, by how many people there are to choose from")


def _curves(axes: Axes, by: Mapping[int, Worlds]) -> None:
    for name in SHOWN:
        means = [of(worlds, name, "lost") for worlds in by.values()]
        axes.errorbar(
            list(by), [m.value for m in means], yerr=[m.half for m in means], fmt="o-", lw=2, color=COLOURS[name], label=POLICIES[name]
        )
    axes.set_ylim(0, 100)
    axes.set_ylabel("of 100 cases, betrayed")
    axes.legend(frameon=False, loc="center", bbox_to_anchor=(0.62, 0.46))


def _small(figure: Figure, small: Sequence[Small]) -> None:
    rows = figure.subplots(1, len(AGENCIES), sharey=True)
    for axes, agencies in zip(rows, AGENCIES, strict=True):
        lines = [one for one in small if one.agencies == agencies]
        ticks = range(len(lines))
        at_once, vetters = np.array([one.at_once for one in lines]), np.array([one.vetters for one in lines])
        axes.bar(ticks, at_once, color=COLOURS["ours"], label="goes out at once")
        axes.bar(ticks, vetters, bottom=at_once, color=COLOURS["one_each"], label="waits for two vetters")
        axes.bar(ticks, 100 - at_once - vetters, bottom=at_once + vetters, color=COLOURS["today"], label="held: nobody may read it")
        axes.set_xticks(ticks, [str(one.people) for one in lines])
        axes.set_xlabel(f"readers, {agencies}")
    rows[0].set_ylabel("of 100 tips that are not urgent")
    handles, labels = rows[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False)
    figure.suptitle("Simulated: what a small line can do with a tip", x=0.01, ha="left", fontsize=12.5, fontweight="bold")


def _fairness(figure: Figure, worlds: Worlds) -> None:
    axes = figure.subplots()
    for name in ("one_each", "exclusions", "ours"):
        least = min(len(world[name].loads) for world in worlds)
        loads = np.mean([world[name].loads[:least] for world in worlds], axis=0)
        axes.plot(np.arange(1, least + 1), loads, color=COLOURS[name], lw=2, label=POLICIES[name])
    axes.set_ylim(0)
    axes.set_xlim(1)
    axes.set_xlabel("caseworkers, the busiest first")
    axes.set_ylabel("cases a year")
    axes.legend(frameon=False)
    _title(axes, "how the work is shared among caseworkers")
