package entra

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"

	kiota "github.com/microsoft/kiota-abstractions-go"
	"github.com/microsoftgraph/msgraph-sdk-go/groups"
	"github.com/microsoftgraph/msgraph-sdk-go/users"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/source"
)

// Probe implements source.Source. It asks for one page of each delta query with
// every property that a read asks for, so that what is missing is found here.
// All missing permissions are named together.
func (s *Source) Probe(ctx context.Context) (source.Info, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var info source.Info
	add := func(name registry.Format, value registry.Said) {
		if value != "" {
			info.Facts = append(info.Facts, source.Fact{Name: registry.Say(name), Value: value})
		}
	}
	add("address", registry.Verbatim(s.graph.String()))
	add("authority", registry.Verbatim(s.authority))
	sess, err := s.open(ctx)
	if err != nil {
		return info, err
	}
	defer sess.close()
	add("signed in as", sess.identity())
	add("permissions", registry.List(sess.claims.Roles))
	_, userErr := sess.userPage(ctx, request{sel: s.users.sel})
	_, groupErr := sess.groupPage(ctx, request{sel: s.groups.withMembers()})
	if err := errors.Join(userErr, groupErr); err != nil {
		return info, err
	}
	add("hidden members", sess.hiddenWords())
	sc, err := sess.scope(ctx)
	if err != nil {
		return info, err
	}
	add("user types", registry.List(s.cfg.UserTypes))
	if sc.groups != nil {
		add("groups in scope", registry.Verbatim(fmt.Sprint(len(sc.groups.groups))))
		add("members in scope", registry.Verbatim(fmt.Sprint(len(sc.members))))
	}
	for _, kind := range []source.Kind{source.User, source.Group} {
		n, err := sess.count(ctx, kind)
		if err != nil {
			return info, err
		}
		add(map[source.Kind]registry.Format{source.User: "users", source.Group: "groups"}[kind], registry.Verbatim(n))
	}
	return info, nil
}

// identity says whom Graph takes us for.
func (s *session) identity() registry.Said {
	how := registry.Say("%s by client secret", s.appName())
	switch {
	case s.cfg.ManagedIdentity:
		how = registry.Say("%s by managed identity", s.appName())
	case s.cfg.WorkloadIdentity:
		how = registry.Say("%s by workload identity", s.appName())
	case s.cfg.CertificateFile != "":
		how = registry.Say("%s by certificate", s.appName())
		if certs, _, err := s.certificate(); err == nil {
			how = registry.Say("%s until %s", how, certs[0].NotAfter.UTC().Format("2006-01-02"))
		}
	}
	return how
}

// appName is the application that the token is of.
func (s *session) appName() string { return cmp.Or(s.claims.App, s.cfg.ClientID) }

// hiddenWords says whether hidden members can be read.
func (s *session) hiddenWords() registry.Said {
	switch granted, known := s.claims.may(readHidden.name); {
	case granted:
		return registry.Say("readable")
	case !known:
		return registry.Say("not known: the token does not tell its permissions")
	}
	return registry.Say("not readable, such groups keep the members they had; to read them: %s", readHidden.grant())
}

// count asks how many there are, from an index that may lag behind: it is for
// people to read and nothing else.
func (s *session) count(ctx context.Context, kind source.Kind) (string, error) {
	headers := kiota.NewRequestHeaders()
	headers.Add("ConsistencyLevel", "eventual")
	top, yes, id := int32(1), true, []string{"id"}
	var (
		res interface{ GetOdataCount() *int64 }
		err error
	)
	if kind == source.User {
		res, err = s.users.Get(ctx, &users.UsersRequestBuilderGetRequestConfiguration{Headers: headers,
			QueryParameters: &users.UsersRequestBuilderGetQueryParameters{Count: &yes, Top: &top, Select: id}})
	} else {
		res, err = s.groups.Get(ctx, &groups.GroupsRequestBuilderGetRequestConfiguration{Headers: headers,
			QueryParameters: &groups.GroupsRequestBuilderGetQueryParameters{Count: &yes, Top: &top, Select: id}})
	}
	if err != nil {
		if err = s.explain(err); hasStatus(err, http.StatusBadRequest) {
			return "", nil // a cloud that cannot count
		}
		return "", err
	}
	if n := res.GetOdataCount(); n != nil {
		return fmt.Sprint(*n), nil
	}
	return "", nil
}
