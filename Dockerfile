# The suite itself, for services of docker-compose.yml that put load on the servers.
FROM python:3.13-slim

ENV PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /app

COPY requirements.lock ./
RUN pip install --require-hashes -r requirements.lock

COPY stampede.py ./
COPY patterns patterns
COPY scenarios scenarios
COPY loadtests loadtests
COPY artefact artefact
COPY stack stack
COPY reports reports

RUN useradd --create-home stampede
USER stampede
