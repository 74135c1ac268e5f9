# The two commands: `make demo` shows the main job once, `make check` proves the house.
# Both install what they need from Debian when they run as root, and otherwise name it.

CARGO ?= cargo
PLANT ?=

# What the build and the tests call, and the Debian packages that have them.
PROGRAMS := cc:gcc dbus-daemon:dbus-daemon dbus-send:dbus-bin busctl:systemd setpriv:util-linux setsid:util-linux unshare:util-linux \
	nsenter:util-linux qmicli:libqmi-utils /usr/libexec/qmi-proxy:libqmi-proxy /usr/sbin/ModemManager:modemmanager ip:iproute2 mmcli:modemmanager
PACKAGES = $(sort $(foreach pair,$(PROGRAMS),$(if $(shell command -v $(firstword $(subst :, ,$(pair)))),,$(lastword $(subst :, ,$(pair))))))

.PHONY: help deps build demo check fuzz coverage bench kills clean

help:
	@echo 'make demo            the main job, start to finish, with simulated modems'
	@echo 'make demo PLANT=1    the same, with one byte planted: its checker must fail'
	@echo 'make check           all tests, lints and documentation checks'
	@echo 'make bench           memory, wake-ups, flash writes and D-Bus, beside the peers'
	@echo 'make fuzz            half a billion bytes through the AT lexer and dialogue'
	@echo 'make coverage        lines and branches of the AT codec and dialogue'
	@echo 'make kills           a thousand SIGKILLs under traffic'

deps:
	@missing='$(PACKAGES)'; \
	if [ -z "$$missing" ]; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ]; then \
		echo "installing $$missing"; \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
	else \
		echo "missing programs; paste this line and run make again:" >&2; \
		echo "  sudo apt-get install -y $$missing" >&2; \
		exit 1; \
	fi

build: deps
	$(CARGO) build --locked --workspace --bins

demo: build
	@PLANT='$(PLANT)' tests/demo.sh

check: deps
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --locked --workspace --no-deps --document-private-items --quiet
	$(CARGO) build --locked --workspace --bins
	$(CARGO) test --locked --workspace

fuzz: deps
	$(CARGO) test --locked --release --test fuzz_at -- --ignored --nocapture

coverage: deps
	@tests/coverage.sh

kills: build
	POSDATA_KILLS=1000 $(CARGO) test --locked --test kills -- --nocapture

bench: deps
	$(CARGO) build --locked --release --bin posdatad
	@tests/bench/peers.sh
	@$(CARGO) bench --locked --quiet --profile dev --bench bench

clean:
	$(CARGO) clean
