package etcd

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/engine/etcd"
	"github.com/holdfast-dev/holdfast/internal/cli/console"
	"github.com/holdfast-dev/holdfast/internal/cli/settings"
)

// statusView is the JSON form of holdfast etcd status.
type statusView struct {
	ClusterID string       `json:"etcdClusterID"`
	Quorum    bool         `json:"quorum"`
	Leader    string       `json:"leader,omitempty"`
	Revision  int64        `json:"revision"`
	Alarms    []alarmView  `json:"alarms"`
	Members   []memberView `json:"members"`
	// Save says what holdfast etcd save would do now.
	Save saveView `json:"save"`
}

type alarmView struct {
	Type   string `json:"type"`
	Member string `json:"memberID"`
}

type memberView struct {
	ID             string   `json:"id,omitempty"`
	Name           string   `json:"name"`
	Endpoint       string   `json:"endpoint,omitempty"`
	PeerURLs       []string `json:"peerURLs"`
	ClientURLs     []string `json:"clientURLs"`
	Role           string   `json:"role"`
	Version        string   `json:"version,omitempty"`
	StorageVersion string   `json:"storageVersion,omitempty"`
	Size           int64    `json:"size,omitempty"`
	InUse          int64    `json:"inUse,omitempty"`
	Term           uint64   `json:"raftTerm,omitempty"`
	Index          uint64   `json:"raftIndex,omitempty"`
	Applied        uint64   `json:"raftAppliedIndex,omitempty"`
	// Lag is nil when nobody knows it.
	Lag *uint64 `json:"lag,omitempty"`
	// Asked: an endpoint led to it. Healthy is nil when it was not asked, which says nothing for or against it.
	Asked   bool   `json:"asked"`
	Healthy *bool  `json:"healthy,omitempty"`
	Problem string `json:"problem,omitempty"`
}

type saveView struct {
	// From is the member that a save would ask first, "" when it would be refused.
	From    string        `json:"from,omitempty"`
	Refused string        `json:"refused,omitempty"`
	Skipped []skippedView `json:"skipped"`
}

type skippedView struct {
	Member string `json:"member"`
	Reason string `json:"reason"`
}

func newStatus(c *console.Console, flags *settings.Flags) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show the members, their health, and from which one a save would come",
		Example: `  holdfast etcd status --endpoints https://10.0.0.1:2379,https://10.0.0.2:2379 --cacert ca.crt --cert client.crt --key client.key
  holdfast etcd status --cluster -o json`,
		Args: cobra.NoArgs,
	}
	conn := addConnection(c, flags, cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		client, err := conn.dial(cmd.Context())
		if err != nil {
			return err
		}
		defer client.Close()
		cluster, err := client.Inspect(cmd.Context())
		if err != nil {
			return err
		}
		choice, refusal := etcd.Choose(cluster, etcd.Options{})
		if err := c.Print(showStatus(cluster, choice, refusal)); err != nil {
			return err
		}
		return refusal
	}
	return cmd
}

func showStatus(cluster etcd.Cluster, choice etcd.Choice, refusal error) console.Result {
	v := statusView{
		ClusterID: etcd.FormatID(cluster.ID), Quorum: cluster.Quorum, Revision: cluster.Revision,
		Alarms: []alarmView{}, Members: []memberView{}, Save: saveView{Skipped: []skippedView{}},
	}
	if leader := cluster.MemberByID(cluster.Leader); leader != nil {
		v.Leader = leader.Label()
	}
	for _, a := range cluster.Alarms {
		v.Alarms = append(v.Alarms, alarmView{string(a.Kind), etcd.FormatID(a.Member)})
	}
	for i := range cluster.Members {
		v.Members = append(v.Members, viewMember(&cluster, &cluster.Members[i]))
	}
	for _, s := range choice.Skipped {
		v.Save.Skipped = append(v.Save.Skipped, skippedView{s.Member.Label(), s.Reason})
	}
	if refusal != nil {
		v.Save.Refused = refusal.Error()
	} else {
		v.Save.From = choice.Candidates[0].Label()
	}
	r := console.Result{Value: v, Table: v.table}
	for _, m := range v.Members {
		r.Names = append(r.Names, m.Name)
	}
	return r
}

func viewMember(cluster *etcd.Cluster, m *etcd.Member) memberView {
	v := memberView{
		Name: m.Label(), Endpoint: m.Endpoint, PeerURLs: m.PeerURLs, ClientURLs: m.ClientURLs, Role: role(cluster, m),
		Asked: m.Endpoint != "",
	}
	if m.ID != 0 {
		v.ID = etcd.FormatID(m.ID)
	}
	if s := m.Status; s != nil {
		lag := cluster.Lag(m)
		v.Lag, v.Version, v.StorageVersion, v.Size, v.InUse = &lag, s.Version, s.StorageVersion, s.DBSize, s.DBInUse
		v.Term, v.Index, v.Applied = s.RaftTerm, s.RaftIndex, s.RaftApplied
	}
	if v.Asked {
		v.Problem = trouble(m)
		healthy := v.Problem == ""
		v.Healthy = &healthy
	}
	return v
}

func role(cluster *etcd.Cluster, m *etcd.Member) string {
	switch {
	case m.Learner:
		return "learner"
	case m.ID != 0 && m.ID == cluster.Leader:
		return "leader"
	case m.Answers():
		return "follower"
	}
	return "member"
}

// trouble is why a member that was asked is not healthy, or "".
func trouble(m *etcd.Member) string {
	switch {
	case m.Err != nil:
		return m.Err.Error()
	case !m.Answers():
		return "it does not answer"
	case m.ReadErr != nil:
		return m.ReadErr.Error()
	}
	return strings.Join(m.Status.Errors, ", ")
}

func (v statusView) table(w io.Writer) {
	rows := make([][]string, len(v.Members))
	for i, m := range v.Members {
		rows[i] = m.cells()
	}
	console.Columns(w, []string{"NAME", "ID", "ENDPOINT", "ROLE", "HEALTHY", "VERSION", "SIZE", "IN USE", "APPLIED", "LAG"}, rows)
	fmt.Fprintln(w)
	quorum := "yes"
	if !v.Quorum {
		quorum = "NO"
	}
	alarms := "none"
	if len(v.Alarms) > 0 {
		var raised []string
		for _, a := range v.Alarms {
			raised = append(raised, a.Type+" (member "+a.Member+")")
		}
		alarms = strings.Join(raised, ", ")
	}
	console.Pairs(w, "Cluster", v.ClusterID, "Quorum", quorum, "Leader", v.Leader, "Revision", fmt.Sprint(v.Revision),
		"Alarms", alarms, "A save would come from", v.Save.From)
	v.remarks(w)
}

func (m memberView) cells() []string {
	health := "-"
	if m.Healthy != nil {
		health = map[bool]string{true: "yes", false: "NO"}[*m.Healthy]
	}
	size, inUse, applied, lag := "-", "-", "-", "-"
	if m.Lag != nil { // it answered
		size, inUse = console.Bytes(m.Size), console.Bytes(m.InUse)
		applied, lag = fmt.Sprint(m.Applied), fmt.Sprint(*m.Lag)
	}
	return []string{m.Name, dash(m.ID), dash(m.Endpoint), m.Role, health, dash(m.Version), size, inUse, applied, lag}
}

// remarks says of each member once what is wrong with it.
func (v statusView) remarks(w io.Writer) {
	said := map[string]bool{}
	if slices.ContainsFunc(v.Members, func(m memberView) bool { return !m.Asked }) {
		fmt.Fprintln(w, "Members without an endpoint were not asked; --cluster asks all.")
	}
	for _, s := range v.Save.Skipped {
		said[s.Member] = true
		fmt.Fprintf(w, "not from %s: %s\n", s.Member, s.Reason)
	}
	for _, m := range v.Members {
		if m.Problem != "" && !said[m.Name] {
			fmt.Fprintf(w, "%s: %s\n", m.Name, m.Problem)
		}
	}
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
