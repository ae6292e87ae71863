# The image of the sidecar, built from a checkout: docker build --tag litmus-sidecar .
# One exact tag for both stages. Version and revision are for the builder to add (--label).
FROM python:3.13.9-slim-bookworm AS base

FROM base AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY sidecar ./sidecar
# Wheels only: a dependency that wants a compiler fails here and brings none in. The environment has no pip.
RUN python -m pip wheel --no-deps --wheel-dir /wheels . \
    && python -m venv --without-pip /opt/litmus-sidecar \
    && python -m pip --python /opt/litmus-sidecar/bin/python install --only-binary=:all: /wheels/*.whl

FROM base
LABEL org.opencontainers.image.title="backstage-litmus-sidecar" \
      org.opencontainers.image.description="Backend for the Litmus plugin of Backstage" \
      org.opencontainers.image.licenses="Apache-2.0"
# HEALTHCHECK_PORT is litmusSidecar.listen.port, which the health check cannot read; it tries the addresses there are.
ENV PATH=/opt/litmus-sidecar/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HEALTHCHECK_PORT=8080
RUN python -m pip uninstall --yes pip \
    && install --directory --owner=10001 --group=10001 /data
COPY --from=build /opt/litmus-sidecar /opt/litmus-sidecar
USER 10001:10001
# The working directory is the only place that the user may write to.
WORKDIR /data
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import http.client, os, socket, sys\ndef ok(host):\n    try:\n        c = http.client.HTTPConnection(host, int(os.environ['HEALTHCHECK_PORT']), timeout=1.5)\n        c.request('GET', '/healthz')\n        return c.getresponse().status == 200\n    except OSError:\n        return False\nsys.exit(not any(map(ok, ('127.0.0.1', '::1', socket.gethostname()))))"]
ENTRYPOINT ["litmus-sidecar"]
CMD ["serve", "--config", "/etc/litmus-sidecar/app-config.yaml"]
