// Package fleet measures a real holdfast-server with simulated fleets of agents that speak the real API: what it costs at
// rest, what a save of every cluster costs, how much memory it takes, and that it can be stopped and killed at any time.
// The server is a process of its own, so that what the agents cost does not count.
//
// Start reading at [Measure].
package fleet
