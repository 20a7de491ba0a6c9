// Package controller tests internal/controller on a real API server, with simulated agents. It holds no code: the root
// module has no API server to test on. Start reading at controller_test.go.
package controller
