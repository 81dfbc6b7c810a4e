# `make demo` runs the whole job with simulated hardware, `make test` checks and tests everything, `make quick` a little
# of everything.
# Both install what they need from Debian, PyPI and npm; see scripts/setup.

.DEFAULT_GOAL := help
BIN := .venv/bin

# What makes packages and bundles.
PACKAGING = $(filter-out packaging/image%,$(wildcard packaging/*.py))
# Files are handed out whole, in the order of tests/quick.py. A process that dies ends the run.
BY_FILE = --dist loadfile --no-loadscope-reorder --max-worker-restart 0
PYTEST = $(BIN)/pytest -n $(WORKERS) $(BY_FILE)

.PHONY: help setup demo test tests quick torture check fuzz mutate bench pictures docs deb image appliance clean

# How long `make fuzz` works on each engine, in minutes.
MINUTES ?= 5

# The longest first; what is promised within a minute is measured while no machine is emulated.
APPLIANCE := $(patsubst %,tests/appliance/test_%.py,update_kills browser update_in_image image identities)
APPLIANCE := $(APPLIANCE) $(filter-out $(APPLIANCE),$(sort $(wildcard tests/appliance/test_*.py)))

# At how many moments `make appliance` kills a machine in the middle of its updates.
KILLS ?= 100

# `make image TARGETS=qemu` makes one of the two. `make image WITHOUT_UPDATES=1` needs no key: no update is ever taken.
TARGETS ?=
WITHOUT_UPDATES ?=

# Files in which `make torture` goes deeper than `make test`: those that ask tests/depth.py, those of centers that end in
# time, and whole days at a station, which it sees in a station's own browser.
TORTURED = $(sort $(shell grep -lE 'from tests.depth import .*(TORTURE|many|looks)' -r tests --include='test_*.py') \
	$(shell grep -l IN_TIME_S -r tests --include='test_*.py') $(wildcard tests/system/test_*.py))

# How many processes test at once: half of what a test takes it waits for a device, a program that starts or a browser.
WORKERS ?= $(shell n=$$(( 2 * $$(nproc) + 1 )); echo $$(( n > 6 ? 6 : n )))

help:            ## What can be made
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' Makefile

setup:           ## Install what running needs (fast when done)
	@scripts/setup run

demo: setup      ## The whole job with simulated hardware
	@$(BIN)/kiosk demo

test: check      ## Check, install what testing needs and run all tests
	@$(MAKE) --no-print-directory tests

tests:           ## All tests without the checks
	@scripts/setup test
	@$(PYTEST)

quick:           ## One case of everything, for the hand at work
	@scripts/setup test
	@KIOSK_TESTS=quick $(PYTEST)

torture:         ## Every screen in every language on every panel, long days, a hundred stalls
	@scripts/setup test
	@KIOSK_TESTS=torture $(PYTEST) $(TORTURED)
	@nice $(BIN)/python -m tests.torture --runs 1000 --sqlite 50 --postgresql 50 --rabbitmq 20 --cluster 10

check:           ## Format, lint, types, import rules, sizes, rooms, words of names, sources of the pages
	@scripts/setup dev
	@$(BIN)/ruff format --check -q .
	@$(BIN)/ruff check -q .
	@$(BIN)/mypy
	@$(BIN)/mypy --explicit-package-bases --namespace-packages benchmarks scripts
	@MYPYPATH=packaging $(BIN)/mypy $(PACKAGING)
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/python scripts/sizes.py
	@$(BIN)/python scripts/rooms.py
	@$(BIN)/python scripts/words.py
	@$(BIN)/python scripts/web_sources.py

fuzz:            ## Damage, endless streams and fuzzing of the scale formats and stations' messages for long: MINUTES=5 for each engine
	@scripts/setup dev
	@KIOSK_LONG_TESTS=1 $(BIN)/pytest tests/protocols/scales
	@$(BIN)/python -m tests.fuzz --seconds $$(( $(MINUTES) * 60 ))

mutate:          ## Change the decoding engines and the metrology room a little: does a test notice?
	@scripts/setup dev
	@$(BIN)/python -m tests.mutation

bench:           ## Benchmarks: a table, and JSON in benchmarks/results.json
	@scripts/setup test
	@$(BIN)/python -m benchmarks

pictures:        ## Screenshots of every screen into var/pictures; documents get those they show
	@scripts/setup test
	@$(BIN)/python -m tests.web.first_start.pictures var/pictures
	@$(BIN)/python -m tests.web.technician.pictures var/pictures
	@$(BIN)/python -m tests.sorting_center.web.snapshots var/pictures
	@$(BIN)/python -m tests.web.pictures var/pictures --panels 7in,10in --documents docs/pictures

docs:            ## Generate the documents that are made from code
	@scripts/setup dev
	@$(BIN)/python -m scripts.feed_documents docs/feed
	@$(BIN)/python -m tests.protocols.scales.page

deb:             ## Debian packages of station, box and sorting center into build/deb, for amd64 and arm64
	@scripts/setup dev
	@$(BIN)/python packaging/deb.py

image:           ## Card image for a Raspberry Pi 3 or 4, and one for QEMU, into build/image; needs root and the vendor's key
	@scripts/setup image
	@$(BIN)/python packaging/image.py $(TARGETS) $(if $(WITHOUT_UPDATES),--without-updates)

appliance:       ## Install the packages on a bare Debian, boot it, remove them again; boot the image in QEMU
	@scripts/setup appliance
	@$(BIN)/python packaging/image.py qemu --without-updates
	@KIOSK_IMAGE="$$(ls $(CURDIR)/build/image/station-kiosk-qemu_*.img)" KIOSK_KILLS=$(KILLS) KIOSK_TESTS=appliance \
		$(BIN)/pytest -n 2 $(BY_FILE) --durations=0 --durations-min=5 $(APPLIANCE)

clean:           ## Remove what was made here
	rm -rf .venv var build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
