"""What a training says while it runs, and what was reached in the end."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rich.console import Console
from rich.progress import TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from bench.cli.output import say
from bench.cli.progress import Bar
from impls.training.evaluation import Trained
from impls.training.history import Epoch, Standing
from impls.training.sessions import Session
from reports.evaluation.summary import QUANTITIES


class TrainingProgress(Bar):
    """A bar that moves with every epoch, and a status of several lines every ``period`` epochs."""

    def __init__(self, console: Console, session: Session, epochs: int, period: int) -> None:
        self.session, self.epochs, self.period = session, epochs, period
        self.standing: Standing | None = None
        count, done = "{task.completed}/{task.total}", len(session.history.epochs)
        super().__init__(console, count, TimeRemainingColumn(), epochs, completed=done)

    def show(self, epoch: Epoch) -> None:
        """Take note of a finished epoch."""
        self.standing = epoch.standing or self.standing
        self.bar.update(self.task, completed=epoch.number, description=self._short(epoch))
        if epoch.number % self.period == 0 or epoch.number == self.epochs:
            for line in self._status(epoch):
                say(self.console, line)

    def _short(self, epoch: Epoch) -> str:
        words = [f"cost {epoch.cost:.4g}", f"error {epoch.mean_error:.4f}"]
        if self.standing:
            words.append(
                f"train {self.standing.train_accuracy:.2%}, test {self.standing.test_accuracy:.2%}"
            )
        return ", ".join(words)

    def _status(self, epoch: Epoch) -> list[str]:
        history, trainer = self.session.history, self.session.trainer
        sizes = ", ".join(f"{np.abs(W).mean():.4f}" for W in trainer.parameters().weights)
        return [
            (
                f"{self.session.row.name}, epoch {epoch.number} of {self.epochs}: "
                f"{epoch.seconds:.3g} s, {history.seconds:.4g} s in all, "
                f"rate {epoch.learning_rate:.6g}"
            ),
            (
                f"  last batch: cost {epoch.last_cost:.5g}, penalty {epoch.penalty_share:.3%} of "
                f"it, mean error of the epoch {epoch.mean_error:.5f}"
            ),
            _standing_line(epoch.standing),
            f"  mean weight by layer: {sizes}",
        ]


def _standing_line(standing: Standing | None) -> str:
    if standing is None:
        return "  all examples: not looked at in this epoch"
    return (
        f"  all examples: loss {standing.loss:.5f} each, penalty {standing.penalty_share:.3%} of "
        f"the cost, accuracy {standing.train_accuracy:.4f} train, {standing.test_accuracy:.4f} test"
    )


def reached_table(reached: Sequence[Trained]) -> Table:
    """Return one column per implementation, so that the table fits a narrow terminal."""
    table = Table(title="After training", title_justify="left")
    table.add_column("")
    for trained in reached:
        table.add_column(Text(trained.name), justify="right")
    for name, quantity in QUANTITIES.items():
        table.add_row(name, *(quantity(trained)[1] for trained in reached))
    return table
