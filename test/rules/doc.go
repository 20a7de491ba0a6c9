// Package rules tries the alert rules in deploy/prometheus with Prometheus' own tool. It holds no code: the cases are in
// rules_test.yaml beside the rules.
package rules
