# The image of every production process: `docker build -t cryptoflow .`, then produce, worker or sink as the command.
# It holds the installed wheel and no checkout, so that all six packages come from one place.

FROM python:3.11-slim AS build
WORKDIR /source
COPY requirements/run.lock requirements/run.lock
RUN python -m venv /opt/cryptoflow \
 && /opt/cryptoflow/bin/pip install --no-cache-dir --require-hashes -r requirements/run.lock
COPY . .
RUN /opt/cryptoflow/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.11-slim
RUN useradd --create-home --uid 10001 cryptoflow && install -d -o cryptoflow /var/lib/cryptoflow
COPY --from=build /opt/cryptoflow /opt/cryptoflow
ENV PATH=/opt/cryptoflow/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    CRYPTOFLOW_PRODUCER__SPOOL_DIR=/var/lib/cryptoflow/spool
USER cryptoflow
WORKDIR /var/lib/cryptoflow
ENTRYPOINT ["cryptoflow"]
CMD ["--help"]
