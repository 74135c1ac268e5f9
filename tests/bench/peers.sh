#!/bin/sh
# Installs the peers that posdatad is measured beside, from Debian, when root runs it. What cannot be
# had is said by the benchmark, and is no error. No service of them is started or left enabled.
set -u

packages=
for pair in vnstatd:vnstat ModemManager:modemmanager strace:strace ip:iproute2 cc:gcc; do
	PATH=$PATH:/usr/sbin:/sbin command -v "${pair%%:*}" >/dev/null || packages="$packages ${pair#*:}"
done
[ -e /usr/include/systemd/sd-bus.h ] || packages="$packages libsystemd-dev"
[ -n "$packages" ] || exit 0

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
	echo "bench: some peers are missing; on Debian: sudo apt-get install -y$packages" >&2
	exit 0
fi

# Debian's way to say that a package may not start its service.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
	trap 'rm -f "$policy"' EXIT
	trap 'exit 130' INT TERM
	printf '#!/bin/sh\nexit 101\n' >"$policy"
	chmod 755 "$policy"
fi

echo "bench: installing$packages" >&2
export DEBIAN_FRONTEND=noninteractive
install="apt-get install -y -qq --no-install-recommends"
# shellcheck disable=SC2086 # words are meant
$install $packages >/dev/null 2>&1 ||
	{ apt-get update -qq && $install $packages; } >/dev/null 2>&1 ||
	echo "bench: not all of them could be installed" >&2
for package in $packages; do
	case $package in
	vnstat) systemctl --quiet disable vnstat.service ;;
	modemmanager) systemctl --quiet disable ModemManager.service ;;
	esac
done 2>/dev/null
exit 0
