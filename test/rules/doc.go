// Package rules tries the alert rules in deploy/prometheus, and the queries of the dashboard in deploy/grafana, with
// Prometheus' own tool. It holds no code: the cases of the rules are in
// rules_test.yaml beside the rules.
package rules
