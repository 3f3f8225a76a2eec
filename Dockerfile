# The image of the desk and of each of its services: docker build -t answerable:0.1.0 .
# The first two stages build; what runs has neither Node nor pip, is not root, and writes nothing but /data and /tmp.

FROM node:20-slim AS assets
WORKDIR /build/assets
COPY assets/package.json assets/package-lock.json ./
RUN npm ci --no-audit --no-fund --ignore-scripts
COPY assets/ ./
RUN mkdir -p ../src/answerable && npm run build


FROM python:3.11-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
COPY requirements.lock pyproject.toml ./
COPY scripts/locked.py scripts/
# Each package is checked against its hash in requirements.lock; the tools of developers stay out.
RUN python scripts/locked.py > run.lock \
    && python -m venv --without-pip /opt/answerable \
    && python -m pip --python /opt/answerable/bin/python install --require-hashes -r run.lock
RUN python scripts/locked.py setuptools > build.lock \
    && python -m pip install --require-hashes -r build.lock
COPY README.md LICENSE ./
COPY src/ src/
COPY --from=assets /build/src/answerable/static/ src/answerable/static/
# Compiled here, because nothing can be written later.
RUN python -m pip wheel --no-deps --no-build-isolation --wheel-dir dist . \
    && python -m pip --python /opt/answerable/bin/python install --no-deps --no-index dist/answerable-*.whl \
    && /opt/answerable/bin/python -m compileall -q -j 0 /opt/answerable/lib


FROM python:3.11-slim
LABEL org.opencontainers.image.title="Answerable" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN python -m pip uninstall --yes --root-user-action=ignore setuptools wheel pip \
    && groupadd --system --gid 10001 answerable \
    && useradd --system --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin answerable \
    && install --directory --owner=10001 --group=10001 --mode=0700 /data
COPY --from=build /opt/answerable /opt/answerable
ENV PATH=/opt/answerable/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    ANSWERABLE_SERVER_HOST=0.0.0.0 \
    ANSWERABLE_STORAGE_DATA_DIR=/data
# By number, so that an orchestrator can see that it is not root.
USER 10001:10001
WORKDIR /data
EXPOSE 8765
STOPSIGNAL SIGTERM
# Asks /readyz of the server that holds /data; there is no curl here.
HEALTHCHECK --interval=15s --timeout=5s --start-period=600s --retries=3 CMD ["python", "-m", "answerable.infra.ready"]
ENTRYPOINT ["answerable"]
CMD ["serve"]
