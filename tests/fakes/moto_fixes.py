"""Corrections of moto, which applies them to all that it plays in this process."""

from __future__ import annotations

from typing import Any

from moto.ec2.models.core import TaggedEC2Resource
from moto.ec2.models.launch_templates import LaunchTemplate, LaunchTemplateBackend
from moto.ec2.models.tags import TagBackend
from moto.sqs.models import Message

_create_template = LaunchTemplateBackend.create_launch_template
_mark_sent = Message.mark_sent


def apply() -> None:
    """Correct the tags of resources and templates, and keep the delays of messages."""
    TaggedEC2Resource.get_tags = _own_tags  # type: ignore[method-assign, assignment] # moto's are too slow
    LaunchTemplate.tags = _Tags()  # type: ignore[assignment] # moto's are those of its first version
    LaunchTemplateBackend.create_launch_template = _without_its_own_tags  # type: ignore[method-assign, assignment] # moto gives instances its tags
    Message.mark_sent = _with_its_delay  # type: ignore[method-assign, assignment] # for `AwsServer.messages`


def _own_tags(resource: Any) -> list[dict[str, str]]:
    """Read a resource's own tags; moto searches the tags of all resources, which takes minutes among thousands."""
    own = TagBackend()
    own.tags[resource.id] = resource.ec2_backend.tags.get(resource.id, {})
    return own.describe_tags()


class _Tags:
    """A template's tags as they are; moto keeps those that it was made with."""

    def __get__(self, template: Any, _: object = None) -> list[dict[str, str]]:
        return _own_tags(template)

    def __set__(self, template: Any, _: object) -> None:
        """Forget what moto would keep."""


def _without_its_own_tags(backend: Any, name: str, description: str, data: dict[str, Any], tags: Any) -> Any:
    """Keep a new template's own tags out of what instances are launched with, where moto puts them as well."""
    kept = [each for each in data.get("TagSpecifications", []) if each["ResourceType"] != "launch-template"]
    content = {name: each for name, each in data.items() if name != "TagSpecifications"}
    return _create_template(
        backend, name, description, {**content, "TagSpecifications": kept} if kept else content, tags
    )


def _with_its_delay(message: Any, delay_seconds: int | None = None) -> None:
    """Keep the delay with which a message was sent; moto keeps the moment at which it ends."""
    message.asked_delay = int(delay_seconds or 0)
    _mark_sent(message, delay_seconds)
