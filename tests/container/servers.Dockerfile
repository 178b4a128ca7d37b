# The stand-ins for AWS and GitHub; their code is mounted, so only their packages are here.
ARG BASE_IMAGE=python:3.13-slim
FROM ${BASE_IMAGE}
COPY requirements/development.txt /requirements.txt
RUN python3 -m venv /opt/venv \
    && /opt/venv/bin/python -m pip install --quiet --no-cache-dir --disable-pip-version-check --require-hashes --no-deps \
        -r /requirements.txt
WORKDIR /src
ENV PYTHONDONTWRITEBYTECODE=1
CMD ["/opt/venv/bin/python", "-m", "tests.container.servers"]
