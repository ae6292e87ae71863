# The image of the sidecar, built from a checkout: docker build --tag litmus-sidecar .
# One base for both stages, by exact tag and digest; docs/dependencies.md says how to renew it.
# Version and revision are for the builder to add (--label).
FROM python:3.13.16-slim-trixie@sha256:bf44cdfcb76cd3b41e879bc058fc37ec5872002ccfde7fcb765e218cde0cd79c AS base

FROM base AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1
WORKDIR /src
COPY requirements ./requirements
# What was locked and nothing else. Wheels only: a dependency that wants a compiler fails here and brings none in.
# No environment here has a pip of its own. What runs once is not compiled.
RUN python -m venv --without-pip /opt/litmus-sidecar \
    && python -m pip --python /opt/litmus-sidecar/bin/python install \
        --require-hashes --only-binary=:all: -r requirements/runtime.txt
RUN python -m venv --without-pip /build-tools \
    && python -m pip --python /build-tools/bin/python install --no-compile \
        --require-hashes --only-binary=:all: -r requirements/build.txt -r requirements/sbom.txt
COPY pyproject.toml README.md LICENSE ./
COPY sidecar ./sidecar
RUN python -m pip --python /build-tools/bin/python wheel --no-deps --no-build-isolation --wheel-dir /wheels . \
    && python -m pip --python /opt/litmus-sidecar/bin/python install --no-deps --no-index /wheels/*.whl
# The bill of materials, CycloneDX, of what was really installed.
RUN /build-tools/bin/cyclonedx-py environment --output-reproducible --pyproject pyproject.toml \
        --output-file /opt/litmus-sidecar/sbom.cdx.json /opt/litmus-sidecar/bin/python

FROM base
LABEL org.opencontainers.image.title="backstage-litmus-sidecar" \
      org.opencontainers.image.description="Backend for the Litmus plugin of Backstage" \
      org.opencontainers.image.licenses="Apache-2.0"
ENV PATH=/opt/litmus-sidecar/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
RUN python -m pip uninstall --yes pip \
    && install --directory --owner=10001 --group=10001 /data
COPY --from=build /opt/litmus-sidecar /opt/litmus-sidecar
USER 10001:10001
# The working directory is the only place that the user may write to.
WORKDIR /data
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["litmus-sidecar", "health", "--config", "/etc/litmus-sidecar/app-config.yaml"]
ENTRYPOINT ["litmus-sidecar"]
CMD ["serve", "--config", "/etc/litmus-sidecar/app-config.yaml"]
