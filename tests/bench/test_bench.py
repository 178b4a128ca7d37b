"""What the benchmark measures with: the proxy that counts calls, the messages it reads, and the figures."""

from __future__ import annotations

import asyncio
import json
import sys
from functools import partial
from typing import Any

import pytest

from tools.bench.figures import COLUMNS, Result, Sample, chain, of_yardstick, table
from tools.bench.messages import Message, read
from tools.bench.profiles import imported, modules
from tools.bench.proxy import Proxy, name

SIGNED = "AWS4-HMAC-SHA256 Credential=testing/20260131/eu-west-1/ec2/aws4_request, SignedHeaders=host, Signature=0"
CLIENT = """
import sys, threading, time
from urllib.request import urlopen

def call(action):
    urlopen(f"http://127.0.0.1:{sys.argv[1]}", data=f"Action={action}".encode()).read()

def late():
    end = time.monotonic() + 0.3
    while time.monotonic() < end:  # long after the answers of A could have arrived
        pass
    call("Late")

thread = threading.Thread(target=late)
thread.start()
call("A")
call("AfterA")
thread.join()
call("AfterBoth")
"""


def _request(start: str, body: bytes = b"", **headers: str) -> Message:
    return Message(start, tuple((each.replace("_", "-"), value) for each, value in headers.items()), body)


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (_request("POST / HTTP/1.1", X_Amz_Target="DynamoDB_20120810.GetItem"), "dynamodb:GetItem"),
        (_request("POST / HTTP/1.1", x_amz_target="AmazonSQS.CreateQueue"), "sqs:CreateQueue"),
        (_request("POST / HTTP/1.1", b"Action=CreateTags&Version=1", Authorization=SIGNED), "ec2:CreateTags"),
        (_request("POST / HTTP/1.1", b"Action=AssumeRoleWithWebIdentity"), "sts:AssumeRoleWithWebIdentity"),
        (_request("DELETE /repos/o/r/actions/runners/7?a=1 HTTP/1.1"), "github:DELETE /repos/{}/{}/actions/runners/{}"),
        (_request("GET /orgs/o1/actions/runners HTTP/1.1"), "github:GET /orgs/{}/actions/runners"),
    ],
)
def test_a_call_is_named_as_iam_names_it(request_: Message, expected: str) -> None:
    """By its target or its form; GitHub's by method and path."""
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
def test_a_message_is_read_whole_and_written_with_its_length(written: bytes, body: bytes) -> None:
    async def reread(content: bytes) -> Message:
        reader = asyncio.StreamReader()
        reader.feed_data(content)
        reader.feed_eof()
        return await read(reader)

    first = asyncio.run(reread(written))
    second = asyncio.run(reread(first.written()))
    assert first.body == second.body == body
    assert second.header("content-length") == str(len(body))
    assert second.without("content-length") == first.without("content-length", "transfer-encoding")


def _passed_on(client: str, latency: float | None) -> list[tuple[str, int]]:
    """Run a client behind the proxy, with an emulator that closes every connection; return the recorded calls."""

    async def emulator(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await read(reader)
        writer.write(b"HTTP/1.0 200 OK\r\n\r\n" + request.body)
        writer.close()

    async def run() -> Any:
        upstream = await asyncio.start_server(emulator, "127.0.0.1", 0)
        proxy = Proxy([upstream.sockets[0].getsockname()[1]])
        assert proxy.handle(json.dumps({"latency": latency, "upstreams": proxy.upstreams})) == []
        front = await asyncio.start_server(partial(proxy.serve, 0), "127.0.0.1", 0)
        releasing = asyncio.create_task(proxy.release())
        async with upstream, front:
            port = str(front.sockets[0].getsockname()[1])
            child = await asyncio.create_subprocess_exec(sys.executable, "-c", client, port)
            assert await child.wait() == 0
        releasing.cancel()
        return proxy.handle("{}")

    return [tuple(each) for each in asyncio.run(run())]


def test_a_call_that_comes_late_waits_for_no_answer() -> None:
    """A generation has what does not depend on its own answers, in whatever time it is sent."""
    calls = _passed_on(CLIENT, latency=None)
    assert dict(calls) == {"sts:A": 1, "sts:Late": 1, "sts:AfterA": 2, "sts:AfterBoth": 3}
    assert chain(calls) == 3


def test_the_proxy_passes_calls_on_after_the_latency() -> None:
    assert sorted(name for name, _ in _passed_on(CLIENT, latency=0.01)) == [
        *("sts:A", "sts:AfterA", "sts:AfterBoth", "sts:Late")
    ]


def _result(case: str, latency: float, wall: float, **changed: Any) -> Result:
    given: dict[str, Any] = {
        "case": case,
        "backend": "moto",
        "latency": latency,
        "samples": (Sample(wall, 0.5, 40.2), Sample(wall * 9, 0.7, 60.4), Sample(wall, 0.6, 50.0)),
        "yardstick": (Sample(0.5, 0.5, 70.0),),
    }
    return Result(**given | changed)


def test_a_result_is_written_with_medians_the_peak_and_its_calls() -> None:
    calls = (("ec2:DescribeInstances", 1), ("dynamodb:PutItem", 2), ("github:GET /x", 1))
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


def test_the_table_has_a_row_for_each_case() -> None:
    """CPU time an instance is that above a run that changes nothing, at the same latency."""
    results = [
        _result("no-op", 0.0, 0.25),
        _result("no-op", 0.02, 0.3, samples=(Sample(0.3, 0.7, 50.0),)),
        _result("collection", 0.0, 3.0, samples=(Sample(3.0, 2.6, 90.0),), calls=(("x:Put", 1),), instances=1000),
        _result("docker run", 0.0, 0.6, samples=(Sample(0.6),)),
    ]
    rows = table([of_yardstick(results), *results])
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in rows.splitlines()]
    assert lines[0] == list(COLUMNS)
    assert lines[2:] == [
        ["yardstick", "0.50 s", "", "1.00", "0.50 s", "", "70 MB", "0", "0", "0"],
        ["no-op", "0.25 s", "0.30 s", "0.60", "0.70 s", "", "50 MB", "0", "0", "0"],
        ["collection", "3.00 s", "", "6.00", "2.60 s", "2.00 ms", "90 MB", "1", "1", "1"],
        ["docker run", "0.60 s", "", "1.20", "", "", "", "0", "0", "0"],
    ]


def test_imports_are_summed_up_by_package() -> None:
    """Each with its own time, without that of what it imports."""
    printed = (
        "import time: self [us] | cumulative | imported package\n"
        "import time:       700 |        700 |     botocore.compat\n"
        "import time:      9100 |       9800 |   botocore.session\n"
        "import time:      4000 |      13800 | refresh.__main__\n"
        "error: something else\n"
    )
    assert imported(printed) == [("botocore", 10, 2), ("refresh", 4, 1)]
    assert modules(printed) == [("botocore.session", 9.1), ("refresh.__main__", 4.0), ("botocore.compat", 0.7)]
