"""The benchmark itself: what it counts is right, and what can be held without a clock is held here."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.bench.page import calls as documented
from tests.fakes.world import ROOT
from tools.bench.cases import Case, cases
from tools.bench.environments import Bare, Failed
from tools.bench.figures import COLUMNS, Result, Sample, chain, of_yardstick, table
from tools.bench.messages import Message, read
from tools.bench.profiles import imported, modules
from tools.bench.proxy import Proxy, name
from tools.bench.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tools.bench.figures import Call

pytestmark = [pytest.mark.xdist_group("bench"), pytest.mark.timeout(300)]
HERE = Path(sys.executable)
BARE = Bare(HERE, ROOT / "entrypoint.py", HERE, flags=())
"""This very environment, which has boto3 as well."""


def _call(began: float, ended: float) -> Call:
    return ("ec2:DescribeInstances", began, ended)


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        ([], 0),
        ([_call(0, 1)], 1),
        ([_call(0, 1), _call(0, 1), _call(0.5, 2)], 1),
        ([_call(0, 1), _call(1, 2), _call(2, 3)], 3),
        ([_call(0, 9), _call(0, 1), _call(2, 3), _call(4, 5), _call(9, 10)], 4),
        ([_call(4, 5), _call(0, 1), _call(0, 3)], 2),
    ],
)
def test_a_chain_is_the_longest_row_of_calls_of_which_each_waits_for_the_last(calls: list[Call], expected: int) -> None:
    """In whatever order they were written down."""
    assert chain(calls) == expected


def _request(start: str, body: bytes = b"", **headers: str) -> Message:
    return Message(start, tuple((each.replace("_", "-"), value) for each, value in headers.items()), body)


SIGNED = "AWS4-HMAC-SHA256 Credential=testing/20260131/eu-west-1/ec2/aws4_request, SignedHeaders=host, Signature=0"


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (_request("POST / HTTP/1.1", x_amz_target="DynamoDB_20120810.GetItem"), "dynamodb:GetItem"),
        (_request("POST / HTTP/1.1", X_Amz_Target="AmazonSQS.CreateQueue"), "sqs:CreateQueue"),
        (_request("POST / HTTP/1.1", X_Amz_Target="AmazonSSM.GetParameters"), "ssm:GetParameters"),
        (_request("POST / HTTP/1.1", b"Action=CreateTags&Version=1", Authorization=SIGNED), "ec2:CreateTags"),
        (_request("POST / HTTP/1.1", b"Action=AssumeRoleWithWebIdentity"), "sts:AssumeRoleWithWebIdentity"),
        (_request("DELETE /repos/o/r/actions/runners/7?a=1 HTTP/1.1"), "github:DELETE /repos/{}/{}/actions/runners/{}"),
        (_request("GET /orgs/o1/actions/runners HTTP/1.1"), "github:GET /orgs/{}/actions/runners"),
    ],
)
def test_a_call_is_named_as_iam_names_it(request_: Message, expected: str) -> None:
    """From its target or its form; GitHub's by method and path."""
    assert name(request_) == expected


@pytest.mark.parametrize(
    ("written", "body"),
    [
        (b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nab", b"ab"),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b""),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n", b"abc"),
        (b"HTTP/1.0 200 OK\r\nX: y\r\n\r\nto the end", b"to the end"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
    ],
)
def test_messages_are_read_whole_and_written_with_their_length(written: bytes, body: bytes) -> None:
    """However their end is told."""

    async def reread() -> tuple[Message, Message]:
        found: list[Message] = []
        for content in (written, b""):
            reader = asyncio.StreamReader()
            reader.feed_data(content or found[0].written())
            reader.feed_eof()
            found.append(await read(reader))
        return found[0], found[1]

    first, second = asyncio.run(reread())
    assert first.body == second.body == body
    assert second.header("content-length") == str(len(body))
    assert second.without("content-length") == first.without("content-length", "transfer-encoding")


def test_the_proxy_passes_calls_on_and_writes_them_down_with_their_wait() -> None:
    """On a connection that stays open, also where the emulator closes its own."""

    async def passed() -> tuple[list[bytes], Any]:
        over = asyncio.Event()

        async def emulator(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            request = await read(reader)
            writer.write(b"HTTP/1.0 200 OK\r\n\r\n" + request.body * 2)
            writer.close()

        async def serve(*pair: Any) -> None:
            await proxy.serve(0, *pair)
            over.set()

        upstream = await asyncio.start_server(emulator, "127.0.0.1", 0)
        proxy = Proxy([upstream.sockets[0].getsockname()[1]])
        assert proxy.told(json.dumps({"latency": 0.05, "upstreams": proxy.upstreams})) == []
        front = await asyncio.start_server(serve, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection("127.0.0.1", front.sockets[0].getsockname()[1])
        bodies = []
        async with upstream, front:
            for body in (b"Action=A", b"Action=B"):
                writer.write(_request("POST / HTTP/1.1", body).written())
                bodies.append((await read(reader)).body)
            writer.close()
            await writer.wait_closed()
            await over.wait()
        return bodies, proxy.told("{}")

    bodies, calls = asyncio.run(passed())
    assert bodies == [b"Action=AAction=A", b"Action=BAction=B"]
    assert [call[0] for call in calls] == ["sts:A", "sts:B"]
    assert chain(calls) == 2
    assert all(ended - began >= 0.05 for _, began, ended in calls)


def _result(case: str, latency: float, wall: float, **changed: Any) -> Result:
    given: dict[str, Any] = {
        "case": case,
        "backend": "moto",
        "latency": latency,
        "samples": (Sample(wall, 0.5, 40.2), Sample(wall * 9, 0.7, 60.4), Sample(wall, 0.6, 50.0)),
        "yardstick": (Sample(0.5, 0.5, 70.0),),
    }
    return Result(**given | changed)


def test_a_result_is_one_object_with_all_that_was_counted() -> None:
    """Medians of times, the peak of memory, calls by name."""
    calls = (("ec2:DescribeInstances", 0.0, 1.0), ("dynamodb:PutItem", 1.0, 2.0), ("github:GET /x", 0.0, 1.0))
    assert json.loads(_result("no-op", 0.02, 0.3, calls=calls).written()) == {
        "case": "no-op",
        "backend": "moto",
        "latency_ms": 20,
        "runs": 3,
        "wall_s": 0.3,
        "of_yardstick": 0.6,
        "cpu_s": 0.6,
        "peak_mb": 60,
        "calls": 3,
        "calls_by_name": {"dynamodb:PutItem": 1, "ec2:DescribeInstances": 1, "github:GET /x": 1},
        "writes": 1,
        "chain": 2,
        "exit_code": 0,
    }


def test_the_table_has_a_row_a_case_and_says_nothing_where_nothing_was_measured() -> None:
    """CPU time an instance is that above a run that changes nothing, at the same latency."""
    calls = (("ec2:TerminateInstances", 0.0, 1.0),)
    ended = (Sample(3.0, 2.6, 90.0),)
    results = [
        _result("no-op", 0.0, 0.25),
        _result("no-op", 0.02, 0.3, samples=(Sample(0.3, 0.7, 50.0),)),
        _result("collection", 0.0, 3.0, samples=ended, calls=calls, instances=1000),
        _result("docker run", 0.0, 0.6, samples=(Sample(0.6),)),
    ]
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in table(results).splitlines()]
    assert lines[0] == list(COLUMNS)
    assert lines[2:] == [
        ["no-op", "0.25 s", "0.30 s", "0.60", "0.70 s", "", "50 MB", "0", "0", "0"],
        ["collection", "3.00 s", "", "6.00", "2.60 s", "2.00 ms", "90 MB", "1", "1", "1"],
        ["docker run", "0.60 s", "", "1.20", "", "", "", "0", "0", "0"],
    ]


def test_what_is_imported_is_told_by_package() -> None:
    """Each with its own time, not with that of what it imports."""
    told = (
        "import time: self [us] | cumulative | imported package\n"
        "import time:       700 |        700 |     botocore.compat\n"
        "import time:      9100 |       9800 |   botocore.session\n"
        "import time:      4000 |      13800 | refresh.__main__\n"
        "error: something else\n"
    )
    assert imported(told) == [("botocore", 10, 2), ("refresh", 4, 1)]
    assert modules(told) == [("botocore.session", 9.1), ("refresh.__main__", 4.0), ("botocore.compat", 0.7)]


def test_the_yardstick_has_a_row_of_its_own_over_all_its_runs() -> None:
    """It is run beside every case."""
    result = of_yardstick(
        [_result("no-op", 0.0, 0.25), _result("no-op", 0.02, 0.3, yardstick=(Sample(0.7, 0.6, 80.0),))]
    )
    assert (result.case, len(result.samples), result.ratio, result.peak) == ("yardstick", 2, 1.0, 80.0)


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """Give the benchmark's own emulators."""
    with Stage() as started:
        yield started


def _case(title: str) -> Case:
    return next(case for case in cases() if case.name == title)


@pytest.mark.parametrize(
    ("title", "longest_chain"),
    [
        ("missing input", 0),
        ("no-op", 3),
        ("fresh account", 15),
        ("no-op, 5,000 living", 12),
        ("collection of 1,000", 82),
    ],
)
def test_what_runs_cost_in_calls(stage: Stage, title: str, longest_chain: int) -> None:
    """As docs/performance.md tells it. Calls are exact, seconds are not: only the former are held."""
    (first, *_) = _case(title).measured(stage, BARE, runs=1)
    assert (len(first.calls), first.writes) == documented(title), first.written()
    assert chain(first.calls) <= longest_chain, first.written()
    assert json.loads(first.written())["peak_mb"] > 5


def test_a_run_that_ends_otherwise_than_it_should_fails_the_benchmark(stage: Stage) -> None:
    """With all that it printed."""
    stage.settle()
    with pytest.raises(Failed, match=r"exit code 2, 0 expected:\n(?s:.*)ami: is required"):
        BARE.refresh(stage.world.environ(ami=""), 0)
