"""What a comparison found, in numbers and with the first examples of each kind."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

EXAMPLES_MAX = 5
FAILURES = ("lost", "duplicated", "altered", "undeclared_gaps", "overlong_gaps", "misdeclared_gaps")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerances:
    """Say how far a gap may reach beyond what was missed, and what nobody can see; all in seconds."""

    silence_limit_s: float = 5.0
    """A stream without ids silent for less than this is not a gap; silent for longer may be one."""

    reconnect_s: float = 5.0
    """A gap of a connection that was down may end this long after the venue has it again."""

    snapshot_s: float = 30.0
    """A gap of a book may last this long beyond the venue's next fresh answer: until that is spliced."""

    clock_s: float = 0.5
    """Slack between the times of two processes."""


@dataclass
class Report:
    """Count failures; `rows` and `frames` say how much was compared, `notes` what is no failure."""

    counts: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)
    rows: dict[str, int] = field(default_factory=dict)
    examples: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    frames: int = 0
    gaps: int = 0

    def fail(self, kind: str, example: str, count: int = 1) -> None:
        """Count a failure and keep its example if it is among the first."""
        self.counts[kind] += count
        if len(self.examples[kind]) < EXAMPLES_MAX:
            self.examples[kind].append(example)

    @property
    def clean(self) -> bool:
        """Tell whether nothing failed."""
        return not any(self.counts[kind] for kind in FAILURES)

    def plain(self) -> dict[str, Any]:
        """Return the report as a JSON object."""
        return {
            **{kind: self.counts[kind] for kind in FAILURES},
            "gaps": self.gaps,
            "rows": self.rows,
            "frames": self.frames,
            "notes": dict(self.notes),
            "examples": {kind: found for kind, found in self.examples.items() if found},
        }

    def text(self) -> str:
        """Return the report for people."""
        lines = [f"{self.frames:,} frames sent, {self.gaps:,} gaps declared"]
        lines += [f"  {name}: {count:,} rows" for name, count in self.rows.items()]
        lines += [f"{kind.replace('_', ' ')}: {self.counts[kind]:,}" for kind in FAILURES]
        lines += [f"  {kind.replace('_', ' ')}: {count:,} (no failure)" for kind, count in self.notes.items()]
        for kind, found in self.examples.items():
            lines += [f"{kind}: {example}" for example in found]
        lines.append("clean" if self.clean else "NOT clean")
        return "\n".join(lines)
