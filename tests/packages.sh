# shellcheck shell=bash
# install_packages SECTION...: what tests/packages lists there and this machine lacks. Says nothing, and asks no
# network, when all of it is there. Source this file; the caller has set -euo pipefail.

packages_of() { # packages_of SECTION...: their names, one a line
  local wanted=" $* " list
  list=$(dirname "${BASH_SOURCE[0]}")/packages
  awk -v wanted="$wanted" '
    { sub(/#.*/, "") }
    /^\[/ { section = $1; gsub(/[][]/, "", section); on = index(wanted, " " section " "); next }
    NF && on { print $1 }' "$list"
}

missing_packages() {
  local p
  packages_of "$@" | sort -u | while read -r p; do
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null) == installed ]] || printf '%s\n' "$p"
  done
}

install_packages() {
  local missing
  mapfile -t missing < <(missing_packages "$@")
  if ((${#missing[@]} > 0)); then
    if [[ $EUID -ne 0 ]]; then
      printf 'packages are missing, and only root can install them: apt-get install %s\n' "${missing[*]}" >&2
      return 1
    fi
    apt_install "${missing[@]}" || return 1
  fi
  # A place to hang facter's configuration for the tests (a mount in a namespace); empty, it means nothing to facter.
  if [[ $EUID -eq 0 && ! -d /etc/facter && " $* " == *" agent "* ]]; then mkdir /etc/facter; fi
}

# The services that come with some of them (knot, puppet) must not start here.
apt_install() {
  local policy=/usr/sbin/policy-rc.d ours=no rc=0 options=(-o DPkg::Lock::Timeout=300)
  export DEBIAN_FRONTEND=noninteractive
  if [[ ! -e $policy ]]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    ours=yes
  fi
  # An update may fail for a mirror that has nothing to do with us; the install says whether it mattered.
  apt-get "${options[@]}" update </dev/null || true
  apt-get "${options[@]}" install -y --no-install-recommends "$@" </dev/null || rc=$?
  [[ $ours == no ]] || rm -f "$policy"
  return "$rc"
}
