package ldap

import (
	"context"

	"github.com/usherd/usher/internal/source"
)

// MembersFrom asks a server for a group's members from a position on, as a read
// does when the server gave only the first, and tells whether more remain.
func MembersFrom(ctx context.Context, s *Source, dn string, from int) (members []string, more bool, err error) {
	sess, err := s.open(ctx)
	if err != nil {
		return nil, false, err
	}
	defer sess.close()
	p := s.pager(sess, listing{kind: source.Group}, false)
	part, _, err := p.ranged(ctx, dn, "member", from)
	if err != nil || part == nil {
		return nil, false, err
	}
	_, more = nextRange(part.ranged)
	return part.members, more, nil
}
