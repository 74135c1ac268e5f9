#!/usr/bin/env bash
# The main job once, start to finish, with no modem and no backend at hand: a simulated modem counts
# traffic, posdatad reads it over a serial port and keeps it, D-Bus serves it, posdatactl shows it.
# In the middle the daemon is killed. At the end a separate checker compares the modem's own books
# with what posdatactl says. PLANT=1 plants one byte in those books: then the checker must fail.
# Then the same with a modem that speaks QMI, shared through the real qmi-proxy with the real qmicli.
# Then a terminal without data buys some, over TLS from a sandbox backend with books of its own.
set -eu
cd "$(dirname "$0")/.."

bin=$(cd "${CARGO_TARGET_DIR:-target}/debug" && pwd)
here=$(mktemp -d "${TMPDIR:-/tmp}/posdatad-demo.XXXXXX")
pids=()

finish() {
	code=$?
	trap - EXIT
	for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
	wait 2>/dev/null || true
	if [ "$code" != 0 ] && [ -z "${checked:-}" ] && [ -s "$here/daemon.log" ]; then
		printf '\nThe journal of the daemon:\n' >&2
		sed 's/^/  /' "$here/daemon.log" >&2
	fi
	rm -rf "$here"
	exit "$code"
}
trap finish EXIT
trap 'exit 130' INT TERM

title() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
# Shows a command as a person would type it, and runs it.
ctl() { printf '$ posdatactl %s\n' "$*"; "$bin/posdatactl" --bus-address "$bus" "$@"; }
modem() { printf 'modem: %s\n' "$*"; "$bin/modem-sim" ctl "$here/modem.sock" "$*" >/dev/null; }
# Waits until a command succeeds, half a minute at most.
until_ok() {
	for _ in $(seq 300); do
		if "$@" >/dev/null 2>&1; then return 0; fi
		sleep 0.1
	done
	echo "demo: waited in vain for: $*" >&2
	return 1
}
daemon() {
	# shellcheck disable=SC2086 -- words of a command, or none
	${inside:-} "$bin/posdatad" --config "$here/posdatad.toml" --bus-address "$bus" 2>>"$here/daemon.log" &
	daemon_pid=$!
	pids+=("$daemon_pid")
	until_ok "$bin/posdatactl" --bus-address "$bus" --json status
}

title "a private bus with our policy, and a simulated Quectel modem on a serial port"
cat >"$here/bus.conf" <<EOF
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <listen>unix:path=$here/bus</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <allow send_type="signal"/>
    <allow send_requested_reply="true" send_type="method_return"/>
    <allow send_requested_reply="true" send_type="error"/>
    <allow receive_type="method_call"/>
    <allow receive_type="method_return"/>
    <allow receive_type="error"/>
    <allow receive_type="signal"/>
    <allow send_destination="org.freedesktop.DBus"/>
  </policy>
  <include>$PWD/dbus/org.posdata.conf</include>
  <policy user="$(id -un)">
    <allow own="org.posdata"/>
    <allow send_destination="org.posdata"/>
  </policy>
</busconfig>
EOF
dbus-daemon --config-file="$here/bus.conf" --nofork --nopidfile 2>>"$here/bus.log" &
pids+=($!)
bus="unix:path=$here/bus"
until_ok test -S "$here/bus"

"$bin/modem-sim" --dialect quectel-lte --link "$here/ttyUSB2" --truth "$here/truth.json" \
	--control "$here/modem.sock" --seed 2026 --tx 4294900000 --rx 1234567 --echo &
modem_pid=$!
pids+=("$modem_pid")
until_ok "$bin/modem-sim" ctl "$here/modem.sock" truth

cat >"$here/posdatad.toml" <<EOF
[terminal]
serial = "N9600012345"

[modem]
source = "at"
port = "$here/ttyUSB2"
poll = "1s"

[store]
path = "$here/posdata.db"

[plan]
allowance = "30 MiB"
cycle = "monthly:1"
time_zone = "Asia/Shanghai"
EOF
printf '$ posdatad --check-config\n'
"$bin/posdatad" --config "$here/posdatad.toml" --check-config

title "posdatad finds the modem, its SIM, its counter and the time"
daemon
until_ok "$bin/modem-sim" ctl "$here/modem.sock" 'await polls 1 within 10s'
ctl sources

title "the modem moves data: usage is counted, the balance falls"
modem 'traffic tx 300KiB rx 2MiB'
modem 'await polls 2 within 20s'
ctl status

title "the counter of sent bytes is near 2^32: it wraps, exactly"
modem 'traffic random 5MiB over 3s'
modem 'await polls 2 within 20s'

title "kill -9 in the middle of traffic; the modem counts on; the daemon starts again"
modem 'traffic rate 200KiB &'
modem 'await polls 1 within 20s'
kill -KILL "$daemon_pid"
wait "$daemon_pid" 2>/dev/null || true
modem 'wait 1s'
daemon
modem 'wait 1s'
modem 'traffic stop'
modem 'await polls 3 within 30s'

title "what there is to see"
ctl status
ctl usage hour
ctl events

title "stop: everything is saved; start: the count goes on"
kill -TERM "$daemon_pid"
wait "$daemon_pid"
daemon
modem 'await polls 2 within 30s'

title "the separate checker: the modem's own books beside posdatactl"
"$bin/posdatactl" --bus-address "$bus" --json status >"$here/status.json"
kill -TERM "$modem_pid"
wait "$modem_pid" || true
checked=yes
if [ -n "${PLANT:-}" ]; then
	"$bin/modem-sim" plant --truth "$here/truth.json"
fi
"$bin/modem-sim" check --truth "$here/truth.json" --usage "$here/status.json"

title "a QMI modem: its IPv4 and IPv6 sessions, and no AT port at all"
kill -TERM "$daemon_pid"
wait "$daemon_pid"
"$bin/modem-sim" --dialect qmi --link "$here/cdc-wdm0" --truth "$here/qmi.json" \
	--control "$here/qmi.sock" --seed 2027 --tx 4294967000 --rx 987654321 &
modem_pid=$!
pids+=("$modem_pid")
until_ok "$bin/modem-sim" ctl "$here/qmi.sock" truth
modem() { printf 'modem: %s\n' "$*"; "$bin/modem-sim" ctl "$here/qmi.sock" "$*" >/dev/null; }
proxy=/usr/libexec/qmi-proxy
if [ "$(id -u)" = 0 ] && [ -x "$proxy" ]; then
	# The proxy's name is one of the network namespace: this one has its own.
	unshare --mount --net --propagation private sleep infinity &
	holder=$!
	pids+=("$holder")
	inside="nsenter --target $holder --mount --net --"
	until_ok sh -c "test \"\$(readlink /proc/self/ns/net)\" != \"\$(readlink /proc/$holder/ns/net)\""
	$inside "$proxy" 2>>"$here/proxy.log" &
	pids+=($!)
	until_ok $inside grep -q @qmi-proxy /proc/net/unix
else
	echo "without root there is no namespace for a qmi-proxy of its own: the device is read directly"
fi
cat >"$here/posdatad.toml" <<EOF
[modem]
source = "auto"
device = "$here/cdc-wdm0"
poll = "1s"

[store]
path = "$here/qmi.db"

[plan]
allowance = "10 MiB"
cycle = "monthly:1"
time_zone = "Asia/Shanghai"
EOF
daemon
until_ok "$bin/modem-sim" ctl "$here/qmi.sock" 'await polls 1 within 10s'
ctl sources

title "both families count; a session is closed to its last byte, and the next one is another"
modem 'session v6 up; traffic v6 tx 10KiB rx 300KiB; traffic tx 100KiB rx 1MiB'
modem 'session down; wait 200ms; session up; traffic tx 1 rx 2'
modem 'await polls 2 within 20s'
ctl status
ctl events
if [ -n "${inside:-}" ]; then
	printf '$ qmicli -p -d %s --wds-get-packet-statistics   # at the same time, through the same proxy\n' "$here/cdc-wdm0"
	$inside qmicli -p --device-open-qmi -d "$(readlink "$here/cdc-wdm0")" --wds-get-packet-statistics \
		2>>"$here/proxy.log"
fi

title "the separate checker: the modem's own books beside posdatactl"
"$bin/posdatactl" --bus-address "$bus" --json status >"$here/status.json"
kill -TERM "$modem_pid"
wait "$modem_pid" || true
"$bin/modem-sim" check --truth "$here/qmi.json" --usage "$here/status.json"

# The books of both sides, written by two programs that share no code.
books() {
	"$bin/backend-sim" ctl "$control" 'books N9600012345 --json' >"$here/backend.json"
	"$bin/posdatactl" --bus-address "$bus" --json status >"$here/status.json"
	number() { grep -o "\"$2\": *-\?[0-9]*" "$1" | head -1 | grep -o '[-0-9]*$'; }
	charges=$(grep -o '"amount"' "$here/backend.json" | wc -l)
	printf '%-28s %15s %15s\n' '' operator terminal
	printf '%-28s %15s %15s\n' 'bytes left' "$(number "$here/backend.json" remaining)" \
		"$(number "$here/status.json" remaining_bytes)"
	printf '%-28s %15s\n' 'payments taken' "$charges"
	[ "$(number "$here/backend.json" remaining)" = "$(number "$here/status.json" remaining_bytes)" ]
}
backend() { printf 'backend: %s\n' "$*"; "$bin/backend-sim" ctl "$control" "$*"; }
stands() { "$bin/posdatactl" --bus-address "$bus" --json topups "$1" | grep -q "\"state\": *\"$2\""; }
left() { "$bin/posdatactl" --bus-address "$bus" --json status | grep -q "\"remaining_bytes\": *$1\b"; }

title "a terminal without data, and its operator's backend (a sandbox, over TLS)"
kill -TERM "$daemon_pid"
wait "$daemon_pid"
inside=
"$bin/modem-sim" --dialect quectel-lte --link "$here/ttyUSB3" --truth "$here/till.json" \
	--control "$here/till.sock" --seed 2028 --iccid 8986012034567890123 &
pids+=($!)
until_ok "$bin/modem-sim" ctl "$here/till.sock" truth
modem() { printf 'modem: %s\n' "$*"; "$bin/modem-sim" ctl "$here/till.sock" "$*" >/dev/null; }
"$bin/backend-sim" --dir "$here/sandbox" </dev/null >"$here/sandbox.log" &
pids+=($!)
until_ok grep -q ready "$here/sandbox.log"
control=$(awk '/^control/ {print $2}' "$here/sandbox.log")
cat >"$here/posdatad.toml" <<EOF_TOML
[terminal]
serial = "N9600012345"
id = "10086001"

[modem]
source = "at"
port = "$here/ttyUSB3"
poll = "1s"

[store]
path = "$here/till.db"

[backend]
url = "$(awk '/^url/ {print $2}' "$here/sandbox.log")"
ca = "$here/sandbox/pki/ca.pem"
certificate = "$here/sandbox/pki/N9600012345.pem"
key = "$here/sandbox/pki/N9600012345.key"
sync_interval = "10s"
EOF_TOML
daemon
modem 'await polls 1 within 10s'
until_ok "$bin/posdatactl" --bus-address "$bus" sync

title "the cashier buys 30 MB: what is offered, what it costs, the order, the code to scan"
ctl offers
ctl quote main-30
ctl recharge main-30 --yes --request-id till-1 &
buying=$!
pids+=("$buying")
until_ok stands till-1 awaiting_payment

title "kill -9 while the merchant looks for the phone; the payment comes; it is credited once"
{
	kill -KILL "$daemon_pid"
	wait "$daemon_pid" || true
} 2>/dev/null
backend 'pay oldest'
daemon
wait "$buying"
until_ok left 31457280
echo "the same once more, with the same request id: nothing is bought twice"
ctl recharge main-30 --yes --request-id till-1
ctl status

title "an agent tops up 10 MB in a shop: it arrives by itself with the next sync"
backend 'topup N9600012345 add-10 agent'
until_ok left 41943040
ctl status

title "data is used; the books of the operator and of the terminal, side by side"
modem 'traffic tx 100KiB rx 2MiB'
modem 'await polls 2 within 20s'
ctl sync
until_ok books
books
ctl topups
ctl events
