"""DynamoDB, as every action uses it: items by key and by entity, the METADATA items, and transactions."""
