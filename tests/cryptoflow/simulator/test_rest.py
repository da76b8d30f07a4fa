"""REST answers of the venue."""

from __future__ import annotations

import json

ONE = {"symbols": 1, "start_wait_s": 0.1, "rate_fps": 2000}


async def test_rest(start):
    """REST answers carry the used weight; beyond the limit 429 with Retry-After."""
    async with start(**ONE, limits={"rest_weight_max": 45}) as venue:
        status, body, headers = await venue.get("/fapi/v1/exchangeInfo")
        assert (status, headers["X-MBX-USED-WEIGHT-1M"]) == (200, "1")
        assert [entry["symbol"] for entry in body["symbols"]] == ["SYM0001USDT"]
        assert body["symbols"][0]["x_synthetic"] is True
        assert (await venue.get("/fapi/v1/fundingInfo"))[0] == 200
        assert (await venue.get("/fapi/v1/time"))[1]["serverTime"] > 0
        assert (await venue.get("/fapi/v1/depth?symbol=NONE"))[1]["code"] == -1121
        assert (await venue.get("/fapi/v1/depth?symbol=SYM0001USDT&limit=7"))[1]["code"] == -4021
        assert (await venue.get("/fapi/v1/depth?symbol=SYM0001USDT&limit=1000"))[0] == 200
        status, _, headers = await venue.get("/fapi/v1/depth?symbol=SYM0001USDT&limit=1000")
        assert status == 429
        assert 1 <= int(headers["Retry-After"]) <= 61


async def test_answers_are_in_the_ledger(start):
    """Every depth answer is noted with its body, refusals with their status."""
    async with start(**ONE, limits={"rest_weight_max": 3}) as venue:
        _, body, _ = await venue.get("/fapi/v1/depth?symbol=SYM0001USDT&limit=5")
        assert (await venue.get("/fapi/v1/depth?symbol=SYM0001USDT&limit=5"))[0] == 429
        answers = [json.loads(rest) for kind, _, _, rest in venue.ledger() if kind == "J" and b'"rest"' in rest]
        assert [answer["status"] for answer in answers] == [200, 429]
        assert json.loads(answers[0]["body"]) == body
