// Package architecture tests the shape of the repository: that every package says what it is for, and that imports
// flow one way, from the engine to the commands. It has no code; start reading at its tests.
package architecture
