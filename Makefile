# Every target is one line that calls the front door, .venv/bin/stampede; `setup` makes what it needs. `make help`.
# Settings: make bench PLAN=smoke STACK=embedded WORKLOAD=workload.toml RTT=0 CONTENDER=my_pattern.py SERIALIZER=mine.py SOURCE=my_source.py ARGS="--seed 7"

PLAN =
STACK =
WORKLOAD =
RTT =
CONTENDER =
SERIALIZER =
SOURCE =
RUN =
FILE =
A =
B =
POSTGRES =
REDIS =
ARGS =

STAMPEDE = .venv/bin/stampede
SERVERS = $(if $(STACK),--stack "$(STACK)")
# URLs hold passwords: they go by the environment, so that no command line shows them.
ifneq ($(POSTGRES),)
export STAMPEDE_POSTGRES_URL = $(POSTGRES)
endif
ifneq ($(REDIS),)
export STAMPEDE_REDIS_URL = $(REDIS)
endif
# They may hold modules that are named like ours, or like Python's own.
unexport PYTHONPATH PYTHONHOME
CHOICE = $(strip $(SERVERS) $(if $(WORKLOAD),--workload "$(WORKLOAD)") $(if $(RTT),--rtt "$(RTT)") $(if $(CONTENDER),--contender "$(CONTENDER)"))
STORED = $(if $(SOURCE),--source "$(SOURCE)") $(if $(SERIALIZER),--serializer "$(SERIALIZER)")

.DEFAULT_GOAL := help
.PHONY: help setup serve bench serializers races web report services monitor test freshness check format lock clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-11s %s\n", $$1, $$2}' Makefile && sed -n 's/^# Settings:/\nSettings:/p' Makefile

setup: ## the virtual environment .venv, nothing else
	@sh scripts/setup.sh

bench: setup ## compare the contenders and write a report (about 8 minutes; PLAN=smoke: about one)
	$(STAMPEDE) bench $(if $(PLAN),--plan "$(PLAN)") $(CHOICE) $(STORED) $(ARGS)

serializers: setup ## compare serializers and write a page (under three minutes)
	$(STAMPEDE) serializers $(SERVERS) $(if $(SERIALIZER),--serializer "$(SERIALIZER)") $(ARGS)

races: setup ## try every order of a few concurrent requests: which guarantees break, and how
	$(STAMPEDE) races $(SERVERS) $(if $(CONTENDER),--contender "$(CONTENDER)") $(ARGS)

web: setup ## Locust's page, to drive a contender by hand
	$(STAMPEDE) web $(CHOICE) $(ARGS)

serve: setup ## a web service over a pattern and a limiter, for HTTP load (make web ARGS=--http drives it)
	$(STAMPEDE) serve $(SERVERS) $(ARGS)

report: setup ## render a run folder again (RUN=runs/…; without it the newest)
	$(STAMPEDE) report $(if $(RUN),"$(RUN)") $(ARGS)

.PHONY: compare statistics scale
compare: setup ## hold run B against run A (A=runs/… B=runs/…)
	$(STAMPEDE) compare "$(A)" "$(B)" $(ARGS)

statistics: setup ## check the statistics over 10,000 repeats (RUN=runs/…: resample its rounds too)
	STAMPEDE_REPEATS=10000 STAMPEDE_RUN="$(RUN)" .venv/bin/python -m pytest tests/reports/statistics/test_evidence.py $(ARGS)

scale: setup ## a report of 10,000,000 planted samples, in CPU time and memory (ARGS="--samples 1000000")
	.venv/bin/python scripts/large_inputs/scale.py $(ARGS)

.PHONY: trace trace-scale
trace: setup ## what recorded traffic is like (FILE=trace.csv.zst)
	$(STAMPEDE) trace "$(FILE)" $(ARGS)

trace-scale: setup ## the figures of a trace of 100,000,000 lines: time and memory (ARGS="--lines 1e7")
	.venv/bin/python scripts/large_inputs/trace_scale.py $(ARGS)

.PHONY: kills
kills: setup ## kill, stop and fill what a command needs, in the middle of it: a table (about 15 minutes)
	.venv/bin/python scripts/kill_matrix.py $(ARGS)

.PHONY: golden
golden: setup ## hashes of the reports of a planted run and of RUN="runs/a runs/b" (ARGS="--against FILE" compares)
	.venv/bin/python scripts/golden.py $(RUN) $(ARGS)

.PHONY: untouched
untouched: setup ## what a user's own servers hold, before and after each command: a table (about five minutes)
	.venv/bin/python scripts/untouched.py $(ARGS)

services: setup ## start PostgreSQL and Redis, print their URLs, keep them until Ctrl-C
	$(STAMPEDE) services $(SERVERS) $(ARGS)

monitor: setup ## watch a Redis server on the terminal (REDIS=redis://…)
	$(STAMPEDE) monitor $(ARGS)

test: setup ## the tests, on real servers
	.venv/bin/python -m pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder $(ARGS)

freshness: setup ## 100,000 reads without a cache among writes: none may be judged stale (about 3 minutes)
	STAMPEDE_FRESHNESS_READS=100000 .venv/bin/python -m pytest tests/loadtests/whole_runs/test_mixed_writes.py -k no_cache $(ARGS)

.PHONY: aa selftest selfcheck knee overhead harness
aa: setup ## one contender as two: false alarms and noise floor of this machine (about 4 minutes)
	$(STAMPEDE) aa $(SERVERS) $(ARGS)

selftest: setup ## planted differences: what a plan of quick's size decides (about 6 minutes)
	$(STAMPEDE) selftest $(SERVERS) $(ARGS)

selfcheck: selftest

knee: setup ## the highest rate at which each contender meets an objective (ARGS='--objective "p99<50ms"')
	$(STAMPEDE) knee $(CHOICE) $(ARGS)

overhead: setup ## what the harness costs, compared with plain Locust
	$(STAMPEDE) overhead $(SERVERS) $(ARGS)

harness: overhead

check: setup ## lint, format and types
	.venv/bin/ruff check . && .venv/bin/ruff format --check . && .venv/bin/mypy

format: setup ## rewrite the code in the house's format
	.venv/bin/ruff check --fix . && .venv/bin/ruff format .

lock: ## compile requirements.lock from pyproject.toml again (ARGS=--upgrade: newest versions), then setup
	@sh scripts/setup.sh lock $(ARGS)

clean: ## remove the virtual environment and all caches; runs/ stays
	rm -rf .venv .uv .mypy_cache .pytest_cache .ruff_cache .hypothesis && find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: gallery axe
AXE = $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/stampede/axe
gallery: setup ## pictures of a report into docs/pictures/ (RUN=runs/…; needs chromium-headless-shell)
	.venv/bin/python scripts/gallery.py "$(RUN)"

axe: setup ## measure a report's page and check it with axe-core (RUN=runs/…; needs npm and chromium-headless-shell)
	@command -v npm >/dev/null || { echo "axe: npm is not on PATH: nothing was looked at"; exit 0; }; \
	npm install --silent --no-save --prefix "$(AXE)" axe-core && .venv/bin/python scripts/page_facts.py "$(RUN)/report.html" --axe "$(AXE)/node_modules/axe-core/axe.min.js" $(ARGS)
