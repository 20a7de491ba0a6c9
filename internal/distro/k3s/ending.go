package k3s

// maxOutput is how much of what a program says is kept: far more than any list of snapshots takes.
const maxOutput = 4 << 20

// ending keeps the end of what is written to it: a program that talks without end must not fill the memory.
type ending struct {
	limit int
	data  []byte
}

// Write implements io.Writer.
func (e *ending) Write(p []byte) (int, error) {
	e.data = append(e.data, p...)
	if len(e.data) > 2*e.limit {
		e.data = append(e.data[:0], e.data[len(e.data)-e.limit:]...)
	}
	return len(p), nil
}

// String is what was kept.
func (e *ending) String() string { return string(e.data[max(0, len(e.data)-e.limit):]) }
