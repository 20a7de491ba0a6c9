package snapshot

// Phase names a part of a save, a check or a restore that takes time.
type Phase string

// The phases.
const (
	PhaseStream  Phase = "stream"  // etcd to the spool
	PhaseUpload  Phase = "upload"  // spool to the repository
	PhaseRead    Phase = "read"    // repository to this machine
	PhaseCheck   Phase = "check"   // walking the content
	PhaseTrial   Phase = "trial"   // serving a trial restore
	PhaseInstall Phase = "install" // making the data directory durable
)

// Progress is told how far a phase is. total is 0 when unknown; done equal to total ends the phase. It is called from
// several goroutines, often, and must return at once.
type Progress func(phase Phase, done, total int64)

func (p Progress) report(phase Phase, done, total int64) {
	if p != nil {
		p(phase, done, total)
	}
}

// of reports how far one phase is.
func (p Progress) of(phase Phase, total int64) func(done int64) {
	return func(done int64) { p.report(phase, done, total) }
}
