# shellcheck shell=bash
# Commands that take the site's DNS and hosts file for the machine's: bind mounts in a mount namespace of their own.
# The machine's files are not touched.

# view DIR HOSTS: the files that will be seen in place of the machine's
view() {
  mkdir -p "$1/facter"
  printf 'nameserver %s\nsearch %s\noptions timeout:2 attempts:2\n' "$SITE_NET.53" "$DOMAIN" >"$1/resolv.conf"
  { [[ -z $2 ]] || tr ',' '\n' <<<"$2"
    printf '127.0.0.1 localhost\n'; } >"$1/hosts"
  # Facter would look for a cloud's metadata server, off the machine and slowly.
  printf 'facts : { blocklist : [ "EC2", "GCE", "azure", "cloud" ] }\n' >"$1/facter/facter.conf"
}

# become DIR CMD...: turns into CMD, which sees the files of DIR
become() {
  local d=$1
  shift
  # shellcheck disable=SC2016 # the inner shell expands
  exec unshare -m --propagation private bash -c '
    set -e
    d=$1
    shift
    mount --bind "$d/resolv.conf" /etc/resolv.conf
    mount --bind "$d/hosts" /etc/hosts
    if [ -d /etc/facter ]; then mount --bind "$d/facter" /etc/facter; fi
    exec "$@"' become "$d" "$@"
}

in_site() { # in_site CMD...: as the node would, SITE_HOSTS included
  local d rc=0
  mkdir -p "$SITE_DIR/etc"
  d=$(mktemp -d "$SITE_DIR/etc/XXXXXX")
  view "$d" "${SITE_HOSTS:-}"
  (become "$d" "$@") || rc=$?
  rm -rf "$d"
  return "$rc"
}
