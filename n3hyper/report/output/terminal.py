"""Report on a terminal."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from typing import Final

import numpy as np
from rich.cells import cell_len
from rich.console import Console, Group, OverflowMethod, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from n3hyper.report.analysis.importance import METHOD
from n3hyper.report.analysis.ranges import Choices, Range, did_well
from n3hyper.report.analysis.view import TABLE_SCORES, View, cell
from n3hyper.report.output.textplot import Canvas, bar, histogram
from n3hyper.report.text import show_number, span
from n3hyper.report.trials.columns import ASCII, PART, column

WIDE: Final = 120
"""Columns from which two things stand side by side."""
_LIVE: Final = 600.0
"""Seconds since the last write in which a scan may be running."""


class Terminal:
    """Writer of a report to a console of any kind.

    Parameters
    ----------
    view
        What is shown.
    console
        Where.
    """

    def __init__(self, view: View, console: Console) -> None:
        self.view, self.console = view, console
        self.ascii = not console.encoding.lower().startswith("utf")
        self.cut: OverflowMethod = "crop" if self.ascii else "ellipsis"
        self.width = max(console.width, 20)

    def show(self) -> None:
        """Write the whole report."""
        print_ = self.console.print
        print_(self.glance())
        if self.view.scan.good:
            wide = self.width >= WIDE
            if len(self.view.scan.good) > 1:
                print_()
                print_(self.convergence())
            setup, weights = self.setup(), self.importance()
            folds = _together([self.folds(), self.fold_parts()])
            print_()
            if wide:
                right = Group(*_spaced([block for block in (folds, weights) if block is not None]))
                grid = Table.grid(padding=(0, 4))
                grid.add_column(max_width=self.width // 2)
                grid.add_column()
                grid.add_row(setup, right)
                print_(grid)
            else:
                for part in _spaced([part for part in (setup, folds, weights) if part is not None]):
                    print_(part)
            if self.view.top:
                print_()
                print_(self.top())
            comparison = self.comparison()
            if comparison is not None:
                print_()
                print_(comparison)
        failures = self.failures()
        if failures is not None:
            print_()
            print_(failures)
        for note in self.view.scan.notes:
            print_(Text(self.say(f"note: {note}"), style="yellow"), soft_wrap=True)

    def say(self, text: str) -> str:
        """Return `text` in the characters that the terminal has."""
        if not self.ascii:
            return text
        return text.translate(ASCII).encode("ascii", "replace").decode()

    def _title(self, text: str) -> Text:
        return Text(self.say(text), style="bold")

    def _table(self, title: str) -> Table:
        return Table(
            title=self._title(title),
            title_justify="left",
            title_style="",
            box=None,
            expand=False,
            header_style="dim",
            padding=(0, 2, 0, 0),
            pad_edge=False,
        )

    def glance(self) -> Text:
        """Return the scan in a few lines."""
        view, scan = self.view, self.view.scan
        lines = Text(self.say(view.heading), style="bold")
        lines.append(f"\n{self.say(view.counts)}", style="not bold")
        best = scan.best
        if best is not None:
            which = f"trial {best.tid}" if len(scan.scans) < 2 else f"{best.iteration}"
            lines.append("\nbest loss ", style="not bold")
            lines.append(show_number(best.loss, 5), style="bold green")
            if len(scan.scans) > 1 and best.scan < len(scan.scans):
                which = f"trial {best.tid} of {scan.scans[best.scan]}"
            lines.append(self.say(f" in {which}  ({view.loss_words})"), style="not bold")
            if view.best_parts:
                lines.append(self.say(f"\n  = {view.best_parts}"), style="not bold")
        else:
            lines.append("\nno trial has a loss", style="not bold red")
        if view.time_words:
            lines.append(f"\n{view.time_words}", style="not bold")
        age = time.time() - scan.modified
        if 0 <= age < _LIVE:
            lines.append(f"\nlast written {span(age)} ago", style="not bold dim")
        return lines

    def convergence(self) -> RenderableType:
        """Return losses over trials, and the best so far."""
        data = self.view.convergence
        low = float(data.loss.min())
        high = float(np.quantile(data.loss, 0.9))
        high = high if high > low else low + max(abs(low), 1.0) * 0.1
        last = max(float(self.view.scan.trials[-1].iteration), 1.0)
        margin = max(len(show_number(value)) for value in (low, high)) + 1
        canvas = Canvas(max(10, min(self.width - margin - 2, 100)), 7, self.ascii)
        scale = 0.97 / (high - low)
        canvas.points(data.iteration / last, 0.01 + (data.loss - low) * scale)
        across = np.linspace(0, 1, 8 * canvas.width)
        place = np.searchsorted(data.iteration, across * last, side="right") - 1
        known = place >= 0
        level = 0.01 + (data.best[place[known]] - low) * scale
        canvas.points(across[known], level, line=True)
        plot = Text()
        plot.append("Losses over trials", style="bold")
        hidden = int((data.loss > high).sum())
        above = f"; the worst {hidden} lie above" if hidden else ""
        plot.append(f" and the best so far{above}\n")
        edge = "|" if self.ascii else "│"
        for number, row in enumerate(canvas.rows()):
            mark = {0: high, canvas.height - 1: low}.get(number)
            label = "" if mark is None else show_number(mark)
            plot.append(f"{label:>{margin}}{edge}", style="dim")
            for character, on_line in row:
                plot.append(character, style="bold green" if on_line else "cyan")
            plot.append("\n")
        end = f"{last:.0f}"
        plot.append(" " * (margin + 1) + f"0{end:>{canvas.width - 1}}", style="dim")
        return plot

    def setup(self) -> RenderableType:
        """Return the whole best setup."""
        table = self._table("Best setup")
        table.show_header = False
        table.add_column(no_wrap=True, overflow=self.cut)
        table.add_column(overflow="fold")
        for name, value, scanned in self.view.best_setup:
            plain = scanned or len(self.view.scan) == 1
            label = Text(self.say(name), style="" if plain else "dim")
            table.add_row(label, Text(self.say(value), style="bold" if plain else "dim"))
        if len(self.view.scan) > 1:
            return Group(table, Text("dim: the same in all trials", style="dim"))
        return table

    def folds(self) -> RenderableType | None:
        """Return the folds, and the one that decides."""
        folds = self.view.folds
        if not folds:
            return None
        deciding = self.view.deciding_fold
        table = self._table("Folds of the best trial")
        for name in ("fold", "loss", "χ²", "φ²", "-logp", "decides"):
            table.add_column(self.say(name), justify="right", no_wrap=True, overflow=self.cut)
        table.add_column("leaves out", overflow="fold")
        for fold in folds:
            row = [str(fold.number), show_number(fold.loss)]
            row += [show_number(score) for score in (fold.chi2, fold.phi2, fold.logp)]
            share = "" if math.isnan(fold.decides) else f"{100 * fold.decides:.0f}%"
            texts = [Text(entry) for entry in (*row, share)]
            style = "bold magenta" if fold is deciding else ""
            table.add_row(*texts, Text(self.say(fold.datasets)), style=style)
        if deciding is not None and not math.isnan(deciding.decides):
            words = f"Fold {deciding.number} decides: the largest loss of all folds in "
            words += f"{100 * deciding.decides:.0f}% of the trials"
            if not self.view.scan.trials[0].ours:
                words += "; losses of folds by n3hyper's definition"
            return Group(table, Text(words, style="dim"))
        return table

    def fold_parts(self) -> RenderableType | None:
        """Return what the loss of each fold of the best trial is made of, and its replicas."""
        found = self.view.best_fold_parts
        if found is None or not (found.parts or found.replicas):
            return None
        names = [name for name, values in found.parts.items() if np.any(values)]
        table = self._table("What their losses are made of")
        for name in ("fold", *(column(f"{PART}{name}").short for name in names), "replicas"):
            table.add_column(self.say(name), justify="right", no_wrap=True, overflow=self.cut)
        count = len(found.replicas) or len(next(iter(found.parts.values())))
        for fold in range(count):
            row = [str(fold + 1), *(show_number(found.parts[name][fold]) for name in names)]
            used = found.replicas[fold] if fold < len(found.replicas) else None
            row.append("" if used is None else f"{used[0]} of {used[1]}")
            short = used is not None and used[0] < used[1]
            table.add_row(*map(Text, row), style="yellow" if short else "")
        return Group(table, Text(self.say(self.view.replica_words), style="dim"))

    def failures(self) -> RenderableType | None:
        """Return why trials failed, in groups, with advice."""
        groups = self.view.failure_groups
        if not groups:
            return None
        blocks: list[RenderableType] = [self._title("Why trials failed")]
        for group in groups:
            tids = ", ".join(map(str, group.tids[:5])) + (", ..." if group.count > 5 else "")
            trials = "trial" if group.count == 1 else "trials"
            head = Text(self.say(f"{group.count} {group.label}"), style="red")
            head.append(self.say(f"  ({trials} {tids})"), style="not red dim")
            blocks.append(head)
            for what, said in (("last", group.text), ("may help", group.advice)):
                if said:
                    words = Text(self.say(f"{what}: {said}"), style="default")
                    blocks.append(Padding(words, (0, 0, 0, 2), expand=False))
        return Group(*blocks)

    def importance(self) -> RenderableType | None:
        """Return the importance of the hyperparameters."""
        found = self.view.importances
        if found is None:
            return None
        table = self._table("Importance")
        table.show_header = False
        table.add_column(no_wrap=True, overflow=self.cut)
        table.add_column(no_wrap=True, justify="right", overflow=self.cut)
        table.add_column(no_wrap=True, overflow=self.cut)
        length = max(8, min(30, self.width - 42))
        for entry in found.entries[:12]:
            table.add_row(
                Text(self.say(entry.name)),
                f"{100 * entry.share:.0f}%",
                Text(bar(entry.share, length, self.ascii), style="cyan"),
            )
        table.add_row(Text("combinations", style="dim"), f"{100 * found.together:.0f}%", "")
        trust = f"R2 {found.score:.2f} on trials the forest has not seen"
        if found.score < 0.2:
            trust += ": too few trials to trust this"
        return Group(table, Text(self.say(f"{METHOD}; {trust}"), style="dim"))

    def top(self) -> RenderableType:
        """Return the best trials, with as many columns as fit."""
        view, scan = self.view, self.view.scan
        trials = scan.with_trials(view.top_trials)
        hidden = {"mean_width", "activation_per_layer", "number_of_layers", "stopping_epochs"}
        if "nodes_per_layer" not in scan.scanned:
            hidden.clear()
        names = ["tid", "loss", *(name for name in scan.scanned if name not in hidden)]
        parts = scan.part_columns
        names[2:2] = (*parts, *TABLE_SCORES[1:])
        if len(scan.scans) > 1:
            names.insert(1, "scan")
        if view.sort.removeprefix("-") not in names:
            names.insert(1, view.sort.removeprefix("-"))
        if any(not trial.ok for trial in trials.trials):
            names.insert(2, "reason")
        cells = {
            name: [self.say(cell(name, value)) for value in trials.column(name)] for name in names
        }
        heads = {name: self.say(column(name).short) for name in names}
        names = [name for name in names if any(cells[name])]
        names = [name for name in names if name not in parts or any(trials.column(name))]
        kept = self._fitting(names, cells, heads)
        sort = "" if view.sort == "loss" else f", by {view.sort}"
        table = self._table(f"The best {len(trials)} trials{sort}")
        for name in kept:
            text = any(any(c.isalpha() and c != "e" for c in cell) for cell in cells[name])
            table.add_column(
                heads[name], justify="left" if text else "right", no_wrap=True, overflow=self.cut
            )
        for place, trial in enumerate(trials.trials):
            style = "bold green" if trial is scan.best else "" if trial.ok else "red"
            table.add_row(*(Text(cells[name][place]) for name in kept), style=style)
        left = len(names) - len(kept)
        if left:
            names_left = ", ".join(heads[name] for name in names if name not in kept)
            words = f"not shown: {names_left} (a wider terminal, or --format csv)"
            return Group(table, Text(words, style="dim"))
        return table

    def _fitting(
        self, names: list[str], cells: dict[str, list[str]], heads: dict[str, str]
    ) -> list[str]:
        """Return the columns that fit; scores that matter less give way before hyperparameters."""
        last = ("hyper_loss_logp", "trvl_loss_chi2exp", "experimental_loss", "validation_loss")
        order = [name for name in names if name not in last] + [n for n in last[::-1] if n in names]
        room, kept = self.width, set()
        for name in order:
            need = max(cell_len(text) for text in (heads[name], *cells[name])) + 2
            if need <= room + 2:
                kept.add(name)
                room -= need
        return [name for name in names if name in kept]

    def comparison(self) -> RenderableType | None:
        """Return what was drawn beside what did well."""
        entries = self.view.comparison
        if not entries:
            return None
        best = f"the best {len(did_well(self.view.scan))}"
        table = self._table(f"What was drawn, and {best} trials")
        wide = self.width >= 100
        if not wide:
            table.padding = (0, 1, 0, 0)
        for name in ("", "drawn", "", best, "", *(("best trial",) if wide else ())):
            table.add_column(name, no_wrap=True, overflow=self.cut)
        before = ""
        for entry in entries:
            if isinstance(entry, Range) and entry.group and entry.name != before:
                table.add_row(Text(self.say(entry.name)))
            before = entry.name
            cells = self._range(entry) if isinstance(entry, Range) else self._choices(entry)
            for row in cells:
                table.add_row(*row[:5], *(row[5:] if wide else ()))
        return table

    def _between(self, low: float, high: float) -> str:
        digits = 3 if self.width >= 100 else 2
        ends = [float(f"{end:.{digits}g}") for end in (low, high)]
        return f"{ends[0]:g} .. {ends[1]:g}"

    def _range(self, entry: Range) -> Iterable[list[Text]]:
        head = f"  {entry.group}" if entry.group else entry.name
        scale = " log" if entry.log and self.width >= 100 else ""
        best = "" if entry.best is None else cell(entry.name, entry.best)
        good = ""
        if not math.isnan(entry.good_low):
            good = self._between(entry.good_low, entry.good_high)
        drawn = f"{self._between(entry.low, entry.high)}{scale}"
        yield [
            Text(self.say(head)),
            Text(histogram(entry.drawn, self.ascii), style="dim cyan"),
            Text(drawn),
            Text(histogram(entry.good, self.ascii), style="green"),
            Text(good),
            Text(best, style="bold"),
        ]

    def _choices(self, entry: Choices) -> Iterable[list[Text]]:
        for place, (value, drawn, good) in enumerate(entry.rows):
            best = value == entry.best
            name = cell(entry.name, value) or "none"
            yield [
                Text(self.say(entry.name) if place == 0 else ""),
                Text(bar(drawn, 10, self.ascii), style="dim cyan"),
                Text(self.say(f"{100 * drawn:3.0f}% {name[:11]}")),
                Text(bar(good, 10, self.ascii), style="green"),
                Text(f"{100 * good:3.0f}%"),
                Text(self.say(name) if best else "", style="bold"),
            ]


def _together(parts: list[RenderableType | None]) -> RenderableType | None:
    """Return blocks with an empty line between them as one; None where there are none."""
    found = _spaced([part for part in parts if part is not None])
    return Group(*found) if found else None


def _spaced(parts: list[RenderableType]) -> list[RenderableType]:
    """Yield blocks with an empty line between them."""
    found: list[RenderableType] = []
    for part in parts:
        found += [part, Text("")]
    return found[:-1]
