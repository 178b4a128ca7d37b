output "refresh_role_arn" {
  description = "For the input role-to-assume."
  value       = aws_iam_role.refresh.arn
}

output "plan_only_role_arn" {
  description = "The same for jobs with mode: plan; null without such a role."
  value       = one(aws_iam_role.plan_only[*].arn)
}

output "provision_role_arn" {
  description = "For the input role-to-assume of provision; null without such a role."
  value       = one(aws_iam_role.provision[*].arn)
}

output "release_role_arn" {
  description = "For the input role-to-assume of release; null without such a role."
  value       = one(aws_iam_role.release[*].arn)
}

output "image_parameter_policy_arn" {
  description = "With ami: resolve:ssm:NAME, the policy to attach to a role of your own that launches instances; the role of provision has it. Otherwise null."
  value       = one(aws_iam_policy.image_parameter[*].arn)
}

output "instance_profile_name" {
  description = "For the input iam-instance-profile."
  value       = aws_iam_instance_profile.instance.name
}

output "dashboard_name" {
  description = "In CloudWatch, under Dashboards; null without one."
  value       = one(aws_cloudwatch_dashboard.pool[*].dashboard_name)
}

output "security_group_id" {
  description = "For the input security-group-ids; null without vpc_id."
  value       = one(aws_security_group.runners[*].id)
}

output "refresh_workflow" {
  description = "The refresh workflow of the quick start with the values of this pool."
  value       = local.workflows["refresh"]
}

output "build_workflow" {
  description = "The build workflow of the quick start with the values of this pool."
  value       = local.workflows["build"]
}
