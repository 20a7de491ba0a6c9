// Command k3s is a stand-in for k3s: see package distro for what it reproduces. Its version is set when it is linked.
package main

import (
	"os"

	"github.com/holdfast-dev/holdfast/test/distro"
	"github.com/holdfast-dev/holdfast/test/distro/command"
)

var version = "v1.37.2+k3s1"

func main() { os.Exit(command.Main(distro.K3s(), version, os.Args)) }
