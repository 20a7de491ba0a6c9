// Package supervise runs a program as a child of the agent, where there is no systemd to do it. The child outlives the agent:
// a new agent finds it and goes on from there.
//
// It knows nothing of what the program does. While the fence file stands in the state directory it starts nothing. Start
// reading at [Supervisor].
package supervise
