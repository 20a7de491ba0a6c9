#!/usr/bin/env bash
# Builds what every node of the lab starts from, once, into .cache/lab/image at the top of the repository:
#   root      a minimal Debian (or Ubuntu) with systemd, from the sources that this machine's own apt uses; never written to
#   disk.img  an ext4 disk (sparse, 4 GiB) that holds the first content of a node's /var/lib
# It installs the programs that this and the lab need, so it wants root and the network. Nothing is done when the image
# is there and was built by this very script. Several runs at once are fine: one builds, the others wait.
set -euo pipefail
cd "$(dirname "$0")/../.."
image=$PWD/.cache/lab/image
stamp=$(sha256sum test/lab/image.sh | cut -c1-32)

# What a node has beyond the minimum: curl is for the install line, dbus for what talks to systemd.
include=systemd,systemd-sysv,dbus,iproute2,ca-certificates,procps,curl

built() { [ "$(cat "$image/stamp" 2>/dev/null)" = "$stamp" ]; }

# program, package: of the machine that runs the lab.
install_missing() {
  local missing=()
  while read -r program package; do
    command -v "$program" >/dev/null || missing+=("$package")
  done <<'LIST'
debootstrap debootstrap
systemd-nspawn systemd-container
ip iproute2
nft nftables
mkfs.ext4 e2fsprogs
nsenter util-linux
LIST
  [ ${#missing[@]} -eq 0 ] && return
  apt-get update -q
  DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "${missing[@]}"
}

# The mirror of this machine's release among its apt sources, of whatever format they are.
mirror() {
  local codename=$1
  apt-get indextargets --format '$(REPO_URI) $(CODENAME) $(COMPONENT) $(IDENTIFIER)' |
    awk -v c="$codename" '$2 == c && $3 == "main" && $4 == "Packages" {print $1; exit}'
}

debian() {
  local dir=$1 codename url
  codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
  url=$(mirror "$codename")
  [ -n "$url" ] || { apt-get update -q && url=$(mirror "$codename"); }
  [ -n "$url" ] || { echo "apt has no source of $codename main" >&2; return 1; }
  # In a mount namespace of its own: what a killed debootstrap has mounted goes with it.
  unshare --mount --propagation private debootstrap --variant=minbase --include="$include" "$codename" "$dir" "$url" >"$dir.log" 2>&1 ||
    { tail -n 20 "$dir.log" "$dir/debootstrap/debootstrap.log" 2>/dev/null >&2; return 1; }
}

# Takes away what two nodes must not share and what they would do by themselves.
scrub() {
  local dir=$1
  rm -rf "$dir"/var/lib/dbus/machine-id "$dir"/etc/hostname "$dir"/var/cache/apt "$dir"/var/lib/apt/lists "$dir"/usr/share/doc
  : >"$dir/etc/machine-id"
  for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer fstrim.timer e2scrub_all.timer systemd-timesyncd.service; do
    ln -sf /dev/null "$dir/etc/systemd/system/$unit"
  done
  mkdir -p "$dir/var/log/journal" "$dir/opt/tools" "$dir/opt/bin" # a journal that outlives a power cut
}

built && exit 0
mkdir -p .cache/lab
exec 9>.cache/lab/image.lock
flock 9 # running labs hold it shared: their image is not taken away from under them
built && exit 0
[ "$(id -u)" = 0 ] || { echo "building the image of the lab's nodes needs root" >&2; exit 1; }
echo "building the image of the lab's nodes (about a minute) …"
install_missing
rm -rf "$image.new"
mkdir -p "$image.new/root"
debian "$image.new/root"
scrub "$image.new/root"
# Reserved blocks would be an escape for root on a full disk.
mkdir -p "$image.new/skeleton"/{upper,work}
cp -a "$image.new/root/var/lib" "$image.new/skeleton/lib"
truncate -s 4G "$image.new/disk.img"
mkfs.ext4 -q -m 0 -d "$image.new/skeleton" "$image.new/disk.img"
rm -rf "$image.new/skeleton"
echo "$stamp" >"$image.new/stamp"
rm -rf "$image"
mv "$image.new" "$image"
