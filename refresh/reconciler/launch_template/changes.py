"""What can be done to the launch template and its record."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from attrs import field, frozen

from refresh.agent.user_data import StoredScript
from refresh.desired import Tags
from refresh.engine.change import Change, Difference
from refresh.engine.tagging import TagResource
from refresh.reconciler.launch_template import content

if TYPE_CHECKING:
    from types_boto3_ec2.type_defs import RequestLaunchTemplateDataTypeDef


@frozen
class StoreScript(Change):
    """Store a large script, before a version names it."""

    noun: ClassVar[str] = "script"
    verb: ClassVar[str] = "store"
    done: ClassVar[str] = "stored"
    sign: ClassVar[str] = "+"
    script: StoredScript = field(repr=False)
    before: StoredScript | None = field(repr=False, eq=False)

    @property
    def subject(self) -> str:
        return self.script.identifier

    @property
    def differences(self) -> tuple[Difference, ...]:
        """Its size and sum alone: what it says could be long, and private."""
        before = content.script_summary(self.before) if self.before else None
        return (Difference("script", before, content.script_summary(self.script)),)


@frozen
class CreateTemplate(Change):
    """Create the template; its first version is the default."""

    noun: ClassVar[str] = "launch_template"
    verb: ClassVar[str] = "create"
    done: ClassVar[str] = "created"
    sign: ClassVar[str] = "+"
    name: str
    fields: content.Fields
    data: RequestLaunchTemplateDataTypeDef = field(repr=False, eq=False)
    """What is sent: the content of `fields` in EC2's form."""
    tags: Tags = ()

    @property
    def subject(self) -> str:
        return self.name

    @property
    def differences(self) -> tuple[Difference, ...]:
        tags = (Difference(f"tag {key}", None, value) for key, value in self.tags)
        return (*content.differences((), self.fields), *tags)


@frozen
class CreateVersion(Change):
    """Create a version; it launches nothing until it becomes the default."""

    noun: ClassVar[str] = "template_version"
    verb: ClassVar[str] = "create"
    done: ClassVar[str] = "created"
    sign: ClassVar[str] = "+"
    template_id: str
    latest: int = field(eq=False)
    """Not compared: a run creates a version with this content once, however many there are by then."""
    before: content.Fields
    fields: content.Fields
    data: RequestLaunchTemplateDataTypeDef = field(repr=False, eq=False)

    @property
    def subject(self) -> str:
        return f"of {self.template_id}"

    @property
    def note(self) -> str:
        return f"after version {self.latest}"

    @property
    def differences(self) -> tuple[Difference, ...]:
        return content.differences(self.before, self.fields)


@frozen
class SetDefaultVersion(Change):
    """Move `$Default` to a version that exists and that EC2 accepted."""

    noun: ClassVar[str] = "default_version"
    verb: ClassVar[str] = "set"
    done: ClassVar[str] = "set"
    template_id: str
    before: int | None
    version: int
    fields: tuple[Difference, ...] = field(default=(), eq=False)
    """The differences between the two versions."""

    @property
    def subject(self) -> str:
        return f"of {self.template_id}"

    @property
    def differences(self) -> tuple[Difference, ...]:
        before = None if self.before is None else str(self.before)
        return (Difference("default", before, str(self.version)), *self.fields)


@frozen
class RecordTemplate(Change):
    """Record the template for provision: its id, its version and its former ids."""

    noun: ClassVar[str] = "template_record"
    verb: ClassVar[str] = "write"
    done: ClassVar[str] = "written"
    template_id: str
    version: int
    former_ids: tuple[str, ...]
    fields: content.Fields
    before: str | None = field(eq=False)

    @property
    def subject(self) -> str:
        return ""

    @property
    def differences(self) -> tuple[Difference, ...]:
        return (Difference("template", self.before, f"{self.template_id} version {self.version}"),)


@frozen
class DeleteVersions(Change):
    """Delete old versions; EC2 keeps at most 10,000 of a template."""

    noun: ClassVar[str] = "template_versions"
    verb: ClassVar[str] = "delete"
    done: ClassVar[str] = "deleted"
    sign: ClassVar[str] = "-"
    template_id: str
    versions: tuple[int, ...]

    @property
    def subject(self) -> str:
        return f"{' '.join(map(str, self.versions))} of {self.template_id}"


TemplateChange = (
    StoreScript | CreateTemplate | CreateVersion | SetDefaultVersion | RecordTemplate | DeleteVersions | TagResource
)
