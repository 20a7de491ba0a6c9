// Package driver tries Holdfast's driver of k3s and rke2 on stand-ins, on machines of a lab: what an agent would have it do,
// and what becomes of that when whoever asked for it is killed, or the machine is restarted.
//
// It has no code; start reading at its tests.
package driver
