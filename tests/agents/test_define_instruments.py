"""Canonical names and definitions."""

from __future__ import annotations

from tests.doubles.raw_frames import Log, core, rows, trade

DEFINITION = {"native": "AB", "base": "A", "quote": "B", "tick": "0.1"}


def test_rows_have_the_native_name_until_the_symbol_is_defined() -> None:
    """The canonical name holds from the defining frame on, also within its record and for later records."""
    log = Log()
    log.put("trades", trade(1))
    log.add(
        log.frame("trades", trade(2)),
        log.frame("instrument", DEFINITION),
        log.frame("trades", trade(3)),
    )
    log.put("trades", trade(4))
    log.put("trades", trade(1), symbol="CD")
    outputs = core().process(log.records)
    names = rows(outputs, "md.trades", "symbol", "native_symbol")
    assert names == [("AB", "AB"), ("AB", "AB"), ("A-B", "AB"), ("A-B", "AB"), ("CD", "CD")]
    assert rows(outputs, "md.instruments", "symbol", "base", "quote", "status") == [("A-B", "A", "B", "on")]


def test_a_definition_is_a_row_when_it_changes() -> None:
    """Repeating a definition at every start writes nothing; a change writes a row with the venue's own JSON."""
    log = Log()
    for tick in ("0.1", "0.1", "0.5"):
        log.put("instrument", {**DEFINITION, "tick": tick})
    outputs = core().process(log.records)
    assert [str(tick.normalize()) for tick in rows(outputs, "md.instruments", "tick_size")] == ["0.1", "0.5"]
    assert rows(outputs, "md.instruments", "definition")[1] == '{"native":"AB","base":"A","quote":"B","tick":"0.5"}'


def test_a_definition_with_a_bad_number_is_a_dead_letter() -> None:
    """Nothing is rounded: the definition is reported, and the name stays."""
    log = Log()
    log.put("instrument", {**DEFINITION, "tick": "1e50000000"})
    log.put("trades", trade(1))
    outputs = core().process(log.records)
    assert rows(outputs, "md.dead_letters", "stage", "column") == [("cell", "tick_size")]
    assert not rows(outputs, "md.instruments")
    assert rows(outputs, "md.trades", "symbol") == ["AB"]
