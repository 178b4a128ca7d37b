# The policies are read from ../iam, and their placeholders replaced.

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  documents = "${path.module}/../iam"
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current
  region    = coalesce(var.region, data.aws_region.current.name)
  pool      = "${var.owner}-${var.repository}"
  name      = coalesce(var.name, substr("runner-pool-${local.pool}", 0, 50))
  # IAM and the action use amazonaws.com outside China, whatever the partition's own suffix is.
  suffix = local.partition.partition == "aws-cn" ? "amazonaws.com.cn" : "amazonaws.com"
  # Refresh maps the names of queues in the same way: no dots, and long names are cut.
  queues = "${substr("${replace(local.pool, ".", "_")}-", 0, 55)}*-ci-pool*"
}

# Names that people choose are inserted last, so that no part of them is taken for a placeholder.
locals {
  texts = {
    for document in [
      "refresh", "refresh-launches", "refresh-metrics", "plan-only", "release", "provision", "instance-profile",
      "image-parameter", "trust-policy", "doors-trust-policy", "instance-trust-policy",
    ] :
    document => replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(
      file("${local.documents}/${document}.json"),
      "arn:aws:", "arn:${local.partition.partition}:"),
      "amazonaws.com", local.suffix),
      "REGION", local.region),
      "ACCOUNT", local.account),
      "role/RUNNER-ROLE", "role/${local.name}-instance"),
      "launch-template/LAUNCH-TEMPLATE", "launch-template/${var.launch_template_id}"),
      "AMI-PARAMETER", trimprefix(coalesce(var.ami_parameter, "none"), "/")),
      "OWNER-REPO-*-ci-pool*", local.queues),
      "OWNER-REPO-ci-table", "${local.pool}-ci-table"),
      "OWNER@OWNER_ID/REPO@REPO_ID", "${var.owner}@${var.owner_id}/${var.repository}@${var.repository_id}"
    )
  }
  trusted = {
    for document in ["trust-policy", "doors-trust-policy"] : document => replace(replace(local.texts[document],
      "token.actions.githubusercontent.com", var.oidc_issuer),
    "OWNER/REPO", "${var.owner}/${var.repository}")
  }
  trusted_doors = replace(local.trusted["doors-trust-policy"], ":*\"", ":${var.doors_job}\"")
}

locals {
  policies = {
    for document in ["refresh", "plan-only", "release", "provision", "instance-profile"] : document => jsonencode(merge(
      jsondecode(local.texts[document]),
      {
        Statement = [
          for statement in jsondecode(local.texts[document]).Statement : statement
          if(var.ami_parameter != null || statement.Sid != "ImageParameter") &&
          (var.original_modes || statement.Sid != "ReportToTheOriginal")
        ]
      }
    ))
  }
}

resource "aws_iam_openid_connect_provider" "github" {
  count = var.create_oidc_provider ? 1 : 0

  url            = "https://${var.oidc_issuer}"
  client_id_list = ["sts.${local.suffix}"]
}

resource "aws_iam_role" "refresh" {
  name                 = "${local.name}-refresh"
  description          = "Keeps the pool of runners of ${var.owner}/${var.repository} as desired"
  assume_role_policy   = replace(local.trusted["trust-policy"], "ref:refs/heads/main", var.job)
  max_session_duration = var.max_session_duration
}

resource "aws_iam_role_policy" "refresh" {
  name   = "refresh"
  role   = aws_iam_role.refresh.id
  policy = local.policies["refresh"]
}

# What refresh needs with min-idle or rescue-stranded-jobs only.
resource "aws_iam_role_policy" "refresh_launches" {
  count = var.launches ? 1 : 0

  name   = "refresh-launches"
  role   = aws_iam_role.refresh.id
  policy = local.texts["refresh-launches"]
}

# What refresh needs with metrics only.
resource "aws_iam_role_policy" "refresh_metrics" {
  count = var.metrics || var.dashboard || var.alarm_topic != null ? 1 : 0

  name   = "refresh-metrics"
  role   = aws_iam_role.refresh.id
  policy = local.texts["refresh-metrics"]
}

resource "aws_cloudwatch_metric_alarm" "no_refresh" {
  count = var.alarm_topic == null ? 0 : 1

  alarm_name          = "${local.name}-no-refresh"
  alarm_description   = "No run of refresh has ended for an hour in ${var.owner}/${var.repository}. Look for the last run of its workflow."
  namespace           = "RefreshAction"
  metric_name         = "Runs"
  dimensions          = { Pool = "${var.owner}/${var.repository}" }
  statistic           = "Sum"
  period              = 3600
  evaluation_periods  = 1
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  treat_missing_data  = "breaching"
  alarm_actions       = [var.alarm_topic]
  ok_actions          = [var.alarm_topic]

  lifecycle {
    precondition {
      condition     = local.region == data.aws_region.current.name
      error_message = "Alarms have to be where the metrics are: use a provider of the pool's region, and its topic."
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "refresh_failed" {
  count = var.alarm_topic == null ? 0 : 1

  alarm_name          = "${local.name}-refresh-failed"
  alarm_description   = "A run of refresh has failed in ${var.owner}/${var.repository}. Its summary says why."
  namespace           = "RefreshAction"
  metric_name         = "Failed"
  dimensions          = { Pool = "${var.owner}/${var.repository}" }
  statistic           = "Sum"
  period              = 1800
  evaluation_periods  = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = [var.alarm_topic]
  ok_actions          = [var.alarm_topic]

  lifecycle {
    precondition {
      condition     = local.region == data.aws_region.current.name
      error_message = "Alarms have to be where the metrics are: use a provider of the pool's region, and its topic."
    }
  }
}

resource "aws_cloudwatch_dashboard" "pool" {
  count = var.dashboard ? 1 : 0

  dashboard_name = replace(local.name, "/[^A-Za-z0-9_-]/", "_")
  dashboard_body = replace(replace(file("${path.module}/dashboard.json"),
    "REGION", local.region),
    "OWNER/REPO", "${var.owner}/${var.repository}"
  )
}

resource "aws_iam_role" "plan_only" {
  count = var.plan_only_job == null ? 0 : 1

  name                 = "${local.name}-plan-only"
  description          = "Reads the pool of runners of ${var.owner}/${var.repository} and changes nothing"
  assume_role_policy   = replace(local.trusted["trust-policy"], "ref:refs/heads/main", coalesce(var.plan_only_job, "-"))
  max_session_duration = var.max_session_duration
}

resource "aws_iam_role_policy" "plan_only" {
  count = var.plan_only_job == null ? 0 : 1

  name   = "plan-only"
  role   = aws_iam_role.plan_only[0].id
  policy = local.policies["plan-only"]
}

resource "aws_iam_role" "provision" {
  count = var.create_provision_role ? 1 : 0

  name                 = "${local.name}-provision"
  description          = "Claims and launches runners of ${var.owner}/${var.repository}"
  assume_role_policy   = local.trusted_doors
  max_session_duration = var.max_session_duration
}

resource "aws_iam_role_policy" "provision" {
  count = var.create_provision_role ? 1 : 0

  name   = "provision"
  role   = aws_iam_role.provision[0].id
  policy = local.policies["provision"]
}

resource "aws_iam_role" "release" {
  count = var.create_release_role ? 1 : 0

  name                 = "${local.name}-release"
  description          = "Gives runners back to the pool of ${var.owner}/${var.repository}"
  assume_role_policy   = local.trusted_doors
  max_session_duration = var.max_session_duration
}

resource "aws_iam_role_policy" "release" {
  count = var.create_release_role ? 1 : 0

  name   = "release"
  role   = aws_iam_role.release[0].id
  policy = local.policies["release"]
}

# EC2 resolves the parameter as the caller at every launch: attach this to a role of your own that launches.
resource "aws_iam_policy" "image_parameter" {
  count = var.ami_parameter == null ? 0 : 1

  name        = "${local.name}-image-parameter"
  description = "Lets the role that launches runners of ${var.owner}/${var.repository} resolve their image"
  policy      = local.texts["image-parameter"]
}

resource "aws_iam_role" "instance" {
  name               = "${local.name}-instance"
  description        = "The runners of ${var.owner}/${var.repository}"
  assume_role_policy = local.texts["instance-trust-policy"]
}

resource "aws_iam_role_policy" "instance" {
  name   = "instance-profile"
  role   = aws_iam_role.instance.id
  policy = local.policies["instance-profile"]
}

resource "aws_iam_instance_profile" "instance" {
  name = aws_iam_role.instance.name
  role = aws_iam_role.instance.name
}

# Runners poll GitHub for work, so nothing has to come in.
resource "aws_security_group" "runners" {
  count = var.vpc_id == null ? 0 : 1

  name        = local.name
  description = "Runners of ${var.owner}/${var.repository}, nothing comes in"
  vpc_id      = var.vpc_id

  egress {
    from_port        = 0
    to_port          = 0
    protocol         = "-1"
    cidr_blocks      = ["0.0.0.0/0"]
    ipv6_cidr_blocks = ["::/0"]
  }
}

# The workflows of the quick start, in which the outputs of the CloudFormation stack stand for their values.
locals {
  workflows = {
    for name in ["refresh", "build"] : name => replace(replace(replace(replace(replace(replace(replace(
      file("${path.module}/../examples/${name}.yml"),
      "eu-west-1", local.region),
      "RefreshRoleArn", aws_iam_role.refresh.arn),
      "ProvisionRoleArn", try(aws_iam_role.provision[0].arn, "ProvisionRoleArn")),
      "ReleaseRoleArn", try(aws_iam_role.release[0].arn, "ReleaseRoleArn")),
      "InstanceProfileName", aws_iam_instance_profile.instance.name),
      "SecurityGroupId", try(aws_security_group.runners[0].id, "SecurityGroupId")),
      "SubnetIds", length(var.subnet_ids) > 0 ? join(",", var.subnet_ids) : "SubnetIds"
    )
  }
}
