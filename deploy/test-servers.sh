#!/bin/sh
# Installs the servers and the browser that usher's tests start by themselves:
# OpenLDAP, Samba AD, PostgreSQL, Postfix, Chromium, an OpenID provider. Nothing is
# left running.
#
#   deploy/test-servers.sh           install what is missing (root, Debian or
#                                    Ubuntu), or else say what is missing
#   deploy/test-servers.sh --check   only say what is missing; exit 1 if any is
set -eu

# package | how to see that it is there | what its absence skips
parts() {
	cat <<'TABLE'
slapd|program slapd|the LDAP source, sync runs against OpenLDAP, the benchmark
ldap-utils|program ldapsearch|the benchmark's comparison with ldapsearch
samba-ad-dc|program samba-tool|the LDAP source against Active Directory
samba-ad-provision|folder /usr/share/samba/setup|the LDAP source against Active Directory
postgresql|server_of_postgresql|the store on PostgreSQL, two processes sharing one database
postfix|program postfix|mail taken from a real mail server
chromium|program chromium|the set-up and sign-in pages in a browser
nodejs|program node|signing in with an OpenID provider
npm|program npm|signing in with an OpenID provider, the check against WCAG 2.2
TABLE
}

# What is had from npm, as package@version | what its absence skips. Each user has
# their own.
npm_parts() {
	cat <<'TABLE'
oidc-provider@9.13.3|signing in with an OpenID provider
axe-core@4.14.1|the check of the pages against WCAG 2.2
TABLE
}
npm_folder=${USHER_TEST_NPM:-${XDG_CACHE_HOME:-$HOME/.cache}/usher-test}

npm_missing() {
	npm_parts | while IFS='|' read -r package _; do
		[ -e "$npm_folder/node_modules/${package%@*}/package.json" ] || echo "$package"
	done
}

# All in one: npm removes what it is not told to install.
install_npm() {
	packages=$(npm_parts | cut -d'|' -f1)
	echo "test servers: installing" $packages
	mkdir -p "$npm_folder"
	# shellcheck disable=SC2086 # the names are words
	npm install --prefix "$npm_folder" --no-save --no-audit --no-fund --ignore-scripts --loglevel=error $packages
}

program() { PATH="$PATH:/usr/sbin:/usr/local/sbin:/sbin" command -v "$1" >/dev/null; }

folder() { [ -d "$1" ]; }

server_of_postgresql() {
	program postgres && return
	for initdb in /usr/lib/postgresql/*/bin/initdb; do
		[ -x "$initdb" ] && return
	done
	return 1
}

missing() {
	parts | while IFS='|' read -r package present _; do
		$present || echo "$package"
	done
}

tell() {
	for package in $1; do
		parts | awk -F'|' -v p="$package" '$1 == p {print "missing: " p ", skips: " $3}'
	done
}

# Debian starts a server when it installs one. policy-rc.d(8) forbids that, for
# as long as the installation takes; one that is there already is left alone.
without_starting() {
	policy=/usr/sbin/policy-rc.d
	if [ ! -e "$policy" ]; then
		trap 'rm -f "$policy"' EXIT
		trap 'exit 130' INT TERM
		printf '#!/bin/sh\nexit 101\n' >"$policy"
		chmod 755 "$policy"
	fi
	"$@"
}

install_packages() {
	export DEBIAN_FRONTEND=noninteractive
	apt-get update -qq </dev/null
	# With what Debian recommends: Samba keeps what provisioning needs there.
	# shellcheck disable=SC2086 # the names are words
	without_starting apt-get install -y -qq $1 </dev/null
}

absent=$(missing)
npm_absent=$(npm_missing)
if [ -z "$absent$npm_absent" ]; then
	echo "test servers: all installed"
	exit 0
fi
if [ "${1-}" = --check ]; then
	tell "$absent"
	for package in $npm_absent; do
		npm_parts | awk -F'|' -v p="$package" '$1 == p {print "missing: " p ", skips: " $2}'
	done
	exit 1
fi
if [ -z "$absent" ]; then
	:
elif [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
	echo "test servers: installing" $absent
	install_packages "$absent"
	absent=$(missing)
else
	echo "test servers: not installed, because that takes root and apt-get. As root:"
	echo "  apt-get install" $absent
fi
tell "$absent"
if [ -n "$npm_absent" ] && program npm; then
	install_npm
fi
