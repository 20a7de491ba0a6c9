package httpd

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/enroll"
)

// pathInvite is where the line is made with which a machine joins: POST an invitation, and get a [enroll.JoinLine].
const pathInvite = "/v1/namespaces/{namespace}/clusters/{name}/invitations"

// Limits of an invitation's life. Whoever wants a longer one asks the command line, which has no limit.
const (
	shortestLife = time.Minute
	longestLife  = 7 * 24 * time.Hour
)

// maxInvitation in bytes.
const maxInvitation = 8 << 10

// invitation is what a person asks for.
type invitation struct {
	// Roles of the machine: at least one.
	Roles []v1alpha1.Role `json:"roles"`
	// Replace names a machine that may be taken over.
	Replace string `json:"replace,omitempty"`
	// LifeSeconds of the token. Default: enroll.DefaultTokenLife.
	LifeSeconds int64 `json:"lifeSeconds,omitempty"`
	// Server is the address that the machine reaches the manager at, host[:port]. Default: what the manager says.
	Server string `json:"server,omitempty"`
}

// invitations makes join lines. The token's hash is kept with the caller's rights, as the command line does it.
type invitations struct {
	info func() enroll.Info
	now  func() time.Time
}

func (i invitations) serve(w http.ResponseWriter, r *http.Request, c client.Client) error {
	var asked invitation
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxInvitation))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&asked); err != nil {
		return apierrors.NewBadRequest("an invitation is JSON with roles: " + err.Error())
	}
	info := i.info()
	if err := asked.check(info); err != nil {
		return apierrors.NewBadRequest(err.Error())
	}
	// A token for a cluster that is not there would be good for nothing.
	cluster := new(v1alpha1.Cluster)
	if err := c.Get(r.Context(), client.ObjectKey{Namespace: r.PathValue("namespace"), Name: r.PathValue("name")}, cluster); err != nil {
		return err
	}
	life := time.Duration(cmp.Or(asked.LifeSeconds, int64(enroll.DefaultTokenLife/time.Second))) * time.Second
	wanted := enroll.Invitation{
		Namespace: cluster.Namespace, Cluster: cluster.Name, Roles: asked.Roles, Replace: asked.Replace, Expires: i.now().Add(life),
	}
	token, err := enroll.Invite(r.Context(), c, info, wanted)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	// Whoever has gone away asks for another one.
	_ = json.NewEncoder(w).Encode(info.Line(cmp.Or(asked.Server, firstOf(info.Addresses)), wanted, token))
	return nil
}

func (i invitation) check(info enroll.Info) error {
	roles := []v1alpha1.Role{v1alpha1.RoleEtcd, v1alpha1.RoleControlPlane, v1alpha1.RoleWorker}
	if len(i.Roles) == 0 {
		return fmt.Errorf("say what the machine does: roles are %q", roles)
	}
	for _, role := range i.Roles {
		if !slices.Contains(roles, role) {
			return fmt.Errorf("%q is no role: roles are %q", role, roles)
		}
	}
	life := time.Duration(i.LifeSeconds) * time.Second
	if i.LifeSeconds != 0 && (i.LifeSeconds < 0 || i.LifeSeconds > int64(longestLife/time.Second) || life < shortestLife) {
		return fmt.Errorf("lifeSeconds is %d, from %d to %d", i.LifeSeconds, shortestLife/time.Second, longestLife/time.Second)
	}
	switch {
	case i.Server != "" && !hostAndPort(i.Server):
		return fmt.Errorf("server %q is no address: write host or host:port", i.Server)
	case i.Server == "" && len(info.Addresses) == 0:
		return fmt.Errorf("the manager does not say where machines reach it: give the server's address")
	}
	return nil
}

func firstOf(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}
