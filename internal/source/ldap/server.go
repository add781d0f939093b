package ldap

import (
	"context"
	"fmt"
	"hash/fnv"
	"slices"

	"github.com/go-ldap/ldap/v3"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/source"
)

// server is what a session found out about its server.
type server struct {
	kind
	version  string
	contexts []string // naming contexts
	paging   bool
	// scope distinguishes the markers of servers that count separately.
	scope string
}

// recognise reads the root DSE (RFC 4512 section 5.1).
func (s *session) recognise(ctx context.Context) error {
	root, err := s.readEntry(ctx, registry.Say("recognise %s", s.at.shown), "", []string{"*", "+"})
	if err != nil {
		return err
	}
	i := slices.IndexFunc(kinds, func(k kind) bool { return k.is(root) })
	s.server = server{
		kind:     kinds[i],
		version:  root.GetEqualFoldAttributeValue("vendorVersion"),
		contexts: root.GetEqualFoldAttributeValues("namingContexts"),
		paging:   slices.Contains(root.GetEqualFoldAttributeValues("supportedControl"), ldap.ControlTypePaging),
	}
	if s.server.usn {
		s.server.scope = s.replicaID(ctx, root)
	}
	return nil
}

// replicaID names the database whose update numbers uSNChanged counts: the
// controller's invocationId, which a restore from backup changes, or at least
// the controller. It is hashed because it rides on every marker.
func (s *session) replicaID(ctx context.Context, root *ldap.Entry) string {
	id := root.GetEqualFoldAttributeValue("dsServiceName")
	if e, err := s.readEntry(ctx, registry.Say("read the controller's id"), id, []string{"invocationId"}); err == nil {
		if v := e.GetEqualFoldRawAttributeValue("invocationId"); len(v) > 0 {
			id = string(v)
		}
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(id))
	return fmt.Sprintf("@%08x", h.Sum32())
}

// readEntry reads one entry by name through go-ldap.
func (s *session) readEntry(ctx context.Context, doing registry.Said, dn string, attrs []string) (*ldap.Entry, error) {
	var res *ldap.SearchResult
	err := s.do(ctx, doing, func() (err error) {
		res, err = s.conn.Search(ldap.NewSearchRequest(dn, ldap.ScopeBaseObject, ldap.NeverDerefAliases,
			0, 0, false, "(objectClass=*)", attrs, nil))
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(res.Entries) != 1 {
		return nil, registry.Errorf("%s: %s: %d entries where one belongs", doing, source.ErrProtocol, len(res.Entries))
	}
	return res.Entries[0], nil
}

// identity tells one directory from another that took its place: for update
// numbers the replica that counts them, otherwise the base entry's own id, which
// replicas share and which a directory built anew does not have. It is "" where
// the account may not read it; markers then still differ wherever entries do.
func (s *session) identity(ctx context.Context, base string) string {
	if s.server.scope != "" {
		return s.server.scope
	}
	e, err := s.readEntry(ctx, registry.Say("read the base's id"), base, []string{s.server.anchor})
	if err != nil {
		return ""
	}
	anchor, _ := anchorOf(s.server.anchor, e.GetEqualFoldAttributeValues(s.server.anchor))
	return anchor
}
