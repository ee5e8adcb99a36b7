# The gateway as an image: docker build --tag interactions-gateway .
# It runs as any user, on a read-only root, with no capability, and writes nothing.

FROM python:3.11.14-slim-bookworm AS build

# mypyc's C compiler. Debian keeps one version of it for a release, and forgets those before.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*

ENV PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_ROOT_USER_ACTION=ignore \
    SOURCE_DATE_EPOCH=315532800
WORKDIR /build

# Two environments: what serves, without pip, and what builds. The compiler of modules reads the types of both.
COPY config/locks/ locks/
RUN python3 -m venv --without-pip /opt/interactions-gateway \
    && python3 -m venv tools \
    && tools/bin/pip --python /opt/interactions-gateway/bin/python install \
        --no-compile --no-deps --require-hashes --requirement locks/runtime.lock \
    && tools/bin/pip install --no-deps --require-hashes --requirement locks/build.lock \
    && serving="$(/opt/interactions-gateway/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')" \
    && echo "$serving" > "$(tools/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/serving.pth"

COPY config/pricing.toml source/config/
COPY LICENSE README.md pyproject.toml source/
COPY gateway/ source/gateway/
# The root is read-only where it runs: byte code is made here, and is not to be compared with the time of its source.
RUN HATCH_BUILD_HOOKS_ENABLE=1 tools/bin/pip wheel --no-deps --no-build-isolation --wheel-dir wheel ./source \
    && tools/bin/pip --python /opt/interactions-gateway/bin/python install --no-compile --no-deps --no-index wheel/*.whl \
    && /opt/interactions-gateway/bin/python -m compileall -q --invalidation-mode unchecked-hash /opt/interactions-gateway/lib


FROM python:3.11.14-slim-bookworm

ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="interactions-gateway" \
      org.opencontainers.image.description="A transparent, observing gateway for the Gemini Interactions API" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

COPY --from=build /opt/interactions-gateway /opt/interactions-gateway

# Every address, of IPv6 and IPv4: a container's own loopback is nobody's to reach.
ENV PATH=/opt/interactions-gateway/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    INTERACTIONS_GATEWAY_LISTEN=:8080 \
    INTERACTIONS_GATEWAY_ADMIN=:9464
EXPOSE 8080 9464
USER 65532:65532
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s --retries=3 \
    CMD ["interactions-gateway", "healthcheck"]
ENTRYPOINT ["interactions-gateway"]
CMD ["serve"]
