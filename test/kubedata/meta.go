package kubedata

import "time"

// owner is an ownerReference that is also the controller.
type owner struct {
	apiVersion, kind, name, uid string
}

func (o owner) message() message {
	return message{}.string(1, o.kind).string(3, o.name).string(4, o.uid).string(5, o.apiVersion).bool(6, true).bool(7, true)
}

// meta is an ObjectMeta.
type meta struct {
	generateName, name  string
	labels, annotations pairs
	owner               *owner
	managed             []managed
}

// managed is a managedFields entry: who set which fields, as a JSON tree. In real clusters these are the larger part
// of most objects.
type managed struct {
	manager, apiVersion, subresource string
	fields                           string
	at                               time.Time
}

func (f managed) message() message {
	m := roomy().string(1, f.manager).string(2, "Update").string(3, f.apiVersion).time(4, f.at).
		string(6, "FieldsV1").message(7, message{}.string(1, f.fields))
	return m.string(8, f.subresource)
}

// message writes the metadata of the scene's object.
func (o meta) message(s *scene) message {
	m := roomy().string(1, o.name).string(2, o.generateName).string(3, s.namespace).string(4, "").
		string(5, s.uid).string(6, "").int(7, int64(s.generation)).time(8, s.created)
	m = m.pairs(11, o.labels).pairs(12, o.annotations)
	if o.owner != nil {
		m = m.message(13, o.owner.message())
	}
	for _, f := range o.managed {
		m = m.message(17, f.message())
	}
	return m
}

// labels are what a Helm chart puts on everything.
func (s *scene) labels() pairs {
	return pairs{
		"app.kubernetes.io/name":       s.app,
		"app.kubernetes.io/instance":   s.namespace,
		"app.kubernetes.io/component":  "server",
		"app.kubernetes.io/managed-by": "Helm",
		"app.kubernetes.io/part-of":    "shop",
		"helm.sh/chart":                s.app + "-4.11.2",
	}
}
