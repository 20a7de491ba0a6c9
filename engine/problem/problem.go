// Package problem holds the one error type that an operator reads.
//
// Code deep in the engine returns ordinary wrapped errors and sentinels. Where the cause is understood well enough
// to tell a person what to do next, it is turned into an [Error]: what was being done, to what, why it did not work,
// and the next step. A command prints it in full and exits with the [Kind]'s documented code.
//
// The package knows nothing of etcd, stores or commands, and must not.
package problem

import (
	"slices"
	"strings"
)

// Kind says which sort of trouble it is. Each has its own exit code, so that a script can tell "refused, nothing
// happened" from "this backup is damaged".
type Kind int

// The kinds. Their numbers are exit codes: they are documented and never change their meaning.
const (
	Failed      Kind = 1 // anything without a more exact kind
	Usage       Kind = 2 // the command line or the config file is wrong
	Refused     Kind = 3 // a check said no; nothing was changed
	Damaged     Kind = 4 // a snapshot's bytes are not what they should be
	NotFound    Kind = 5 // no such snapshot, repository, bucket or file
	Unreachable Kind = 6 // no answer, or none in time
	Denied      Kind = 7 // credentials or rights
	NoSpace     Kind = 8 // a disk or a quota is full

	Unsuccessful Kind = 9  // what was asked for was begun, and did not succeed
	Unfinished   Kind = 10 // the time to wait for it is over, and it goes on
)

// Error is what an operator reads.
type Error struct {
	Kind Kind
	// Op is what was being done, as a verb phrase: "save a snapshot".
	Op string
	// Subject is what it was done to: an endpoint, a repository URL, a file.
	Subject string
	// Why is the cause in plain words. Empty: Err's own text is good enough.
	Why string
	// Next is what to do about it, as an instruction. May be empty when nothing sensible can be said.
	Next string
	// Err is the underlying error, for errors.Is and for the log.
	Err error
}

// Error returns what was being done, to what, and why it did not work: "save a snapshot of https://…: the cluster has
// no leader". The next step is not in it: whoever prints the error asks NextOf once, at the end, however deep the step
// lies. What an error inside repeats, the place or the cause, is said once.
func (e *Error) Error() string {
	place := strings.TrimSpace(e.Op + " " + e.Subject)
	why, inner := e.Why, ""
	if e.Err != nil {
		inner = e.Err.Error()
	}
	if place != "" {
		inner = strings.TrimPrefix(inner, place+": ")
	}
	if strings.Contains(why, inner) {
		inner = ""
	} else if strings.Contains(inner, why) {
		why = ""
	}
	parts := slices.DeleteFunc([]string{place, why, inner}, func(part string) bool { return part == "" })
	return strings.Join(parts, ": ")
}

// Unwrap returns the underlying error.
func (e *Error) Unwrap() error { return e.Err }
