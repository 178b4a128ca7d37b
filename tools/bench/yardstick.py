"""What any program that uses AWS pays before its first call: boto3, and three clients with botocore's defaults."""

import boto3

session = boto3.Session(region_name="eu-west-1", aws_access_key_id="none", aws_secret_access_key="none")
for service in ("ec2", "dynamodb", "sqs"):
    session.client(service)
