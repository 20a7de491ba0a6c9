#!/bin/sh
# Stops both units, kills every container that runs, and takes the static pods' manifests, so that nothing of the control
# plane is started again until the unit is. Data and enablement stay.
[ "$(id -u)" -eq 0 ] || exec sudo --preserve-env=RKE2_DATA_DIR "$0" "$@"
RKE2_DATA_DIR=${RKE2_DATA_DIR:-/var/lib/rancher/rke2}

systemctl stop rke2-server.service 2>/dev/null
systemctl stop rke2-agent.service 2>/dev/null

children() {
    for child in $(ps -e -o ppid= -o pid= | awk -v p="$1" '$1 == p {print $2}'); do
        echo "$child"
        children "$child"
    done
}
for shim in $(ps -e -o pid= -o args= | awk -v d="$RKE2_DATA_DIR/data/" 'index($2, d) == 1 && $2 ~ /containerd-shim/ {print $1}'); do
    kill -9 $(children "$shim") "$shim" 2>/dev/null
done

for manifest in etcd kube-apiserver kube-controller-manager cloud-controller-manager kube-scheduler kube-proxy; do
    rm -f "$RKE2_DATA_DIR/agent/pod-manifests/$manifest.yaml"
done
for dir in /run/k3s /var/lib/kubelet/pods /run/netns/cni-; do
    awk -v path="$dir" '$2 ~ ("^" path) {print $2}' /proc/self/mounts | sort -r | xargs -r -n 1 umount
done
rm -rf /run/k3s
exit 0
