"""DynamoDB: what deletes an artifact."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refresh.pool import records

if TYPE_CHECKING:
    from refresh.dynamodb.transactions import Actions
    from refresh.reconciler.orphaned_artifacts.changes import DeleteArtifact


def delete(table: str, change: DeleteArtifact) -> Actions:
    """Return the deletion, on condition that the artifact was not written since it was judged."""
    artifact = change.artifact
    return [
        {
            "Delete": {
                "TableName": table,
                "Key": records.key(artifact.entity, artifact.identifier),
                "ConditionExpression": "#updatedAt = :judged",
                "ExpressionAttributeNames": {"#updatedAt": "updatedAt"},
                "ExpressionAttributeValues": {":judged": {"S": artifact.updated_at}},
            }
        }
    ]
