"""OKX: what is asked for over REST. PROTOCOLS 5.3."""

from __future__ import annotations

from decimal import Decimal, localcontext

import msgspec

from exchanges._exchange import RestHost, RestRequest, TradeFill

WEIGHT_MAX = 40
WINDOW_S = 2.0
"""The budget of /market/books, 40 requests in 2 s; requests with a smaller budget weigh more."""

BOOK_LEVELS = 400
BOOK_WEIGHT = 1
WEIGHT_OF_TWENTY = 2
"""Weight of a request allowed 20 times in 2 s."""

TRADES_MAX = 100
REFUSAL_MAX_CHARS = 200
BACK_OFF_S = 2.0
_EXACT_DIGITS = 80


class _Status(msgspec.Struct):
    """`{"code":"50011","msg":"Too Many Requests","data":[]}` may come with status 200."""

    code: str = "0"
    msg: str = ""


class _Ticker(msgspec.Struct):
    """`{"instId":"BTC-USDT-SWAP","last":"60000.1","volCcy24h":"1200.5"}`; base on derivatives, else quote (5.4)."""

    instrument: str = msgspec.field(name="instId")
    last: str
    volume: str = msgspec.field(name="volCcy24h")


class _Tickers(msgspec.Struct):
    data: list[_Ticker]


class _Trades(msgspec.Struct):
    code: str
    data: list[msgspec.Raw]


class _TradeId(msgspec.Struct):
    id: str = msgspec.field(name="tradeId")


_status = msgspec.json.Decoder(_Status)
_tickers = msgspec.json.Decoder(_Tickers)
_trades = msgspec.json.Decoder(_Trades)
_trade_id = msgspec.json.Decoder(_TradeId)


def refusal(body: bytes) -> str:
    """Return the code and text of a refused request (50011 too many, 50013 busy); "" when it was served."""
    try:
        status = _status.decode(body)
    except (ValueError, RecursionError):
        return ""
    return "" if status.code in {"0", ""} else f"{status.code} {status.msg}"[:REFUSAL_MAX_CHARS]


HOST = RestHost(
    "https://openapi.okx.com",
    weight_max=WEIGHT_MAX,
    window_s=WINDOW_S,
    back_off_s={429: BACK_OFF_S, 503: BACK_OFF_S},  # PROTOCOLS 5.3: no Retry-After is documented
    refusal=refusal,
)


def snapshot_request(symbol: str) -> RestRequest:
    """Ask for the book of a native symbol, as deep as the channel."""
    return RestRequest("/api/v5/market/books", {"instId": symbol, "sz": str(BOOK_LEVELS)}, BOOK_WEIGHT)


def instruments_request(instrument_type: str) -> RestRequest:
    """Ask for all instruments of a type; the limit is per type (PROTOCOLS 5.3)."""
    return RestRequest("/api/v5/public/instruments", {"instType": instrument_type}, WEIGHT_OF_TWENTY)


def volumes_request(instrument_type: str) -> RestRequest:
    """Ask for the last day's volume of all instruments of a type."""
    return RestRequest("/api/v5/market/tickers", {"instType": instrument_type}, WEIGHT_OF_TWENTY)


def volumes(body: bytes, *, in_base: bool) -> dict[str, Decimal]:
    """Read traded values in the quote asset; `in_base` volumes are valued at the last price.

    Raises ValueError or RecursionError.
    """
    found = {}
    with localcontext(prec=_EXACT_DIGITS):
        for ticker in _tickers.decode(body).data:
            if not (ticker.volume and ticker.last):  # both are empty before the first trade
                continue
            try:
                price = Decimal(ticker.last) if in_base else Decimal(1)
                found[ticker.instrument] = Decimal(ticker.volume) * price
            except ArithmeticError as error:
                raise ValueError(f"reading the volume of {ticker.instrument}: no number") from error
    return found


def _trades_request(symbol: str, from_id: int) -> RestRequest:
    # Both bounds are exclusive, and together they hold no more ids than one answer does.
    query = {
        "instId": symbol,
        "type": "1",
        "before": str(from_id - 1),
        "after": str(from_id + TRADES_MAX),
        "limit": str(TRADES_MAX),
    }
    return RestRequest("/api/v5/market/history-trades", query, WEIGHT_OF_TWENTY)


def _trades_of(symbol: str, body: bytes) -> list[tuple[int, bytes]]:
    del symbol  # an answer is about one instrument
    found = {}
    for raw in _trades.decode(body).data:
        entry = bytes(raw)
        text = _trade_id.decode(entry).id
        if not (text.isascii() and text.isdigit()):
            raise ValueError(f"reading trades: id {text[:20]!r} is no number")
        found[int(text)] = entry
    return sorted(found.items())


TRADE_FILL = TradeFill(_trades_request, _trades_of, TRADES_MAX)
"""Single fills by id. The ids of aggregates have holes (PROTOCOLS 5.4 (!)), so nobody asks by default."""
