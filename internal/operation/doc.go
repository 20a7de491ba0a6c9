// Package operation decides how saves, tasks and restores go on. It is a set of pure functions: what was read goes in, the
// operation's new status and the machines' new plans come out. It has no client, no clock and no randomness, so that every
// situation can be put to it in a test.
//
// A decision changes either the operation's status or plans, never both. So each decision follows from what is stored,
// and a manager that is killed between any two writes decides the same again:
//
//   - What the machines answered is recorded in the status first.
//   - Choices that can't be taken back (a stage is over, the restore is committed, it rolls back) are a change of the
//     status alone. Two managers that choose differently meet at its resource version, and one of them loses.
//   - Steps are handed out according to the stored status. One that was handed out stays as it is, word for word.
//
// A stage is a part of a phase, with a deadline. The tables of phases and stages stand at the top of save.go, task.go and
// restore.go. Start reading at [Observed] and [Decision], then at [DecideSave].
package operation
