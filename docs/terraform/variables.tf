variable "owner" {
  description = "Owner of the repository, spelled as on GitHub."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]+$", var.owner))
    error_message = "This is not the name of a GitHub user or organization."
  }
}

variable "repository" {
  description = "Name of the repository without its owner, spelled as on GitHub."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9._-]+$", var.repository))
    error_message = "This is not the name of a GitHub repository; leave out its owner."
  }
}

variable "owner_id" {
  description = "Id of the owner: gh api repos/OWNER/REPO --jq .owner.id"
  type        = number
}

variable "repository_id" {
  description = "Id of the repository: gh api repos/OWNER/REPO --jq .id"
  type        = number
}

variable "region" {
  description = "Region of the pool; null for the provider's region."
  type        = string
  default     = null
}

variable "job" {
  description = "End of the token's subject for jobs that may take the refresh role."
  type        = string
  default     = "ref:refs/heads/main"

  validation {
    condition     = can(regex("^[^*?]+$", var.job))
    error_message = "Name one branch or one environment: ref:refs/heads/NAME or environment:NAME, no wildcards."
  }
}

variable "plan_only_job" {
  description = "The same for a second role that can only read, for jobs with mode: plan; null for no such role."
  type        = string
  default     = null

  validation {
    condition     = var.plan_only_job == null || can(regex("^[^*?]+$", coalesce(var.plan_only_job, "-")))
    error_message = "Name one branch or one environment: ref:refs/heads/NAME or environment:NAME, no wildcards."
  }
}

variable "create_provision_role" {
  description = "Whether to make a role for jobs that provision with org/refresh-action/provision."
  type        = bool
  default     = true
}

variable "create_release_role" {
  description = "Whether to make a role for jobs that release."
  type        = bool
  default     = true
}

variable "doors_job" {
  description = "End of the token's subject for jobs that may take the roles of provision and release; * for all jobs of the repository, see docs/iam."
  type        = string
  default     = "*"

  validation {
    condition     = can(regex("^[^\"\\\\]+$", var.doors_job))
    error_message = "Write * for all jobs, or the end of their token's subject: environment:NAME, ref:refs/heads/NAME."
  }
}

variable "launch_template_id" {
  description = "Id of the pool's launch template, the only one from which provision and refresh may launch: the output launch-template-id of refresh. It is not known before its first run; * until then."
  type        = string
  default     = "*"

  validation {
    condition     = can(regex("^(\\*|lt-[0-9a-f]{8,17})$", var.launch_template_id))
    error_message = "This is not the id of a launch template: lt- and up to 17 hexadecimal digits, or * before refresh has made it."
  }
}

variable "launches" {
  description = "Whether refresh may launch instances, which it needs with min-idle or rescue-stranded-jobs only; see docs/iam."
  type        = bool
  default     = false
}

variable "metrics" {
  description = "Whether refresh may send metrics to CloudWatch, which it needs with the input metrics only."
  type        = bool
  default     = false
}

variable "alarm_topic" {
  description = "ARN of an SNS topic in the pool's region for two alarms on the metrics, \"no refresh for an hour\" and \"a refresh failed\"; null for no alarms. With it refresh may send metrics; the input metrics must be true as well."
  type        = string
  default     = null

  validation {
    condition     = var.alarm_topic == null || can(regex("^arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_.-]+$", coalesce(var.alarm_topic, "-")))
    error_message = "This is not the ARN of an SNS topic: arn:aws:sns:REGION:ACCOUNT:NAME."
  }
}

variable "dashboard" {
  description = "Whether to make a CloudWatch dashboard of the metrics, which costs $3 a month beyond an account's three free ones. With it refresh may send metrics; the input metrics must be true as well."
  type        = bool
  default     = false
}

variable "original_modes" {
  description = "Whether instances may write what the original action reads; false once original-modes is false and older instances have ended, see docs/iam."
  type        = bool
  default     = true
}

variable "create_oidc_provider" {
  description = "Whether to make GitHub's identity provider, of which an account can have only one."
  type        = bool
  default     = true
}

variable "oidc_issuer" {
  description = "Issuer of the jobs' OIDC tokens without https://. On GHE.com token.actions.SUBDOMAIN.ghe.com, on GitHub Enterprise Server HOSTNAME/_services/token."
  type        = string
  default     = "token.actions.githubusercontent.com"

  validation {
    condition     = can(regex("^[A-Za-z0-9.-]+(:[0-9]+)?(/[A-Za-z0-9._-]+)*$", var.oidc_issuer))
    error_message = "Write the issuer's host and path without https:// and without a slash at the end."
  }
}

variable "ami_parameter" {
  description = "Name of the Systems Manager parameter in ami: resolve:ssm:NAME; null if ami is an id."
  type        = string
  default     = null
}

variable "vpc_id" {
  description = "VPC in which to make a security group for the runners, with nothing coming in; null for no group."
  type        = string
  default     = null
}

variable "subnet_ids" {
  description = "Subnets of the runners, for the output refresh_workflow."
  type        = list(string)
  default     = []
}

variable "name" {
  description = "Prefix of the names of the roles and of the instance profile; null for runner-pool-OWNER-REPO, cut at 50 characters."
  type        = string
  default     = null

  validation {
    condition     = var.name == null || can(regex("^[A-Za-z0-9+=,.@_-]{1,50}$", coalesce(var.name, "-")))
    error_message = "Use at most 50 characters that IAM allows in names."
  }
}

variable "max_session_duration" {
  description = "The maximum of role-duration, in seconds."
  type        = number
  default     = 3600
}
