package saving

import (
	"fmt"
	"sync"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/holdfast-dev/holdfast/engine/snapshot"
	"github.com/holdfast-dev/holdfast/internal/step"
)

// reportEvery bounds how often progress is told: each time is a message to the manager.
const reportEvery = 3 * time.Second

// progress words the engine's progress for whoever watches the step.
func progress(report step.Report) snapshot.Progress {
	var mu sync.Mutex
	var last time.Time
	return func(phase snapshot.Phase, done, total int64) {
		mu.Lock()
		defer mu.Unlock()
		if time.Since(last) < reportEvery {
			return
		}
		last = time.Now()
		if phase == snapshot.PhaseTrial {
			report("trial restore", "")
			return
		}
		report(fmt.Sprintf("%s: %s of %s", phase, humanize.IBytes(uint64(max(done, 0))), humanize.IBytes(uint64(max(total, 0)))), "")
	}
}
