package controller

import (
	"testing"
	"testing/synctest"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

func leaseAt(renewed time.Time) *coordinationv1.Lease {
	at, yes := metav1.NewMicroTime(renewed), true
	return &coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{Namespace: "n", Name: "m", OwnerReferences: []metav1.OwnerReference{{Kind: "Machine", Name: "m", Controller: &yes}}},
		Spec:       coordinationv1.LeaseSpec{RenewTime: &at},
	}
}

var machineM = types.NamespacedName{Namespace: "n", Name: "m"}

// TestAMachinesClockDoesNotCount: it may be hours off, and the machine answers as long as its lease changes.
func TestAMachinesClockDoesNotCount(t *testing.T) {
	for name, off := range map[string]time.Duration{"behind": -5 * time.Hour, "ahead": 5 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLiveness(time.Now)
				for range 10 {
					l.observe(leaseAt(time.Now().Add(off)))
					time.Sleep(40 * time.Second)
				}
				if alive, _ := l.check(machineM); !alive {
					t.Error("it renews its lease and does not count as answering")
				}
				time.Sleep(61 * time.Second)
				if alive, seen := l.check(machineM); alive || time.Since(seen) != 101*time.Second {
					t.Errorf("it counts as answering, seen %v", seen)
				}
			})
		})
	}
}

func TestBeginningAndCeasingToAnswerIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLiveness(time.Now)
		for range 5 {
			l.observe(leaseAt(time.Now()))
			l.expire()
			time.Sleep(30 * time.Second)
		}
		if len(l.changed) != 1 {
			t.Errorf("%d changes were told of a machine that has come and stayed", len(l.changed))
		}
		time.Sleep(2 * time.Minute)
		l.expire()
		l.expire()
		if len(l.changed) != 2 {
			t.Errorf("%d changes were told after it has gone", len(l.changed))
		}
	})
}

// TestAfterAStartAnOldLeaseIsBelieved: what was silent before the manager's restart does not come alive by it.
func TestAfterAStartAnOldLeaseIsBelieved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLiveness(time.Now)
		l.observe(leaseAt(time.Now().Add(-time.Hour)))
		if alive, seen := l.check(machineM); alive || time.Since(seen) != time.Hour {
			t.Errorf("alive %v, seen %v", alive, seen)
		}
		other := leaseAt(time.Now())
		other.OwnerReferences = nil
		other.Name = "node"
		l.observe(other)
		if _, seen := l.check(types.NamespacedName{Namespace: "n", Name: "node"}); !seen.IsZero() {
			t.Error("a lease of somebody else's counts as a machine's")
		}
	})
}
