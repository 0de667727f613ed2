# Needs Python 3.11, pip, make and a C compiler. Everything is installed into .venv, versions from constraints.txt.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test check format picture docs fuzz devices clean

demo: $(READY)
	$(BIN)/secateur demo --out demo-run --overwrite

test: $(READY)
	$(BIN)/pytest -n 2 --dist loadfile

check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) demo-run build dist site

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || \
		{ echo "secateur is developed on Python 3.11; this is $$($(PYTHON) --version). Try: make PYTHON=python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[demo,dev,matrix]'
	@touch $@

# The picture in the README: the demo's report with its trade-off curve, as Chromium shows it.
picture: $(READY)
	$(BIN)/secateur demo --out demo-run --curve --overwrite
	mkdir -p docs/images
	chromium --headless --log-level=3 --no-sandbox --disable-gpu --hide-scrollbars --force-device-scale-factor=1 \
		--user-data-dir=$$(mktemp -d) --screenshot=docs/images/report.png --window-size=1000,1760 \
		file://$(CURDIR)/demo-run/report.html 2>/dev/null

docs: $(READY)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[docs]'
	$(BIN)/mkdocs build --strict

FUZZ_SECONDS ?= 60
# libFuzzer on the C decoder; needs clang with its runtime. What it finds stays in build/fuzz.
fuzz: $(READY)
	mkdir -p build/fuzz/found
	$(BIN)/python tests/artifact/fuzz/seeds.py build/fuzz/seeds
	clang -std=c99 -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -Isrc/secateur/artifact/c \
		src/secateur/artifact/c/sct_decode.c tests/artifact/fuzz/fuzz_decode.c -o build/fuzz/fuzz_decode
	build/fuzz/fuzz_decode -max_total_time=$(FUZZ_SECONDS) -timeout=5 -max_len=8192 \
		-artifact_prefix=build/fuzz/ build/fuzz/found build/fuzz/seeds

DEVICE_PACKAGES := gcc-arm-none-eabi libnewlib-arm-none-eabi qemu-system-arm qemu-user nodejs clang lld wasi-libc \
	libclang-rt-14-dev-wasm32 gcc-aarch64-linux-gnu libc6-dev-arm64-cross gcc-arm-linux-gnueabihf \
	libc6-dev-armhf-cross gcc-riscv64-linux-gnu libc6-dev-riscv64-cross
# Compiled networks on other processors, emulated. Needs Debian 12 or its packages; without root, sudo is asked for.
devices: $(READY)
	$(if $(filter 0,$(shell id -u)),,sudo) apt-get install --yes --no-install-recommends \
		$(if $(shell command -v node),$(filter-out nodejs,$(DEVICE_PACKAGES)),$(DEVICE_PACKAGES))
	$(BIN)/pytest tests/devices
	$(BIN)/python -m benchmarks.devices
