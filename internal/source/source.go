package source

import (
	"context"
	"time"

	"github.com/usherd/usher/internal/registry"
)

// Kind says what an entry describes.
type Kind uint8

// The kinds of entries a source gives.
const (
	User Kind = iota + 1
	Group
)

// Entry is one object of a directory as it was read.
type Entry struct {
	Kind Kind
	// Anchor is the immutable external id in canonical text form: a UUID in
	// lower case for entryUUID and objectGUID.
	Anchor string
	// Name is the object's name for people to read: a DN, a UPN.
	Name string
	// Marker is the object's change marker (entryCSN, uSNChanged,
	// modifyTimestamp), or "".
	Marker string
	// Disabled is the directory's own flag, where it has one.
	Disabled bool
	// Values are the requested attributes, keyed in lower case. Values are raw:
	// they need not be valid UTF-8.
	Values map[string][]string
	// Keys are the names by which other entries may refer to this one, in the
	// source's canonical form; a source that has several reference forms (a DN
	// and a uid) gives one key for each.
	Keys []string
	// Members are, for a group, the keys of its members in the same form.
	Members []string
	// MemberOf are the keys of groups that name their people not themselves but are
	// named by them, as Active Directory's primary group is. It is given with Same
	// too.
	MemberOf []string
	// Manager is the key of a person's manager, in the form of Keys; "" for none.
	Manager string
	// Twin is the id by which a directory of another kind knows the same person, in
	// the form of its Anchor: Active Directory's objectGUID for somebody whom Entra
	// Connect brought to Entra ID; "" for none.
	Twin string
	// RecheckAt is when the entry means something else by the clock alone, as an
	// account that expires does; zero for never. It lies in the future.
	RecheckAt time.Time
	// Same is true for an object whose marker the caller knew: it was not read
	// whole, and Values, Members, Disabled, Manager and RecheckAt are empty.
	Same bool
	// Excluded says, in a Find, why a Read would leave the person out: the base,
	// the filter. "" for one that a Read gives.
	Excluded registry.Said
	// OutOfScope says, in a Read, why the source's settings leave the person out:
	// the user type, the groups. "" for one who belongs to it. Values are empty.
	OutOfScope registry.Said
	// Problem is set when the entry could be read but not understood (no
	// anchor, say); such an entry costs one report row and proves nothing.
	Problem registry.Said
	// Code is the reason's code, of an entry with a Problem; "" for bad_entry.
	Code string
}

// Request says what a read may leave unread. The zero Request asks for
// everything whole.
type Request struct {
	// Cursor is where the last read that was carried out ended (Summary.Cursor).
	Cursor string
	// Known reports whether the caller has the object as it was at this marker,
	// so that it need not be read whole: it is then given with Same set. Kinds
	// are asked for in the order they are read, users first. nil knows nothing.
	Known func(kind Kind, anchor, marker string) bool
	// Held lists the objects of a kind that the caller knows at some marker, for a
	// source that is told of changes only: it gives these with Same where Known has
	// them and whole where not, besides what changed, each object that is there
	// once. Groups are asked for when all people were given. Without it such a source
	// reads everything whole.
	Held func(kind Kind, yield func(anchor string) bool)
	// Progress, when set, is told how many objects were read and not yet given. It is
	// called between entries and must return quickly.
	Progress func(ahead int64)
	// Checkpoint, when set, keeps pages for a read that has to go on where this one
	// was cut off.
	Checkpoint Checkpoint
}

// Summary says how a read ended. A read that failed returns an error instead:
// a Summary without error may still be explicitly incomplete.
type Summary struct {
	Users, Groups int
	// Full is true when everything was read whole, whatever the request allowed.
	Full bool
	// Cursor is what a later Request may go by, "" when nothing can.
	Cursor string
	// Complete is true only when the source proved that it gave everything.
	Complete bool
	// Incomplete says why Complete is false, for people to read.
	Incomplete registry.Said
	// Notes are remarks for the report: referrals not followed, and the like.
	Notes []registry.Said
}

// Fact is one thing a probe found out about a server: what it is, and how it is.
type Fact struct{ Name, Value registry.Said }

// Info is what a probe found out, in the order worth showing.
type Info struct{ Facts []Fact }

// Source is a directory that can be pulled.
type Source interface {
	// Probe connects, authenticates and recognises the server.
	Probe(ctx context.Context) (Info, error)
	// Read streams every user in scope and then every group, one at a time and
	// in no particular order. An error from emit ends the read and is returned.
	// The entry is the callee's to keep; Values may share memory with each other,
	// so who keeps a few of them for long clones those. An object that moves
	// while it is read may be given twice, under both names: the later entry
	// replaces the earlier one of the same anchor, and both entries' Keys mean it.
	// ErrCursor, before the first entry, asks for a Request without a cursor.
	Read(ctx context.Context, r Request, emit func(Entry) error) (Summary, error)
	// Sample gives up to n users, for showing a mapping.
	Sample(ctx context.Context, n int) ([]Entry, error)
}

// Finder is a Source that can look for single people. Neither method proves an
// absence: who is not found was not found, and nothing more.
type Finder interface {
	// Fetch reads the users with these anchors whole, those that a Read leaves
	// out with Excluded set. Who is not there is not given.
	Fetch(ctx context.Context, anchors []string, emit func(Entry) error) error
	// Find looks for users by what a person may type: an anchor, the object's
	// name, a login name, an address, an employee number. It gives up to limit,
	// those that a Read leaves out with Excluded set.
	Find(ctx context.Context, who string, limit int) ([]Entry, error)
}

// Reasons a source cannot be read; test with errors.Is. The wrapped text says
// what to do about it and holds no secret.
var (
	// ErrAuth: the directory refused the credentials.
	ErrAuth = registry.Errorf("the directory refused the credentials")
	// ErrUnreachable: no connection could be made, or it broke.
	ErrUnreachable = registry.Errorf("the directory could not be reached")
	// ErrProtocol: the directory answered something a read cannot be based on.
	ErrProtocol = registry.Errorf("the directory gave an answer that cannot be used")
	// ErrCursor: the directory no longer knows the place where the last read
	// ended, or is another server than then.
	ErrCursor = registry.Errorf("the place where the last read ended no longer fits")
)
