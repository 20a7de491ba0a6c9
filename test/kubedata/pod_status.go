package kubedata

import (
	"fmt"
	"strings"
)

func (s *scene) podStatus(containers []string) message {
	ip := fmt.Sprintf("10.%d.%d.%d", 42+s.moving.IntN(4), s.moving.IntN(256), 1+s.moving.IntN(254))
	m := roomy().string(1, "Running")
	for _, c := range []string{"PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"} {
		m = m.message(2, message{}.string(1, c).string(2, "True").message(3, nil).time(4, s.changed).string(5, "").string(6, ""))
	}
	m = m.string(3, "").string(4, "").string(5, s.nodeAddress()).string(6, ip).time(7, s.created)
	for _, c := range containers {
		m = m.message(8, s.containerStatus(c))
	}
	return m.string(9, "Burstable").string(11, "").message(12, message{}.string(1, ip)).
		message(16, message{}.string(1, s.nodeAddress()))
}

func (s *scene) containerStatus(name string) message {
	running := message{}.message(2, message{}.time(1, s.changed))
	digest := func() string {
		return fmt.Sprintf("%016x%016x%016x%016x", s.fixed.Uint64(), s.fixed.Uint64(), s.fixed.Uint64(), s.fixed.Uint64())
	}
	id := fmt.Sprintf("containerd://%016x%016x%016x%016x", s.moving.Uint64(), s.moving.Uint64(), s.moving.Uint64(), s.moving.Uint64())
	image := s.image(name)
	return message{}.string(1, name).message(2, running).message(3, nil).bool(4, true).int(5, int64(s.generation%7)).
		string(6, image).string(7, strings.Split(image, ":")[0]+"@sha256:"+digest()).string(8, id).bool(9, true)
}

func (s *scene) nodeNumber() int { return s.i % 97 }

func (s *scene) node() string { return fmt.Sprintf("worker-%02d.cluster.internal", s.nodeNumber()) }

func (s *scene) nodeAddress() string { return fmt.Sprintf("192.168.10.%d", s.nodeNumber()+10) }
