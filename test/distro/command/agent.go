package command

import (
	"errors"

	"github.com/urfave/cli/v2"
)

func (p *program) agent(*cli.Context) error { return errors.New("agents are not reproduced yet") }
