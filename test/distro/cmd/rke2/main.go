// Command rke2 is a stand-in for rke2: see package distro for what it reproduces. Its version is set when it is linked.
package main

import (
	"os"

	"github.com/holdfast-dev/holdfast/test/distro"
	"github.com/holdfast-dev/holdfast/test/distro/command"
)

var version = "v1.37.2+rke2r1"

func main() { os.Exit(command.Main(distro.RKE2(), version, os.Args)) }
