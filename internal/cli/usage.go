package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/holdfast-dev/holdfast/internal/cli/console"
)

// wordArguments words cobra's complaints about arguments, and makes an unknown subcommand one at every level.
func wordArguments(cmd *cobra.Command) {
	if cmd.HasSubCommands() {
		cmd.Args = func(cmd *cobra.Command, args []string) error { return unknownCommand(cmd, args) }
		cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	} else if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if check(cmd, args) == nil {
				return nil
			}
			given := fmt.Sprintf("%d arguments were given", len(args))
			if len(args) == 1 {
				given = fmt.Sprintf("the argument %q was given", args[0])
			}
			return console.Usagef("%s; usage: %s", given, cmd.UseLine())
		}
	}
	for _, sub := range cmd.Commands() {
		wordArguments(sub)
	}
}

func unknownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	cmd.SuggestionsMinimumDistance = 2
	near := cmd.SuggestionsFor(args[0])
	if args[0] == "version" && !cmd.HasParent() {
		near = []string{"--version"}
	}
	return console.Usagef("%s has no command %q%s", cmd.CommandPath(), args[0], didYouMean(near))
}

// wrongFlag words a complaint about flags.
func wrongFlag(cmd *cobra.Command, err error) error {
	if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok && len(unknown.GetSpecifiedName()) > 1 {
		return console.Usagef("%v%s", err, didYouMean(flagsLike(cmd, unknown.GetSpecifiedName())))
	}
	if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok && unknown.GetSpecifiedName() == "w" {
		return console.Usagef("%v%s", err, didYouMean([]string{"-o"}))
	}
	if invalid, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		return console.Usagef("--%s %s: %v", invalid.GetFlag().Name, invalid.GetValue(), plainly(invalid))
	}
	return console.Usagef("%v", err)
}

// plainly is the cause without the name of the Go function that found it.
func plainly(invalid *pflag.InvalidValueError) error {
	switch cause := invalid.Unwrap(); invalid.GetFlag().Value.Type() {
	case "bool":
		return errors.New("it is true or false")
	case "int", "uint64":
		return errors.New("it is no whole number that fits")
	default:
		return cause
	}
}

// flagsLike are the command's flags that begin like the name or differ from it in two letters at most.
func flagsLike(cmd *cobra.Command, name string) []string {
	var near []string
	if name == "write-out" { // etcdctl's
		return []string{"--output"}
	}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if strings.HasPrefix(f.Name, name) || strings.HasPrefix(name, f.Name+"-") || distance(f.Name, name) <= 2 {
			near = append(near, "--"+f.Name)
		}
	})
	return near
}

// distance is how many letters must be put in, left out or replaced to make one word of the other.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}

func didYouMean(near []string) string {
	if len(near) == 0 {
		return ""
	}
	return "; did you mean " + strings.Join(near, " or ") + "?"
}

// newHelp is cobra's help command, but for a command that does not exist it says so.
func newHelp(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Help about any command",
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			target, _, err := root.Find(args)
			if err != nil {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			var names []string
			for _, sub := range target.Commands() {
				if sub.IsAvailableCommand() {
					names = append(names, cobra.CompletionWithDesc(sub.Name(), sub.Short))
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			target, rest, err := root.Find(args)
			if err != nil {
				return console.Usagef("%v", err)
			}
			if err := unknownCommand(target, rest); err != nil {
				return err
			}
			target.InitDefaultHelpFlag()
			target.InitDefaultVersionFlag()
			return target.Help()
		},
	}
}
