# The service without an environment of its own: give it FA_DATABASE_URL, and FA_BEHIND_PROXY=true once a proxy that
# ends TLS stands in front. Nothing here needs root or writes outside /var/lib/fa-readiness.

FROM python:3.13-slim AS build
WORKDIR /src
RUN python -m venv /opt/fa
COPY constraints.lock .
RUN /opt/fa/bin/python -m pip install --no-cache-dir --require-hashes --no-deps --requirement constraints.lock
COPY pyproject.toml README.md LICENSE LICENSE-CC-BY-4.0.md ./
COPY app app
COPY migrations migrations
COPY openapi openapi
RUN /opt/fa/bin/python -m pip wheel --no-deps --no-build-isolation --wheel-dir /dist . \
    && /opt/fa/bin/python -m pip install --no-deps --no-index --find-links /dist fa-readiness

FROM python:3.13-slim
RUN useradd --system --uid 10001 --home-dir /var/lib/fa-readiness --create-home fa
COPY --from=build /opt/fa /opt/fa
ENV PATH=/opt/fa/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    FA_DATA_DIR=/var/lib/fa-readiness \
    FA_HOST=0.0.0.0 \
    FA_PORT=8000 \
    FA_LOG_FORMAT=json \
    FA_REQUIRE_DATABASE_URL=true
USER fa
WORKDIR /var/lib/fa-readiness
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen(f'http://127.0.0.1:{os.environ[\"FA_PORT\"]}/healthz/ready', timeout=2)"]
CMD ["fa-readiness", "serve"]
