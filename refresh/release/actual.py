"""What `release` judges: the pool's settings, records and reports of the labels, open jobs, EC2's instances."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from attrs import field, frozen

from refresh import errors
from refresh.pool import records
from refresh.pool.ec2_instances import Ec2Instance
from refresh.pool.ownership import TemplateIds
from refresh.pool.settings import Settings
from refresh.pool.signals import Report
from refresh.ports import WorkflowJob


@frozen(kw_only=True)
class Labelled:
    """The record of a machine that has one of the labels, or that was released from it last."""

    label: str
    record: records.InstanceRecord | records.Unreadable

    @property
    def held(self) -> bool:
        """Whether the machine has the label now."""
        return isinstance(self.record, records.InstanceRecord) and self.record.run_id == self.label


@frozen(kw_only=True)
class Actual:
    """The pool as release sees it."""

    settings: Settings
    machines: tuple[Labelled, ...] = ()
    ended: tuple[records.InstanceRecord, ...] = ()
    """Records of the labels that refresh has already marked as ended."""
    recorded: frozenset[str] = frozenset()
    """The ids of all records, whatever their label."""
    reports: Mapping[str, Report] = field(factory=dict)
    """What the agents of machines that have a label report, by id; empty if no agent reports in an item of its own."""
    reports_error: errors.ApiError | None = None
    """Why the reports are not known; None if they are."""
    single_use: frozenset[str] = frozenset()
    """The labels whose machines may not serve other runs, according to their RUN items."""
    open_jobs: tuple[WorkflowJob, ...] = ()
    """The jobs of the run that are not completed."""
    jobs_error: errors.RefreshError | None = None
    """Why the jobs are not known; None if they are."""
    instances: Mapping[str, Ec2Instance] = field(factory=dict)
    """EC2's instances by id: those launched for a label, and those that it was asked for."""
    asked: frozenset[str] = frozenset()
    """The ids that EC2 was asked for: one that `instances` lacks does not exist any more."""
    ec2_error: errors.ApiError | None = None
    """Why EC2 did not answer; None if it did."""
    skew: timedelta = timedelta()
    """How far AWS's clock is ahead of this machine's."""

    def report(self, identifier: str) -> Report:
        """Return what the agent of a machine reports; empty if that is nothing, or is not known."""
        return self.reports.get(identifier, Report())

    @property
    def template_ids(self) -> TemplateIds:
        """The pool's launch template, by which EC2 shows that an instance is the pool's."""
        return TemplateIds(self.settings.template_id)
