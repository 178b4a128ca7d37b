# The release's build passes the tag with its digest; a tag alone is what anyone can build from here.
ARG BASE_IMAGE=python:3.13-slim

FROM ${BASE_IMAGE} AS build
COPY requirements/runtime.txt requirements/build.txt /src/requirements/
RUN python3 -m venv /opt/build \
    && /opt/build/bin/python -m pip install --quiet --no-cache-dir --require-hashes -r /src/requirements/build.txt \
    && python3 -m venv --without-pip /opt/refresh \
    && /opt/build/bin/python -m pip --python /opt/refresh/bin/python install --quiet --no-cache-dir --require-hashes \
        --no-deps -r /src/requirements/runtime.txt
COPY pyproject.toml README.md LICENSE /src/
COPY refresh /src/refresh
RUN /opt/build/bin/python -m pip wheel --quiet --no-cache-dir --no-deps --no-build-isolation --no-index \
        --wheel-dir /opt/wheels /src \
    && /opt/build/bin/python -m pip --python /opt/refresh/bin/python install --quiet --no-cache-dir --no-deps \
        --no-index /opt/wheels/*.whl
# Of AWS's hundreds of services only what is called stays, each in its newest version (sts gives the credentials of a role
# and tells the account, ssm which image a parameter names, iam whether the instance profile is there); then the packages'
# own commands and boto3's resources, which nothing here uses.
# Copying breaks time stamps, so the bytecode is checked by nothing but the image itself.
RUN find /opt/refresh/lib/python3*/site-packages/botocore/data -mindepth 1 -maxdepth 1 -type d \
        ! -name dynamodb ! -name ec2 ! -name iam ! -name sqs ! -name ssm ! -name sts -exec rm -r {} + \
    && for service in /opt/refresh/lib/python3*/site-packages/botocore/data/*/; do \
        set -- "${service}"*/; while [ $# -gt 1 ]; do rm -r "$1"; shift; done; done \
    && find /opt/refresh/lib/python3*/site-packages/botocore/data -name 'examples-*' -delete \
    && rm -r /opt/refresh/lib/python3*/site-packages/boto3/data /opt/refresh/lib/python3*/site-packages/boto3/examples \
    && find /opt/refresh/bin -type f -delete \
    && /opt/refresh/bin/python -m compileall -q --invalidation-mode unchecked-hash /opt/refresh/lib

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
COPY entrypoint.py /opt/refresh/entrypoint.py
# Root, because GitHub requires it (the file commands belong to root). Isolated (-I), because the working directory is
# the user's checkout, whose modules must not shadow ours.
ENTRYPOINT ["/opt/refresh/bin/python", "-I", "/opt/refresh/entrypoint.py"]
