#!/usr/bin/env bash
# Line and branch coverage of the AT codec and dialogue by their own tests. Branches need an
# instrumentation that stable Rust hides (RUSTC_BOOTSTRAP), and LLVM's tools of rustc's own version
# (Debian: llvm-NN).
set -eu
cd "$(dirname "$0")/.."
major=$(rustc -vV | sed -n 's/^LLVM version: \([0-9]*\).*/\1/p')
if ! command -v "llvm-cov-$major" >/dev/null; then
	if [ "$(id -u)" = 0 ]; then
		apt-get update -qq && apt-get install -y -qq --no-install-recommends "llvm-$major" >/dev/null
	else
		echo "missing: sudo apt-get install -y llvm-$major" >&2
		exit 1
	fi
fi
export CARGO_TARGET_DIR=$PWD/target/coverage RUSTC_BOOTSTRAP=1
export RUSTFLAGS='-Cinstrument-coverage -Zcoverage-options=branch'
rm -rf "$CARGO_TARGET_DIR/profiles"
export LLVM_PROFILE_FILE=$CARGO_TARGET_DIR/profiles/%p-%m.profraw
tests=(--lib --test at_codec --test at_dialects --test at_faults --test at_mutations --test fuzz_at)
programs=()
while read -r program; do programs+=("$program"); done < <(
	cargo test --locked "${tests[@]}" --no-run --message-format=json 2>/dev/null |
		sed -n 's/.*"executable":"\([^"]*\)".*/\1/p'
)
for program in "${programs[@]}"; do "$program" -q >/dev/null; done
"llvm-profdata-$major" merge -sparse "$CARGO_TARGET_DIR"/profiles/*.profraw -o "$CARGO_TARGET_DIR/all.profdata"
objects=()
for program in "${programs[@]:1}"; do objects+=(--object "$program"); done
"llvm-cov-$major" report "${programs[0]}" "${objects[@]}" --instr-profile "$CARGO_TARGET_DIR/all.profdata" \
	--show-branch-summary --sources src/proto/at src/modem/at 2>/dev/null |
	awk 'NF > 8 && $1 !~ /^-/ { printf "%-34s lines %7s   branches %7s\n", $1, $(NF-3), $NF }' | tail -n +2
