# The stand-ins for AWS and GitHub; their code is mounted, so only their packages are here.
FROM python:3.14-slim@sha256:f85c5697265c178cc6887276c55fe16cf3d14ca35c3df6a5eab3b360534a55d2
COPY requirements/demo.txt /requirements.txt
RUN python3 -m venv /opt/venv \
    && /opt/venv/bin/python -m pip install --quiet --no-cache-dir --disable-pip-version-check --require-hashes --no-deps \
        -r /requirements.txt
WORKDIR /src
ENV PYTHONDONTWRITEBYTECODE=1
CMD ["/opt/venv/bin/python", "-m", "tests.container.servers"]
