// Package controller keeps the resources of holdfast.dev as they should be: it gives clusters their ids and machines
// their settings, makes the list of snapshots out of what machines and S3 folders hold, and carries out what package
// operation decides.
//
// It decides nothing about operations itself, and touches no backup: bytes are the agents' business. All that it knows
// lies in the API, so it may be stopped at any moment. It has to be cheap with a thousand clusters: everything is looked
// up by namespace in caches, and what happens without a change (leases being renewed) wakes nobody.
//
// Start reading at [Add], then at operations.go.
package controller
