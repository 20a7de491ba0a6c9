package mvcc

import (
	"bytes"
	"strconv"
)

// identity is what an object's key and value say that it is. The slices point into them.
type identity struct {
	resource, group  []byte
	apiVersion, kind []byte
	namespace        []byte
	provider         []byte
	foreign          bool
}

// identify tells the Kubernetes resource of an object. The API server stores it under
//
//	<prefix>/<resource>/[<namespace>/]<name>          built-in resources, with a few old names
//	<prefix>/<group>/<resource>/[<namespace>/]<name>  custom resources
//
// where the prefix is its --etcd-prefix, "/registry" unless changed. Where the value can be read, name and namespace
// come from there and are cut off the end of the key, so that any prefix will do. Where it can't, the prefix is taken
// to be one segment.
func identify(key, value []byte) identity {
	o, known := parseObject(value)
	path := bytes.TrimPrefix(key, []byte("/"))
	if !known {
		first, _, _ := bytes.Cut(path, []byte("/"))
		return identity{resource: first, foreign: true}
	}
	id, ok := fromName(path, o)
	if !ok {
		id = fromPath(path)
	}
	id.apiVersion, id.kind, id.provider = o.apiVersion, o.kind, o.provider
	if len(o.apiVersion) > 0 {
		id.group = nil
		if group, _, ok := bytes.Cut(o.apiVersion, []byte("/")); ok {
			id.group = group
		}
	}
	id.resource = modernName(id.resource, id.group)
	if len(id.group) == 0 && len(o.apiVersion) == 0 {
		id.group = []byte(builtinGroup(string(id.resource)))
	}
	return id
}

// fromName cuts the object's own name and namespace off the key: what is left ends with the resource.
func fromName(path []byte, o object) (identity, bool) {
	path, ok := cutLast(path, o.name)
	if !ok {
		return identity{}, false
	}
	if len(o.namespace) > 0 {
		if path, ok = cutLast(path, o.namespace); !ok {
			return identity{}, false
		}
	}
	parent, last := splitLast(path)
	_, parent = splitLast(parent)
	id := identity{resource: last, namespace: o.namespace}
	if name := serviceName(parent, last); name != "" {
		id.resource = []byte(name)
	} else if bytes.IndexByte(parent, '.') >= 0 {
		id.group = parent
	}
	return id, len(last) > 0
}

// fromPath takes the first segment for the prefix and one with a dot behind it for a group.
func fromPath(path []byte) identity {
	slash := []byte("/")
	prefix, rest, ok := bytes.Cut(path, slash)
	if !ok {
		return identity{resource: prefix}
	}
	var id identity
	first, below, _ := bytes.Cut(rest, slash)
	second, deeper, _ := bytes.Cut(below, slash)
	switch name := serviceName(first, second); {
	case name != "" && len(deeper) > 0:
		id.resource, rest = []byte(name), deeper
	case bytes.IndexByte(first, '.') >= 0 && len(deeper) > 0:
		id.group, id.resource, rest = first, second, deeper
	default:
		id.resource, rest = first, below
	}
	if namespace, _, ok := bytes.Cut(rest, slash); ok {
		id.namespace = namespace
	}
	return id
}

// serviceName knows the two resources that share a directory.
func serviceName(parent, last []byte) string {
	switch string(parent) + "/" + string(last) {
	case "services/specs":
		return "services"
	case "services/endpoints":
		return "endpoints"
	}
	return ""
}

// modernName translates the storage names that Kubernetes has kept since before its resources got theirs.
func modernName(resource, group []byte) []byte {
	custom := bytes.IndexByte(group, '.') >= 0 && !bytes.HasSuffix(group, []byte(".k8s.io"))
	if custom {
		return resource
	}
	switch string(resource) {
	case "minions":
		return []byte("nodes")
	case "controllers":
		return []byte("replicationcontrollers")
	case "ingress":
		return []byte("ingresses")
	case "podsecuritypolicy":
		return []byte("podsecuritypolicies")
	}
	return resource
}

// builtinGroup names the API group of an encrypted built-in object, whose key does not tell. "" is the core group.
func builtinGroup(resource string) string {
	switch resource {
	case "controllerrevisions", "daemonsets", "deployments", "replicasets", "statefulsets":
		return "apps"
	case "cronjobs", "jobs":
		return "batch"
	case "horizontalpodautoscalers":
		return "autoscaling"
	case "leases":
		return "coordination.k8s.io"
	case "endpointslices":
		return "discovery.k8s.io"
	case "ingressclasses", "ingresses", "ipaddresses", "networkpolicies", "servicecidrs":
		return "networking.k8s.io"
	case "poddisruptionbudgets", "podsecuritypolicies":
		return "policy"
	case "clusterrolebindings", "clusterroles", "rolebindings", "roles":
		return "rbac.authorization.k8s.io"
	case "csidrivers", "csinodes", "csistoragecapacities", "storageclasses", "volumeattachments",
		"volumeattributesclasses":
		return "storage.k8s.io"
	case "certificatesigningrequests", "clustertrustbundles":
		return "certificates.k8s.io"
	case "deviceclasses", "resourceclaims", "resourceclaimtemplates", "resourceslices":
		return "resource.k8s.io"
	case "runtimeclasses":
		return "node.k8s.io"
	case "priorityclasses":
		return "scheduling.k8s.io"
	case "mutatingwebhookconfigurations", "validatingadmissionpolicies", "validatingadmissionpolicybindings",
		"validatingwebhookconfigurations":
		return "admissionregistration.k8s.io"
	case "flowschemas", "prioritylevelconfigurations":
		return "flowcontrol.apiserver.k8s.io"
	}
	return ""
}

// cutLast removes the last segment if it is the given one.
func cutLast(path, segment []byte) ([]byte, bool) {
	dir, last := splitLast(path)
	return dir, len(segment) > 0 && bytes.Equal(last, segment)
}

func splitLast(path []byte) (dir, last []byte) {
	i := bytes.LastIndexByte(path, '/')
	if i < 0 {
		return nil, path
	}
	return path[:i], path[i+1:]
}

// appendTo appends what tells one row from another. Lengths keep the parts apart, whatever bytes they hold.
func (id *identity) appendTo(b []byte) []byte {
	parts := [...][]byte{id.resource, id.group, id.apiVersion, id.kind, id.namespace, id.provider}
	for _, part := range parts {
		part = part[:min(len(part), maxName)]
		b = append(b, byte(len(part)))
		b = append(b, part...)
	}
	return strconv.AppendBool(b, id.foreign)
}

func (id *identity) row() Row {
	r := Row{
		Resource:   printable(id.resource),
		APIVersion: printable(id.apiVersion),
		Kind:       printable(id.kind),
		Namespace:  printable(id.namespace),
		Provider:   printable(id.provider),
		Foreign:    id.foreign,
	}
	if len(id.group) > 0 {
		r.Resource += "." + printable(id.group)
	}
	return r
}

// maxName is longer than any name that Kubernetes accepts.
const maxName = 253

// printable makes a string of bytes that may be anything: keys end up on terminals.
func printable(b []byte) string {
	b = b[:min(len(b), maxName)]
	for _, c := range b {
		if c <= ' ' || c > '~' {
			return strconv.QuoteToASCII(string(b))
		}
	}
	return string(b)
}

// ResourceOf guesses from a key alone what kind of object it is: the name that kubectl takes for keys of Kubernetes under
// "/registry", else the first segment of the key.
func ResourceOf(key []byte) string {
	path, kubernetes := bytes.CutPrefix(key, []byte("/registry/"))
	if !kubernetes || !bytes.Contains(path, []byte("/")) {
		id := identify(key, nil)
		return id.row().Resource
	}
	id := fromPath(key[1:])
	id.resource = modernName(id.resource, id.group)
	if len(id.group) == 0 {
		id.group = []byte(builtinGroup(string(id.resource)))
	}
	return id.row().Resource
}
