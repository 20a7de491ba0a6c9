// Package step holds the typed steps that an agent can be asked for, and the journal that carries them over crashes.
//
// A step names what is wanted ("StopDistro"), never how: nothing that came over the wire is executed as a command. Each
// step has a precondition, an effect, evidence that the effect is there, and a way back. The controller hands steps out
// in a MachinePlan; the agent does them one after the other and answers with results. The same steps run without a
// manager.
//
// The settings and evidence of each kind are in this package, because both sides need them: internal/operation writes
// settings and reads evidence, the agent does the reverse. The package must know neither Kubernetes clients nor a
// distribution. Start reading at [Step], then at the table of kinds; [Runner] carries plans out.
package step
