"""The live view shows what it is given, on any terminal."""

from __future__ import annotations

import io

from rich.console import Console

from cryptoflow.demo.view import PRICES_SHOWN, Snapshot, draw


def shown(now: Snapshot) -> str:
    """Return the view as text."""
    out = io.StringIO()
    Console(file=out, width=120).print(draw(now))
    return out.getvalue()


def test_the_view_shows_the_flow_the_tables_and_the_prices() -> None:
    """Each figure stands there, with its thousands told apart."""
    text = shown(
        Snapshot(
            elapsed_s=61.4,
            state="normalizing",
            sent=9_876_543,
            received=8_765_432,
            published=7_654_321,
            rate=1234.5,
            lag_records=4321,
            gaps=17,
            rows={"trades": 55_555, "quotes": 66_666},
            prices={"BTC-USDT": "61000.5"},
            data_dir="there",
        )
    )
    for piece in ("9,876,543", "8,765,432", "7,654,321", "1,234", "4,321", "17", "55,555", "66,666", "61000.5"):
        assert piece in text
    assert "normalizing  61 s" in text
    assert "data in there" in text
    assert text.index("quotes") < text.index("trades")


def test_a_run_that_has_just_begun_has_a_view() -> None:
    """Nothing known yet is no failure."""
    assert "starting" in shown(Snapshot())


def test_only_some_prices_are_shown() -> None:
    """Hundreds of symbols do not push the tables off the screen."""
    text = shown(Snapshot(prices={f"S{number:03d}-USDT": "1" for number in range(200)}))
    assert text.count("-USDT") == PRICES_SHOWN
    assert "S000-USDT" in text
