package schedule

import (
	"os"
	"strings"
	"time"
)

// LocalZone is the name of this machine's time zone, as "Europe/Berlin"; empty when nothing names it.
func LocalZone() string {
	if name := time.Local.String(); name != "Local" {
		return name
	}
	target, err := os.Readlink("/etc/localtime")
	if err != nil {
		return ""
	}
	return zoneIn(target)
}

// zoneIn is the zone that a path below the system's zones means; empty for any other path.
func zoneIn(path string) string {
	_, name, found := strings.Cut(path, "/zoneinfo/")
	if _, err := time.LoadLocation(name); !found || err != nil {
		return ""
	}
	return name
}
