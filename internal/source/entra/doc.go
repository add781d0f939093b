// Package entra reads people and groups from Entra ID over Microsoft Graph. It
// implements source.Source and source.Finder.
//
// It owns signing in, following delta queries, the proof that a reading is
// complete, good manners towards Graph's limits, and turning Graph's objects
// into entries. It does not own what a property means to the registry
// (internal/mapping) or what follows from somebody's absence (internal/plan).
// It is the only package that imports Microsoft's SDK, and no object of the SDK
// outlives the page it came with.
//
// # How a reading goes
//
// Groups are read first and kept, 17 bytes a membership, because a large group
// is told in pieces over several pages; then people are read and given page by
// page; then the groups are given. In this order a person who joins the tenant
// and a group while it is read is told by the next round: never a membership
// before the person it belongs to.
//
// A round of changes asks for return=minimal, which names what changed and not
// the rest; the SDK moreover shows a property that was cleared like one that is
// absent. So the ids are gathered and those objects are read whole, fifty at a
// time, by a delta query limited to them, which tells manager and members too.
// Nothing is given before both rounds have ended: a link that expired is therefore
// always source.ErrCursor before the first entry. Whoever the caller holds and the
// rounds did not name is given as the same.
//
// A link that expires in the middle of a whole read has it begin anew once. Who
// was given and is not there then is given with a problem, which proves nothing.
//
// # Where a read goes on
//
// Each page of both delta queries is kept (source.Checkpoint), so that a read that is
// cut off, killed or cancelled goes on in the next run where it stopped. Microsoft does
// not say how long the link between two pages lives: pages are kept for a day, and a
// link that is refused has the read begin anew, once. A read that went on asks at its
// end what changed since its first page, reads that whole, and gives everybody only
// then: it is no older than one that began now. A round of changes keeps ids alone;
// the objects are read, fifty at a time, when it has ended, and those reads are short
// and asked again. So are the groups that limit a source.
//
// A source limited to groups reads those groups whole each time and goes by
// changes only while the same people are in them.
//
// # Chosen over
//
// The SDK's page iterator loses the delta link and the headers of further
// pages. Lists with $filter=id in (…) and $expand=manager give the same objects
// as the limited delta query, but from another view of the directory that may
// be older than the round of changes.
package entra
