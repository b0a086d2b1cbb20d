# The suite itself: `docker run IMAGE bench …`, and the services of the profile `locust` in docker-compose.yml.
FROM python:3.13-slim

# Where pip finds packages, for a build behind an index of one's own: --build-arg PIP_INDEX_URL=…
ARG PIP_INDEX_URL
ENV PYTHONPATH=/app PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PATH=/venv/bin:$PATH
WORKDIR /app

COPY requirements.lock ./
RUN python -m venv /venv && pip install --require-hashes -r requirements.lock

COPY stampede stampede
COPY docker-compose.yml docker-compose.yml
COPY core core
COPY patterns patterns
COPY run_folder run_folder
COPY scenarios scenarios
COPY stack stack
COPY loadtests loadtests
COPY races races
COPY reports reports

RUN useradd --create-home stampede
USER stampede
ENTRYPOINT ["python", "-m", "stampede"]
