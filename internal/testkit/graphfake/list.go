package graphfake

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// maxExpanded is how many objects $expand brings of a relation
// (concepts/query-parameters.md).
const maxExpanded = 20

// listOf answers GET /users and /groups, and the deleted items of either.
func listOf[T any](c *call, of collection[T], path string, want state) *Reply {
	cur, bad := c.listCursor(path)
	if bad != nil {
		return failed(bad)
	}
	q, bad := parseQuery(cur.Query)
	if bad == nil {
		bad = c.refuse(q)
	}
	if bad != nil {
		return failed(bad)
	}
	props, bad := of.props.pick(q.sel)
	if bad != nil {
		return failed(bad)
	}
	keep, bad := matcher(of.props, q.filter)
	if bad != nil {
		return failed(bad)
	}
	size := listSize(q, cur)
	p := &Page{Context: c.context(of.name), Items: make([][]byte, 0, size), Count: -1, Self: c.listLink(cur)}
	counts := c.counts(q) && cur.At == 0
	count := 0
	from, to := c.span(of.kind, of.hist.length(), q.filter)
	for slot := max(from, cur.At); slot < to; slot++ {
		v, s := of.hist.at(slot, c.version)
		if s != want || !keep(v) {
			continue
		}
		if count++; len(p.Items) < size {
			p.Items = append(p.Items, c.expand(put(nil, v, props, ""), q.expand, any(v), slot))
			continue
		}
		if p.Next == "" {
			cur.At = slot
			p.Next = c.listLink(cur)
		}
		if !counts {
			break
		}
	}
	if counts {
		p.Count = count
	}
	return &Reply{Page: p}
}

// countOf answers GET /users/$count and /groups/$count in plain text
// (api/user-list.md, example 3).
func countOf[T any](c *call, of collection[T]) *Reply {
	if !c.eventual() {
		return failed(badRequest("Request_BadRequest", "$count is not currently supported."))
	}
	r := &Reply{Body: strconv.AppendInt(nil, int64(of.hist.present(c.version)), 10)}
	r.set("Content-Type", "text/plain")
	return r
}

// span is where to look for what a filter may find: at one slot when it asks
// for one id or user principal name.
func (c *call) span(k kind, length int, filter []clause) (from, to int) {
	if len(filter) != 1 {
		return 0, length
	}
	t := c.s.tenant
	switch strings.ToLower(filter[0].property) {
	case "id":
		if slot, ok := t.slot(k, filter[0].value); ok {
			return slot, slot + 1
		}
		return 0, 0
	case "userprincipalname":
		if slot, ok := t.userByName(filter[0].value); ok {
			return slot, slot + 1
		}
	}
	return 0, length
}

// matcher is a $filter over a list. Strings are compared without regard to
// case, as the directory does.
func matcher[T any](props propTable[T], filter []clause) (func(*T) bool, *odataError) {
	type test struct {
		p     prop[T]
		value string
	}
	var tests []test
	for _, f := range filter {
		p, ok := props.find(f.property)
		if !ok {
			return nil, badRequest("Request_BadRequest", fmt.Sprintf("Invalid filter clause: Could not find a property named '%s' on type 'microsoft.graph.%s'.", f.property, props.typ))
		}
		if p.read == nil && (p.put == nil || f.value != "true" && f.value != "false") {
			return nil, unsupported("Unsupported or invalid query filter clause specified for property '" + p.name + "' of resource '" + props.typ + "'.")
		}
		tests = append(tests, test{p, f.value})
	}
	return func(v *T) bool {
		return len(tests) == 0 || slices.ContainsFunc(tests, func(t test) bool {
			if t.p.read == nil {
				return string(t.p.put(nil, v)) == t.value
			}
			return strings.EqualFold(t.p.read(v), t.value)
		})
	}, nil
}

// listCursor is where a list stands. Lists show what is there when a page is
// read, delta queries what was there when the round began.
func (c *call) listCursor(path string) (cursor, *odataError) {
	if c.query.skip == "" {
		return cursor{Of: path, Query: c.query.options.Encode(), Size: c.pageSize()}, nil
	}
	cur, bad := readCursor(c.query.skip)
	if bad == nil && cur.Of != path {
		bad = badRequest("Request_BadRequest", "The token does not belong to this collection.")
	}
	if bad == nil && c.s.expired(cur, c.version) {
		bad = badRequest("Directory_ExpiredPageToken", "The specified page token value has expired and can no longer be included in your request.")
	}
	return cur, bad
}

func (c *call) listLink(cur cursor) string {
	return c.base + "/v1.0/" + cur.Of + "?$skiptoken=" + c.s.stamp(cur).String()
}

func listSize(q query, cur cursor) int {
	switch {
	case q.top > 0:
		return q.top
	case cur.Size > 0:
		return cur.Size
	default:
		return defaultTop
	}
}

// refuse names what a list does not take here.
func (c *call) refuse(q query) *odataError {
	if len(c.query.unknown) > 0 {
		return unsupported("The query option '$" + c.query.unknown[0] + "' is not supported by this simulator.")
	}
	if q.count && !c.eventual() && len(q.filter) > 0 {
		return unsupported("Unsupported Query.") // concepts/aad-advanced-queries.md
	}
	return nil
}

// eventual reports whether the request may be answered from the index.
func (c *call) eventual() bool {
	return strings.EqualFold(c.r.Header.Get("ConsistencyLevel"), "eventual")
}

// counts reports whether the answer tells how many there are.
func (c *call) counts(q query) bool { return q.count && c.eventual() }

// expand adds the relation that $expand names to an object.
func (c *call) expand(item []byte, names []string, v any, slot int) []byte {
	relation := "manager"
	if _, group := v.(*Group); group {
		relation = "members"
	}
	if !slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(strings.Split(n, "(")[0], relation) }) {
		return item
	}
	item = key(append(item[:len(item)-1], ','), relation)
	switch v := v.(type) {
	case *Group:
		item = append(item, '[')
		for i, m := range c.membersOf(v, slot) {
			if i == maxExpanded {
				break
			}
			if i > 0 {
				item = append(item, ',')
			}
			item = append(item, c.object(m, nil)...)
		}
		item = append(item, ']')
	case *User:
		if manager, ok := c.s.tenant.slot(kindUser, v.Manager); ok {
			item = append(item, c.object(ref{kindUser, manager}, nil)...)
		} else {
			item = append(item, "null"...)
		}
	}
	return append(item, '}')
}

// one answers GET /users/{id} and /groups/{id}.
func one[T any](c *call, of collection[T], slot int, ok bool) *Reply {
	id := c.r.PathValue("id")
	v, s := of.hist.at(slot, c.version)
	if !ok || s != present {
		return failed(notFound(id))
	}
	props, bad := of.props.pick(c.query.sel)
	if bad != nil {
		return failed(bad)
	}
	context := `"@odata.context":` + string(marshal(c.context(of.name)+"/$entity")) + ","
	return &Reply{Body: c.expand(put(nil, v, props, context), c.query.expand, any(v), slot)}
}

// membersOf are a group's direct members as far as the caller may know them.
func (c *call) membersOf(g *Group, slot int) []ref {
	if g.hidden() && !c.grant.may(readHidden) {
		return nil
	}
	return c.s.tenant.members(slot, c.version)
}

// closure are a group's members and those of the groups in it, each once
// (api/group-list-transitivemembers.md). Groups may hold each other in a ring.
func (c *call) closure(slot int) []ref {
	seen := map[ref]bool{{kindGroup, slot}: true}
	var all []ref
	for queue := []int{slot}; len(queue) > 0; queue = queue[1:] {
		g, _ := c.s.tenant.groups.at(queue[0], c.version)
		for _, m := range c.membersOf(g, queue[0]) {
			if seen[m] {
				continue
			}
			seen[m] = true
			all = append(all, m)
			if m.kind == kindGroup {
				queue = append(queue, m.slot)
			}
		}
	}
	return all
}

// groupsAbove are the groups that have the object as a member, through others
// too when deep.
func (c *call) groupsAbove(r ref, deep bool) []ref {
	seen := map[int]bool{}
	var all []ref
	for queue := []ref{r}; len(queue) > 0; queue = queue[1:] {
		for _, g := range c.s.tenant.groupsOf(queue[0]) {
			if seen[g] || c.s.tenant.state(ref{kindGroup, g}) != present {
				continue
			}
			seen[g] = true
			all = append(all, ref{kindGroup, g})
			if deep {
				queue = append(queue, ref{kindGroup, g})
			}
		}
	}
	return all
}

// objects answers a list of directory objects of both kinds. cast keeps one
// kind, and needs the advanced query (concepts/aad-advanced-queries.md).
func (c *call) objects(path string, all []ref) *Reply {
	cur, bad := c.listCursor(path)
	if bad != nil {
		return failed(bad)
	}
	q, bad := parseQuery(cur.Query)
	if bad == nil {
		bad = c.refuse(q)
	}
	if bad == nil && len(q.filter) > 0 {
		bad = unsupported("Unsupported Query.")
	}
	context := "directoryObjects"
	if cast := c.r.PathValue("cast"); cast != "" && bad == nil {
		context = map[string]string{"microsoft.graph.user": "users", "microsoft.graph.group": "groups"}[cast]
		switch {
		case context == "":
			bad = badRequest("BadRequest", "Resource not found for the segment '"+cast+"'.")
		case !c.eventual() || !q.count:
			bad = unsupported("OData casts need the ConsistencyLevel header set to eventual and $count=true.")
		}
		all = slices.DeleteFunc(all, func(m ref) bool { return typeOf(m.kind) != "#"+cast })
	}
	if bad == nil {
		bad = knownSomewhere(q.sel)
	}
	if bad != nil {
		return failed(bad)
	}
	p := &Page{Context: c.context(context), Count: -1, Self: c.listLink(cur)}
	if c.counts(q) {
		p.Count = len(all)
	}
	end := min(cur.At+listSize(q, cur), len(all))
	for _, m := range all[min(cur.At, end):end] {
		p.Items = append(p.Items, c.object(m, q.sel))
	}
	if end < len(all) {
		cur.At = end
		p.Next = c.listLink(cur)
	}
	return &Reply{Page: p}
}

// knownSomewhere refuses a $select of what neither users nor groups have.
func knownSomewhere(names []string) *odataError {
	for _, n := range names {
		_, user := userProps.find(n)
		_, group := groupProps.find(n)
		if !user && !group {
			return badRequest("BadRequest", "Parsing OData Select and Expand failed: Could not find a property named '"+n+"' on type 'microsoft.graph.directoryObject'.")
		}
	}
	return nil
}

// object tells a directory object with its type. Of a kind that the caller may
// not read, only type and id have values (includes/limited-info.md).
func (c *call) object(r ref, sel []string) []byte {
	if r.kind == kindGroup {
		g, _ := c.s.tenant.groups.at(r.slot, c.version)
		return typed(groupProps, r, g, Group{ID: g.ID}, sel, c.grant.may(readGroups...))
	}
	u, _ := c.s.tenant.users.at(r.slot, c.version)
	return typed(userProps, r, u, User{ID: u.ID}, sel, c.grant.may(readUsers...))
}

func typed[T any](table propTable[T], r ref, v *T, bare T, sel []string, whole bool) []byte {
	known := slices.DeleteFunc(slices.Clone(sel), func(n string) bool { _, ok := table.find(n); return !ok })
	if len(sel) > 0 && len(known) == 0 {
		known = []string{"id"}
	}
	props, _ := table.pick(known) // every name is known
	before := `"@odata.type":"` + typeOf(r.kind) + `",`
	if whole {
		return put(nil, v, props, before)
	}
	props = slices.Clone(props)
	for i, p := range props {
		if p.name != "id" {
			props[i].put = func(b []byte, _ *T) []byte { return b }
		}
	}
	return put(nil, &bare, props, before)
}
