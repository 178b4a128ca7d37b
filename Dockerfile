# Dependabot updates the literal image of this FROM; it does not read what an ARG names. BASE_IMAGE is for builds of another
# platform on an engine that keeps one platform per name.
ARG BASE_IMAGE=base
FROM python:3.14-slim@sha256:f85c5697265c178cc6887276c55fe16cf3d14ca35c3df6a5eab3b360534a55d2 AS base

FROM ${BASE_IMAGE} AS build
WORKDIR /src
COPY tools/image tools/image
COPY requirements/runtime.txt requirements/build.txt requirements/
RUN tools/image/environment.sh packages /opt/refresh
COPY pyproject.toml README.md LICENSE entrypoint.py ./
COPY refresh refresh
RUN tools/image/environment.sh program /opt/refresh

FROM ${BASE_IMAGE}
LABEL org.opencontainers.image.title="refresh-action" \
      org.opencontainers.image.description="Keeps a pool of EC2 self-hosted GitHub runners as its owner wants it" \
      org.opencontainers.image.licenses="MIT"
# HOME is shared between the containers of a job: a configuration file there must not choose our AWS endpoint or role.
# A job that relies on the instance's role sets AWS_EC2_METADATA_DISABLED to false.
ENV AWS_CONFIG_FILE=/dev/null \
    AWS_SHARED_CREDENTIALS_FILE=/dev/null \
    AWS_EC2_METADATA_DISABLED=true
COPY --from=build /opt/refresh /opt/refresh
# Root, because GitHub requires it (the file commands belong to root). Isolated (-I), because the working directory is
# the user's checkout, whose modules must not shadow ours.
ENTRYPOINT ["/opt/refresh/bin/python", "-I", "/opt/refresh/entrypoint.py"]
