#!/bin/sh
# Installs the Holdfast agent on this machine and joins it to {{.Server}}. It is meant to be run as
#   curl -fsSk --pinnedpubkey {{.Pin}} {{.Server}}/install.sh | HOLDFAST_JOIN_TOKEN=… sh
# The token stays in the environment, where other users of the machine can't see it. Running it again brings the agent
# to the manager's version, and joins only if the machine hasn't yet.
set -eu

# Everything is in a function, so that a script that arrived in part does nothing.
install_agent() {
  server='{{.Server}}'
  pin='{{.Pin}}'
  program=/usr/local/bin/holdfast-agent
  unit=/etc/systemd/system/holdfast-agent.service
  identity=/var/lib/holdfast/identity/identity.json

  fail() { echo "holdfast: $*" >&2; exit 1; }
  fetch() { curl -fsSk --pinnedpubkey "$pin" --retry 3 --connect-timeout 10 --max-time 600 -o "$2" "$1"; }

  [ "$(id -u)" = 0 ] || fail "run this as root: put sudo before sh, with --preserve-env=HOLDFAST_JOIN_TOKEN"
  [ -d /run/systemd/system ] || fail "this machine does not run systemd"
  for tool in curl sha256sum systemctl; do
    command -v "$tool" >/dev/null || fail "$tool is missing: install it first"
  done
  if [ ! -e "$identity" ] && [ -z "${HOLDFAST_JOIN_TOKEN:-}" ]; then
    fail "HOLDFAST_JOIN_TOKEN is not set: take the line that \"holdfast machine join CLUSTER\" prints"
  fi
  case "$(uname -m)" in
    x86_64 | amd64) arch=amd64 ;;
    aarch64 | arm64) arch=arm64 ;;
    *) fail "there is no agent for a $(uname -m)" ;;
  esac

  umask 077
  work=$(mktemp -d /usr/local/bin/.holdfast-agent.XXXXXX)
  trap 'rm -rf "$work"' EXIT
  fetch "$server{{.AgentPath}}linux-$arch" "$work/agent" || fail "the agent could not be fetched from $server"
  fetch "$server{{.AgentPath}}linux-$arch.sha256" "$work/sum" || fail "the agent's checksum could not be fetched from $server"
  echo "$(cat "$work/sum")  $work/agent" | sha256sum -c - >/dev/null || fail "the agent did not arrive whole: try again"
  chmod 755 "$work/agent"
  sync "$work/agent" 2>/dev/null || sync
  mv -f "$work/agent" "$program"

  cat >"$work/unit" <<'UNIT'
{{.Unit}}UNIT
  chmod 644 "$work/unit"
  mv -f "$work/unit" "$unit"
  command -v restorecon >/dev/null && restorecon -F "$program" "$unit" || true

  if [ ! -e "$identity" ]; then
    "$program" join --server "$server"
  fi
  unset HOLDFAST_JOIN_TOKEN
  systemctl daemon-reload
  systemctl enable --quiet holdfast-agent.service
  systemctl restart holdfast-agent.service
  echo "holdfast: the agent runs; \"holdfast machine ls\" shows this machine"
}

install_agent
