package ldap

import (
	"hash/fnv"
	"strconv"
	"strings"

	"github.com/usherd/usher/internal/source"
)

// asideMark stands in a marker before the sum of what the server's own marker does
// not cover.
const asideMark = "+"

// computed are attributes, in lower case, that a server makes up from other
// entries, so that they change while the entry and its change marker stand:
// memberOf is a back link in Active Directory (MS-ADA2 2.45, not replicated) and
// made up by OpenLDAP's dynlist, isMemberOf by Ping and OpenDJ, nsRole by 389
// Directory Server; the last goes by the clock.
var computed = []string{"memberof", "ismemberof", "nsrole", "msds-user-account-control-computed"}

// besideMarker are the attributes of a listing that a scan has to look at beside
// the marker: those of computed that somebody wants, and the lock, wherever it is
// an attribute that few people have. A role that is made inactive locks all its
// members in 389 Directory Server and changes none of them; password policies write
// past the markers, too. In Active Directory a lock is a change like any other, and
// everybody has the attribute.
func (b *builder) besideMarker() map[string]bool {
	out := map[string]bool{}
	if b.kind == source.User && b.disabled != "" && !b.server.ad {
		out[b.disabled] = true
	}
	for _, name := range computed {
		if _, wanted := b.wanted[name]; wanted {
			out[name] = true
		}
	}
	return out
}

// sum is, of an attribute that the marker does not cover, equal for equal values in
// whatever order, in every process.
func (a attribute) sum(values []string) (sum uint64) {
	if !a.aside {
		return 0
	}
	for _, v := range values {
		h := fnv.New64a()
		_, _ = h.Write([]byte(a.key + "\x00" + strings.ToLower(v)))
		sum += h.Sum64()
	}
	return sum
}

// marked is a marker with the sum of what it does not cover.
func marked(marker string, aside uint64) string {
	if aside == 0 || marker == "" {
		return marker
	}
	return marker + asideMark + strconv.FormatUint(aside, 36)
}
