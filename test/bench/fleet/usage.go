package fleet

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// ticks of the kernel's clock in a second, as /proc counts: the same on all of Linux.
const ticks = 100

// Usage of a process.
type Usage struct {
	// CPU that it has used, in seconds.
	CPU float64
	// Resident, the most that it ever was, and how much of what is resident now is no mapped file; in bytes.
	Resident, Peak, Anonymous int64
}

// UsageOf reads what the kernel has counted.
func UsageOf(pid int) (Usage, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return Usage{}, err
	}
	// The name of the program stands in parentheses, and may hold anything.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	var u Usage
	for _, field := range fields[11:13] { // utime, stime
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return u, fmt.Errorf("/proc/%d/stat: %w", pid, err)
		}
		u.CPU += float64(n) / ticks
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return u, err
	}
	for line := range strings.Lines(string(status)) {
		name, rest, _ := strings.Cut(line, ":")
		into := map[string]*int64{"VmRSS": &u.Resident, "VmHWM": &u.Peak, "RssAnon": &u.Anonymous}[name]
		if into == nil {
			continue
		}
		kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
		if err != nil {
			return u, fmt.Errorf("/proc/%d/status: %w", pid, err)
		}
		*into = kib << 10
	}
	return u, nil
}
