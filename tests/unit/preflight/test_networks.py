"""What subnets and security groups say of themselves, judged by what is launched there."""

from __future__ import annotations

from typing import Any

import pytest

from refresh.preflight import networks
from refresh.preflight.findings import Findings

ALL = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
HTTPS = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443}
SSH = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22}
GROUP = {"IpPermissionsEgress": [ALL], "IpPermissions": []}
SUBNET = {
    "State": "available",
    "AvailableIpAddressCount": 250,
    "AvailabilityZone": "eu-west-1a",
    "MapPublicIpOnLaunch": False,
}
TRANSLATED = {"Ipv6Native": True, "EnableDns64": True, "AvailableIpAddressCount": 0}


def _subnets(*changed: dict[str, Any]) -> Findings:
    found = {f"subnet-{number}": {**SUBNET, **each} for number, each in enumerate(changed, 1)}
    return networks.subnets(found, "eu-west-1")


@pytest.mark.parametrize("changed", [[], [{}], [{}, {}], [TRANSLATED]], ids=["none", "one", "two", "DNS64"])
def test_usual_subnets_have_no_findings(changed: list[dict[str, Any]]) -> None:
    """Private ones alone are usual, with a NAT gateway that a subnet does not show."""
    assert _subnets(*changed) == Findings()


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"State": "unavailable"}, "state unavailable"),
        ({"State": "pending"}, "until it is available"),
        ({"AvailableIpAddressCount": 0}, "no free"),
        ({"AvailabilityZone": "eu-west-1-lon-1a"}, "eu-west-1-lon-1a"),
        ({"OutpostArn": "arn:aws:outposts:x"}, "Outpost"),
        ({"Ipv6Native": True, "AvailableIpAddressCount": 0}, "IPv4"),
    ],
)
def test_a_subnet_where_launches_or_jobs_may_fail_is_a_warning(changed: dict[str, Any], word: str) -> None:
    """The other subnets can be used meanwhile."""
    found = _subnets(changed, {})
    (warning,) = found.warnings
    assert found == Findings(warnings=(warning,))
    assert warning.startswith("subnet-ids: subnet-1 ")
    assert word in warning


def test_subnets_none_of_which_can_be_used_are_a_problem() -> None:
    found = _subnets({"State": "failed"}, {"State": "failed"})
    assert found == Findings(found.problems)
    assert all(each in found.problems[0] for each in ("subnet-1, subnet-2", "state failed"))


@pytest.mark.parametrize(("each", "warned"), [(3, True), (4, False)])
def test_few_free_addresses_in_all_subnets_together_are_a_warning(each: int, *, warned: bool) -> None:
    found = _subnets({"AvailableIpAddressCount": each}, {"AvailableIpAddressCount": each})
    assert found == Findings(warnings=found.warnings)
    assert ["6" in text for text in found.warnings] == [True] * warned


def test_few_free_addresses_are_no_warning_next_to_a_subnet_without_ipv4() -> None:
    """Its addresses are not counted."""
    assert _subnets({"AvailableIpAddressCount": 3}, TRANSLATED) == Findings()


def test_private_subnets_among_public_ones_are_a_note() -> None:
    found = _subnets({}, {"MapPublicIpOnLaunch": True})
    assert found == Findings(notes=found.notes)
    assert found.notes[0].startswith("subnet-ids: subnet-1 ")


@pytest.mark.parametrize(
    ("outbound", "problems", "warnings"),
    [
        ([], 1, 0),
        ([{"IpProtocol": "tcp", "FromPort": 3128, "ToPort": 3128}], 0, 1),
        ([{"IpProtocol": "udp", "FromPort": 0, "ToPort": 65535}], 0, 1),
        ([HTTPS], 0, 0),
        ([{"IpProtocol": "tcp", "FromPort": 0, "ToPort": 65535}], 0, 0),
    ],
)
def test_the_outbound_rules_of_all_groups_are_judged_together(
    outbound: list[Any], problems: int, warnings: int
) -> None:
    """All of them are on each instance: one that allows HTTPS is enough."""
    closed = {"IpPermissionsEgress": outbound}
    found = networks.groups({"sg-1": closed, "sg-2": {"IpPermissionsEgress": []}})
    assert (len(found.problems), len(found.warnings)) == (problems, warnings)
    assert all("security-group-ids: sg-1, sg-2 " in each for each in (*found.problems, *found.warnings))
    assert networks.groups({"sg-1": closed, "sg-2": GROUP}) == networks.groups({}) == Findings()


@pytest.mark.parametrize(
    ("rule", "ports"),
    [
        (ALL, "everything"),
        ({**SSH, "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}, "tcp 22-22"),
        ({**SSH, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}, ""),
    ],
)
def test_a_group_that_is_open_to_the_internet_is_a_warning_with_its_ports(rule: dict[str, Any], ports: str) -> None:
    found = networks.groups({"sg-1": {**GROUP, "IpPermissions": [rule]}, "sg-2": GROUP})
    assert found == Findings(warnings=found.warnings)
    assert [all(each in text for each in ("sg-1", f"({ports})")) for text in found.warnings] == [True] * bool(ports)
