package command

import (
	"time"

	"github.com/urfave/cli/v2"

	"github.com/holdfast-dev/holdfast/test/distro/agent"
	"github.com/holdfast-dev/holdfast/test/distro/node"
)

func (p *program) agent(c *cli.Context) error {
	name, ip, err := identity(c)
	if err != nil {
		return err
	}
	token, err := textOrFile(c, "token")
	if err != nil {
		return err
	}
	p.log.Infof("Starting %s agent %s (%s)", p.flavor.Name, p.version, commit)
	return agent.Run(c.Context, agent.Config{
		Flavor: p.flavor, Log: p.log, DataDir: p.dataDir(c), Server: c.String("server"), Token: token,
		Machine: node.Machine{
			Name: name, IP: ip, Version: p.version, Labels: node.ParseLabels(c.StringSlice("node-label")),
			Taints: node.ParseTaints(c.StringSlice("node-taint")), Now: time.Now,
		},
	})
}
