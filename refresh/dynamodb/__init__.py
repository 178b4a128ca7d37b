"""DynamoDB for all actions: items by key and by entity, the METADATA items, and transactions."""
