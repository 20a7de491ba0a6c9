package strike

import "fmt"

// Weapon is what is done.
type Weapon string

// The weapons. Units are started again by systemd, as they say; the manager and a machine without power by whoever struck.
const (
	Agent   Weapon = "SIGKILL of the agent"
	Manager Weapon = "SIGKILL of the manager"
	Etcd    Weapon = "SIGKILL of etcd" // and of all that it is part of
	Reset   Weapon = "SIGKILL of the reset"
	Power   Weapon = "a power cut"
)

// Strike is one blow, at one place.
type Strike struct {
	Place  Place
	Weapon Weapon
	// Elsewhere says that it does not hit the machine at whose boundary it comes, but another one: the leader's, or the
	// first of the others when it is the leader's boundary.
	Elsewhere bool
}

func (s Strike) String() string {
	text := fmt.Sprintf("%s, %s", s.Place, s.Weapon)
	if s.Elsewhere {
		text += " elsewhere"
	}
	return text
}

// Matrix is every strike at the places of an operation that was watched undisturbed: each weapon at each place, and on
// another machine when a step has begun and when it has ended. etcd is only struck where it ran, and a reset while it does.
func Matrix(moments []Moment, leader string) []Strike {
	var list []Strike
	seen := map[Place]bool{}
	for _, m := range moments {
		place := PlaceOf(m, leader)
		if seen[place] {
			continue
		}
		seen[place] = true
		list = append(list, Strike{place, Agent, false}, Strike{place, Manager, false}, Strike{place, Power, false})
		if m.Running {
			list = append(list, Strike{place, Etcd, false})
		}
		if m.At == Amid {
			list = append(list, Strike{place, Reset, false})
		}
		if m.At == Begun || m.At == Ended || m.At == Taken {
			list = append(list, Strike{place, Agent, true}, Strike{place, Power, true})
			if m.Running {
				list = append(list, Strike{place, Etcd, true})
			}
		}
	}
	return list
}
