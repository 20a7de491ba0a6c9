package deploy

import "embed"

// Host holds what is put on hosts: systemd units, and the script that installs an agent.
//
//go:embed systemd/*.service install/install.sh
var Host embed.FS
