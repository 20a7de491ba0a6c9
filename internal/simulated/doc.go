// Package simulated has agents without a machine: they speak the real API as internal/agent does, with the same watches,
// leases and reports at the same times, and answer plans with plausible evidence, without any etcd behind them. Each keeps
// a journal of what it was told, as a real one does, and notices when a manager contradicts itself.
//
// It is for tests of the controllers and for measuring fleets of thousands; nothing of it is part of a program.
//
// Start reading at [Agent].
package simulated
