// Package fleet simulates machines' agents that speak the real API: they renew leases, report their machine, and answer
// plans with plausible evidence, without any etcd behind them. It is for tests of the controllers and for measuring
// fleets of thousands; nothing of it is part of a program.
//
// Start reading at [Agent].
package fleet
