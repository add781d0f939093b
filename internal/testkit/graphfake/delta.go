package graphfake

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// collection is what the generic endpoints need to know of users or groups.
type collection[T any] struct {
	name  string // as in the path
	kind  kind
	props propTable[T]
	hist  *history[T]
	// links tells what happened to the relation between two versions, at the
	// later of which the object is now; from -1 tells all of it.
	links func(slot int, now *T, from, to int64) []link
	// shut reports whether the relation of an object may not be told.
	shut func(v *T, g *grant) bool
	// related reports whether the relation is told without $select.
	related bool
	roles   []string // any of them may read
}

// link is one line of members@delta or manager@delta.
type link struct {
	to      ref
	removed bool
}

func (s *Server) userCollection() collection[User] {
	return collection[User]{
		name: "users", kind: kindUser, props: userProps, hist: &s.tenant.users, links: s.tenant.managerLinks,
		shut: func(*User, *grant) bool { return false }, roles: readUsers,
	}
}

func (s *Server) groupCollection() collection[Group] {
	return collection[Group]{
		name: "groups", kind: kindGroup, props: groupProps, hist: &s.tenant.groups, links: s.tenant.memberLinks, related: true,
		shut: func(v *Group, g *grant) bool { return v.hidden() && !g.may(readHidden) }, roles: readGroups,
	}
}

// memberLinks are the changes of a group's members: what they come to, not each
// step (concepts/delta-query-groups.md).
func (t *Tenant) memberLinks(group int, _ *Group, from, to int64) []link {
	var links []link
	if from < 0 {
		for _, m := range t.members(group, to) {
			links = append(links, link{to: m})
		}
		return links
	}
	first, last := map[ref]bool{}, map[ref]bool{}
	var order []ref
	for _, e := range t.edits[group] {
		if e.version <= from || e.version > to {
			continue
		}
		if _, seen := first[e.member]; !seen {
			first[e.member] = e.in
			order = append(order, e.member)
		}
		last[e.member] = e.in
	}
	for _, m := range order {
		if first[m] == last[m] { // else it is as it was
			links = append(links, link{to: m, removed: !last[m]})
		}
	}
	return links
}

// managerLinks are the changes of a user's manager.
func (t *Tenant) managerLinks(user int, now *User, from, _ int64) []link {
	before, after := "", now.Manager
	if from >= 0 {
		if u, s := t.users.at(user, from); s == present {
			before = u.Manager
		}
	}
	if before == after {
		return nil
	}
	var links []link
	for _, end := range []struct {
		id      string
		removed bool
	}{{before, true}, {after, false}} {
		if slot, ok := t.slot(kindUser, end.id); ok {
			links = append(links, link{to: ref{kindUser, slot}, removed: end.removed})
		}
	}
	return links
}

// delta is one delta query under way.
type delta[T any] struct {
	collection[T]
	call     *call
	cur      cursor
	props    []prop[T]
	relation bool
	minimal  bool
	slots    []int // those to look at; nil for all
}

// deltaOf answers GET /users/delta and /groups/delta.
func deltaOf[T any](c *call, of collection[T]) *Reply {
	d := &delta[T]{collection: of, call: c, minimal: c.prefers("return=minimal")}
	if r := d.begin(); r != nil {
		return r
	}
	q, bad := parseQuery(d.cur.Query)
	if bad == nil {
		bad = d.accept(q)
	}
	if bad != nil {
		return failed(bad)
	}
	if strings.EqualFold(c.query.delta, "latest") {
		return &Reply{Page: d.page(nil, nil)}
	}
	return &Reply{Page: d.read()}
}

// begin finds where the query stands: at its beginning, on a further page or in
// a further round.
func (d *delta[T]) begin() *Reply {
	c, q := d.call, d.call.query
	here := cursor{Of: d.name + "/delta", Query: q.options.Encode(), From: -1, To: c.s.seen(c.version), Size: c.pageSize()}
	token := q.skip
	if token == "" && !strings.EqualFold(q.delta, "latest") {
		token = q.delta
	}
	if token == "" {
		d.cur = here
		return nil
	}
	if q.skip != "" && len(q.sel) > 0 {
		// concepts/delta-query-overview.md: "Delta queries with both $select and
		// $skipToken will not be supported."
		return failed(unsupported("Unsupported Query."))
	}
	cur, bad := readCursor(token)
	if bad == nil && cur.Of != here.Of {
		bad = badRequest("Request_BadRequest", "The token does not belong to this collection.")
	}
	if bad != nil {
		return failed(bad)
	}
	if c.s.expired(cur, c.version) {
		return resync(c.base + "/v1.0/" + here.Of + "?" + rename(cur.Query) + "$deltatoken=")
	}
	if here.Size != 0 {
		cur.Size = here.Size
	}
	if q.skip == "" {
		cur.From, cur.To, cur.At, cur.Sub = cur.To, max(cur.To, here.To), 0, 0
		if len(q.sel) > 0 {
			cur.Query = here.Query
		}
	}
	d.cur = cur
	return nil
}

// rename puts the dollars back, for the address at which to begin anew.
func rename(query string) string {
	if query == "" {
		return ""
	}
	return "$" + strings.ReplaceAll(query, "&", "&$") + "&"
}

// accept checks the options against what delta queries take. $top and, for
// users, $expand are without effect: so say the threads
// microsoft-graph-docs#6194 and learn.microsoft.com/answers/questions/1090464.
func (d *delta[T]) accept(q query) *odataError {
	props, bad := d.collection.props.pick(q.sel)
	if bad != nil {
		return bad
	}
	d.props = props
	named := func(list []string) bool {
		return slices.ContainsFunc(list, func(s string) bool { return strings.EqualFold(s, relations[d.collection.props.typ]) })
	}
	d.relation = d.related && len(q.sel) == 0 || named(q.sel) || d.related && named(q.expand)
	if slices.Contains(d.call.query.unknown, "orderby") || slices.Contains(d.call.query.unknown, "search") {
		return unsupported("Unsupported Query.")
	}
	if d.cur.From >= 0 {
		d.slots = d.call.s.tenant.changed(d.kind, d.cur.From, d.cur.To)
	}
	if len(q.filter) > 0 {
		return d.narrow(q.filter)
	}
	return nil
}

// narrow keeps the objects that $filter names.
func (d *delta[T]) narrow(filter []clause) *odataError {
	if len(filter) > maxClauses {
		return unsupported("Too many child clauses specified in search filter expression containing 'OR' operators: " +
			strconv.Itoa(len(filter)) + ". Max allowed: " + strconv.Itoa(maxClauses) + ".")
	}
	wanted := []int{}
	for _, f := range filter {
		if !strings.EqualFold(f.property, "id") {
			return unsupported("Unsupported Query.") // learn.microsoft.com/answers/questions/1090594
		}
		if slot, ok := d.call.s.tenant.slot(d.kind, f.value); ok && !slices.Contains(wanted, slot) {
			wanted = append(wanted, slot)
		}
	}
	if d.slots == nil {
		d.slots = wanted
		return nil
	}
	d.slots = slices.DeleteFunc(d.slots, func(slot int) bool { return !slices.Contains(wanted, slot) })
	return nil
}

// read makes the page at the cursor.
func (d *delta[T]) read() *Page {
	size, room := d.cur.Size, d.call.s.opt.MemberPage
	if size == 0 {
		size = d.call.s.opt.DeltaPage
	}
	end := d.hist.length()
	if d.cur.From >= 0 || d.slots != nil {
		end = len(d.slots)
	}
	items := make([][]byte, 0, size)
	next := d.cur
	for ; next.At < end; next.At, next.Sub = next.At+1, 0 {
		slot := next.At
		if d.slots != nil {
			slot = d.slots[next.At]
		}
		item, links, ok := d.object(slot)
		if !ok {
			continue
		}
		if len(items) == size || len(links) > 0 && room == 0 {
			return d.page(items, &next)
		}
		shown := links[min(next.Sub, len(links)):]
		more := len(shown) > room
		shown = shown[:min(room, len(shown))]
		items = append(items, d.finish(item, shown))
		room -= len(shown)
		if more { // the group comes again with the rest (concepts/delta-query-groups.md, "Paging through members")
			next.Sub += len(shown)
			return d.page(items, &next)
		}
	}
	return d.page(items, nil)
}

// page puts the links around the items; next is nil on the last page.
func (d *delta[T]) page(items [][]byte, next *cursor) *Page {
	s, to := d.call.s, d.call.base+"/v1.0/"+d.cur.Of
	p := &Page{Context: d.call.context(d.name), Items: items, Count: -1, Self: to + "?$skiptoken=" + s.stamp(d.cur).String()}
	if next != nil {
		p.Next = to + "?$skiptoken=" + s.stamp(*next).String()
	} else {
		p.Delta = to + "?$deltatoken=" + s.stamp(cursor{Of: d.cur.Of, Query: d.cur.Query, To: d.cur.To, Size: d.cur.Size}).String()
	}
	return p
}

// object tells one object, open at its end for the relation; ok is false when
// there is nothing to tell.
func (d *delta[T]) object(slot int) (item []byte, links []link, ok bool) {
	from, to := d.cur.From, d.cur.To
	value, now := d.hist.at(slot, to)
	if now != present {
		return d.removed(slot, value, now)
	}
	whole := from < 0 || d.hist.returned(slot, from, to)
	var before *T
	if !whole {
		before, _ = d.hist.at(slot, from)
	}
	if d.relation && !d.shut(value, d.call.grant) {
		// The difference to what the client was told, also for an object that
		// was away meanwhile.
		since := from
		if _, then := d.hist.at(slot, from); then != present {
			since = -1
		}
		links = d.links(slot, value, since, to)
	}
	item, differs := d.properties(slot, value, before)
	return item, links, whole || differs || len(links) > 0
}

// properties tells the properties. Without a value before, or without
// return=minimal, those that ever had a value; else those that changed
// (api/user-delta.md).
func (d *delta[T]) properties(slot int, value, before *T) (item []byte, differs bool) {
	item = append(make([]byte, 0, 1024), '{')
	var scratch []byte
	for _, p := range d.props {
		mark := len(item)
		if mark > 1 {
			item = append(item, ',')
		}
		item = key(item, p.name)
		start := len(item)
		item = p.put(item, value)
		set, changed := len(item) > start, false
		if before != nil {
			scratch = p.put(scratch[:0], before)
			changed = string(scratch) != string(item[start:])
			differs = differs || changed
		}
		minimal := d.minimal && before != nil && !changed && p.name != "id"
		switch {
		case minimal, !set && !changed && !d.hist.wasSet(slot, d.cur.To, p):
			item = item[:mark]
		case !set:
			item = append(item, "null"...)
		}
	}
	return item, differs
}

// removed tells an object that went, once: the first round tells only what is
// there, unless the server is set to tell more.
func (d *delta[T]) removed(slot int, value *T, now state) (item []byte, links []link, ok bool) {
	_, before := d.hist.at(slot, d.cur.From)
	if now == absent || before == now || d.cur.From < 0 && !d.call.s.opt.RemovedAtFirst {
		return nil, nil, false
	}
	reason := "changed"
	if now == gone {
		reason = "deleted"
	}
	id := d.collection.props.byLC["id"]
	item = id.put(key([]byte{'{'}, "id"), value)
	item = append(key(append(item, ','), "@removed"), `{"reason":"`+reason+`"}`...)
	return item, nil, true
}

// finish adds the relation and closes the object.
func (d *delta[T]) finish(item []byte, links []link) []byte {
	if len(links) == 0 {
		return append(item, '}')
	}
	item = append(key(append(item, ','), relations[d.collection.props.typ]+"@delta"), '[')
	for i, l := range links {
		if i > 0 {
			item = append(item, ',')
		}
		item = append(item, `{"@odata.type":"`+typeOf(l.to.kind)+`","id":"`...)
		item = append(item, d.call.s.tenant.idOf(l.to)...)
		item = append(item, '"')
		if l.removed {
			item = append(item, `,"@removed":{"reason":"deleted"}`...)
		}
		item = append(item, '}')
	}
	return append(item, ']', '}')
}

func typeOf(k kind) string {
	if k == kindGroup {
		return "#microsoft.graph.group"
	}
	return "#microsoft.graph.user"
}

// prefers reports whether the request has the preference.
func (c *call) prefers(preference string) bool {
	return slices.ContainsFunc(c.r.Header.Values("Prefer"), func(h string) bool {
		return slices.ContainsFunc(split(strings.ToLower(h)), func(p string) bool { return strings.ReplaceAll(p, " ", "") == preference })
	})
}

var maxPageSize = regexp.MustCompile(`(?i)odata\.maxpagesize\s*=\s*(\d{1,3})`)

// pageSize is the page size that the request prefers, 0 for none.
func (c *call) pageSize() int {
	m := maxPageSize.FindStringSubmatch(strings.Join(c.r.Header.Values("Prefer"), ","))
	if m == nil {
		return 0
	}
	n, _ := strconv.Atoi(m[1])
	return n
}

// context is the @odata.context of a collection with the chosen properties.
func (c *call) context(of string) string {
	context := c.base + "/v1.0/$metadata#" + of
	if sel := c.query.options.Get("select"); sel != "" {
		context += "(" + sel + ")"
	}
	return context
}
