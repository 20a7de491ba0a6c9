#!/bin/sh
# Stops the units, whatever they are called, and kills what their containers have left. Data and enablement stay.
[ "$(id -u)" -eq 0 ] || exec sudo --preserve-env=K3S_DATA_DIR "$0" "$@"
K3S_DATA_DIR=${K3S_DATA_DIR:-/var/lib/rancher/k3s}

for service in /etc/systemd/system/k3s*.service; do
    [ -s "$service" ] && systemctl stop "$(basename "$service")"
done

children() {
    for child in $(ps -e -o ppid= -o pid= | awk -v p="$1" '$1 == p {print $2}'); do
        echo "$child"
        children "$child"
    done
}
for shim in $(ps -e -o pid= -o args= | awk -v d="$K3S_DATA_DIR/data/" 'index($2, d) == 1 && $2 ~ /containerd-shim/ {print $1}'); do
    kill -9 "$shim" $(children "$shim") 2>/dev/null
done

for dir in /run/k3s /var/lib/kubelet/pods /var/lib/kubelet/plugins /run/netns/cni-; do
    awk -v path="$dir" '$2 ~ ("^" path) {print $2}' /proc/self/mounts | sort -r | xargs -r -n 1 umount
done
rm -rf /run/k3s /var/lib/cni
exit 0
