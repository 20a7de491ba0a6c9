package server

import (
	"path/filepath"
	"testing"
)

func TestAReservedPortIsGivenToNobodyElse(t *testing.T) {
	p, err := reservePort()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Dir(p.lock.Name())
	if again, err := tryPort(dir, p.number); err != nil || again != nil {
		t.Errorf("reserved twice: %v, %v", again, err)
	}
	p.release()
	again, err := tryPort(dir, p.number)
	if err != nil || again == nil {
		t.Errorf("not to be had after release: %v, %v", again, err)
	}
	again.release()
}
