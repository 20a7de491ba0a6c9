package etcd

import (
	"fmt"
	"io"

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
	ID             string   `json:"id"`
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
	Lag            uint64   `json:"lag"`
	Healthy        bool     `json:"healthy"`
	Problem        string   `json:"problem,omitempty"`
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
		ID: etcd.FormatID(m.ID), Name: m.Label(), Endpoint: m.Endpoint, PeerURLs: m.PeerURLs, ClientURLs: m.ClientURLs,
		Lag: cluster.Lag(m), Role: "member",
	}
	switch {
	case m.Learner:
		v.Role = "learner"
	case m.ID != 0 && m.ID == cluster.Leader:
		v.Role = "leader"
	case m.Answers():
		v.Role = "follower"
	}
	if s := m.Status; s != nil {
		v.Version, v.StorageVersion, v.Size, v.InUse = s.Version, s.StorageVersion, s.DBSize, s.DBInUse
		v.Term, v.Index, v.Applied = s.RaftTerm, s.RaftIndex, s.RaftApplied
	}
	v.Healthy = m.Answers() && m.ReadErr == nil && len(m.Status.Errors) == 0
	switch {
	case m.Err != nil:
		v.Problem = m.Err.Error()
	case m.Endpoint == "":
		v.Problem = "not asked: no endpoint given (try --cluster)"
	case m.ReadErr != nil:
		v.Problem = m.ReadErr.Error()
	case m.Answers() && len(m.Status.Errors) > 0:
		v.Problem = fmt.Sprint(m.Status.Errors)
	}
	return v
}

func (v statusView) table(w io.Writer) {
	rows := make([][]string, 0, len(v.Members))
	for _, m := range v.Members {
		health := "yes"
		if !m.Healthy {
			health = "no"
		}
		size, inUse := "-", "-"
		if m.Size > 0 {
			size, inUse = console.Bytes(m.Size), console.Bytes(m.InUse)
		}
		rows = append(rows, []string{
			m.Name, m.ID, dash(m.Endpoint), m.Role, health, dash(m.Version), size, inUse, fmt.Sprint(m.Applied), fmt.Sprint(m.Lag),
		})
	}
	console.Columns(w, []string{"NAME", "ID", "ENDPOINT", "ROLE", "HEALTHY", "VERSION", "SIZE", "IN USE", "APPLIED", "LAG"}, rows)
	fmt.Fprintln(w)
	quorum := "yes"
	if !v.Quorum {
		quorum = "NO"
	}
	alarms := "none"
	if len(v.Alarms) > 0 {
		alarms = ""
		for _, a := range v.Alarms {
			alarms += a.Type + " (member " + a.Member + ") "
		}
	}
	console.Pairs(w, "Cluster", v.ClusterID, "Quorum", quorum, "Leader", v.Leader, "Revision", fmt.Sprint(v.Revision),
		"Alarms", alarms, "A save would come from", v.Save.From)
	for _, m := range v.Members {
		if m.Problem != "" {
			fmt.Fprintf(w, "%s: %s\n", m.Name, m.Problem)
		}
	}
	for _, s := range v.Save.Skipped {
		fmt.Fprintf(w, "not from %s: %s\n", s.Member, s.Reason)
	}
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
