package scimtest

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/usherd/usher/scim"
	"github.com/usherd/usher/scim/attr"
	"github.com/usherd/usher/scim/filter"
	"github.com/usherd/usher/scim/patch"
)

// Memory keeps resources in memory. Make it with NewMemory.
type Memory struct {
	now func() time.Time

	mu      sync.Mutex
	records []*record
	made    int
	me      string
}

// record is one resource, its external id and members among its attributes.
type record struct {
	t             *scim.ResourceType
	id            string
	doc           map[string]any
	created, last time.Time
	version       int
}

// NewMemory makes an empty backend with a clock.
func NewMemory(now func() time.Time) *Memory { return &Memory{now: now} }

// SetMe makes a user the person that /Me means.
func (m *Memory) SetMe(id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.me = id
}

// Me implements scim.Backend.
func (m *Memory) Me(context.Context) (*scim.ResourceType, string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.records {
		if r.id == m.me {
			return r.t, r.id, nil
		}
	}
	return nil, "", nil
}

// Get implements scim.Backend.
func (m *Memory) Get(_ context.Context, t *scim.ResourceType, id string, p scim.Projection) (*scim.Resource, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, err := m.find(t, id, scim.Precondition{})
	if err != nil {
		return nil, err
	}
	return m.show(r, p), nil
}

// Create implements scim.Backend. It brings back an inactive resource of the
// same external id.
func (m *Memory) Create(_ context.Context, t *scim.ResourceType, in *scim.Resource, p scim.Projection) (*scim.Resource, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	doc := documentOf(in)
	for _, r := range m.records {
		if r.t == t && in.ExternalID != "" && r.doc["externalId"] == in.ExternalID && r.doc["active"] == false {
			if err := m.unique(t, r, doc); err != nil {
				return nil, err
			}
			m.put(r, doc)
			return m.show(r, p), nil
		}
	}
	if err := m.unique(t, nil, doc); err != nil {
		return nil, err
	}
	m.made++
	r := &record{t: t, id: fmt.Sprintf("%s-%d", strings.ToLower(t.ID), m.made), created: m.now()}
	m.checkMembers(doc)
	m.records = append(m.records, r)
	m.put(r, doc)
	return m.show(r, p), nil
}

// Replace implements scim.Backend.
func (m *Memory) Replace(_ context.Context, t *scim.ResourceType, id string, in *scim.Resource, pre scim.Precondition, p scim.Projection) (*scim.Resource, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, err := m.find(t, id, pre)
	if err != nil {
		return nil, err
	}
	doc := documentOf(in)
	if err := t.KeepImmutable(r.doc, doc); err != nil {
		return nil, err
	}
	if err := m.unique(t, r, doc); err != nil {
		return nil, err
	}
	m.checkMembers(doc)
	m.put(r, doc)
	return m.show(r, p), nil
}

// Patch implements scim.Backend.
func (m *Memory) Patch(_ context.Context, t *scim.ResourceType, id string, ops []patch.Operation, pre scim.Precondition, p scim.Projection) (*scim.Resource, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, err := m.find(t, id, pre)
	if err != nil {
		return nil, false, err
	}
	doc := cloneJSON(r.doc)
	changed, err := patch.Apply(doc, ops, t.Attributes())
	if err == nil {
		err = m.unique(t, r, doc)
	}
	if err != nil {
		return nil, false, err
	}
	if changed {
		m.checkMembers(doc)
		changed = m.put(r, doc)
	}
	return m.show(r, p), changed, nil
}

// Delete implements scim.Backend.
func (m *Memory) Delete(_ context.Context, t *scim.ResourceType, id string, pre scim.Precondition) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, err := m.find(t, id, pre)
	if err != nil {
		return err
	}
	m.records = slices.DeleteFunc(m.records, func(other *record) bool { return other == r })
	for _, other := range m.records {
		if list, ok := other.doc["members"].([]any); ok {
			other.doc["members"] = slices.DeleteFunc(list, func(e any) bool { return memberID(e) == id })
		}
	}
	return nil
}

// List implements scim.Backend. A cursor is the number of resources before the
// page.
func (m *Memory) List(_ context.Context, q scim.Query) (*scim.Page, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var found []*record
	for _, r := range m.records {
		if !slices.Contains(q.Types, r.t) {
			continue
		}
		ok := true
		if q.Filter != nil {
			var narrow filter.Expr
			var err error
			if narrow, ok = filter.Narrow(q.Filter, r.t.Attributes()); narrow != nil {
				ok, err = matches(narrow, r.t.Attributes(), m.facts(r))
			}
			if err != nil {
				return nil, err
			}
		}
		if ok {
			found = append(found, r)
		}
	}
	if q.SortBy != nil {
		slices.SortStableFunc(found, func(a, b *record) int { return m.order(q, a, b) })
	}
	page := &scim.Page{Total: len(found), Resources: []*scim.Resource{}}
	from := max(q.StartIndex-1, 0)
	if q.Cursor != nil {
		from, _ = strconv.Atoi(*q.Cursor)
	}
	from = min(from, len(found))
	to := min(from+q.Count, len(found))
	for _, r := range found[from:to] {
		page.Resources = append(page.Resources, m.show(r, q.Projection))
	}
	if q.Cursor != nil && to < len(found) {
		page.NextCursor = strconv.Itoa(to)
	}
	if q.Cursor != nil && from > 0 {
		page.PreviousCursor = strconv.Itoa(max(from-q.Count, 0))
	}
	return page, nil
}

// order compares two resources by the attribute that a query sorts by. What has
// none comes last, or first when descending (RFC 7644 section 3.4.2.3).
func (m *Memory) order(q scim.Query, a, b *record) int {
	left, right := sortKey(m.facts(a), *q.SortBy), sortKey(m.facts(b), *q.SortBy)
	n := cmp.Compare(left, right)
	switch {
	case left == "" && right != "":
		n = 1
	case left != "" && right == "":
		n = -1
	}
	if q.Descending {
		return -n
	}
	return n
}

// find finds a resource whose version the precondition accepts.
func (m *Memory) find(t *scim.ResourceType, id string, pre scim.Precondition) (*record, error) {
	for _, r := range m.records {
		if r.t != t || r.id != id {
			continue
		}
		if pre.Match != nil && !pre.Match(strconv.Itoa(r.version)) {
			return nil, scim.Errorf(scim.PreconditionFailed, "the resource is of another version")
		}
		return r, nil
	}
	return nil, scim.Errorf(scim.NotFound, "no %s has the id %q", t.Name, id)
}

// unique refuses a second resource with a value that must be one's own.
func (m *Memory) unique(t *scim.ResourceType, self *record, doc map[string]any) error {
	mine := uniqueOf(t, doc)
	for _, r := range m.records {
		if r == self || r.t != t {
			continue
		}
		for value := range uniqueOf(t, r.doc) {
			if mine[value] {
				return scim.Errorf(scim.Uniqueness, "another %s has this %s", t.Name, value)
			}
		}
	}
	return nil
}

// uniqueOf are the values of a document that must be one's own, with the names
// of their attributes.
func uniqueOf(t *scim.ResourceType, doc map[string]any) map[string]bool {
	values := map[string]bool{}
	add := func(defs []attr.Definition, uri string, within map[string]any) {
		for _, d := range defs {
			if v := within[d.Name]; v != nil && d.Uniqueness != attr.None {
				text := fmt.Sprint(v)
				if !d.CaseExact {
					text = strings.ToLower(text)
				}
				values[uri+d.Name+" "+text] = true
			}
		}
	}
	add(t.Schema.Attributes, "", doc)
	for _, e := range t.Extensions {
		inner, _ := doc[e.Schema.ID].(map[string]any)
		add(e.Schema.Attributes, e.Schema.ID+":", inner)
	}
	return values
}

// checkMembers drops members that there are not, as a batch must not fail for
// one of them, and says what the others are.
func (m *Memory) checkMembers(doc map[string]any) {
	list, ok := doc["members"].([]any)
	if !ok {
		return
	}
	var kept []any
	for _, e := range list {
		for _, r := range m.records {
			if r.id == memberID(e) {
				kept = append(kept, map[string]any{"value": r.id, "type": r.t.Name})
			}
		}
	}
	doc["members"] = kept
	if kept == nil {
		delete(doc, "members")
	}
}

func memberID(e any) string {
	o, _ := e.(map[string]any)
	id, _ := o["value"].(string)
	return id
}

// put makes doc what a resource is. Nothing moves when it is that already.
func (m *Memory) put(r *record, doc map[string]any) (changed bool) {
	if r.doc != nil && equalJSON(r.doc, doc) {
		return false
	}
	r.doc = doc
	r.version++
	r.last = m.now()
	return true
}

// facts is a resource with the attributes that the server adds.
func (m *Memory) facts(r *record) map[string]any {
	doc := maps.Clone(r.doc)
	doc["id"], doc["schemas"] = r.id, schemasOf(r)
	doc["meta"] = map[string]any{
		"resourceType": r.t.Name, "version": strconv.Itoa(r.version),
		"created": r.created.UTC().Format(time.RFC3339Nano), "lastModified": r.last.UTC().Format(time.RFC3339Nano),
	}
	var groups []any
	for _, g := range m.records {
		list, _ := g.doc["members"].([]any)
		if slices.ContainsFunc(list, func(e any) bool { return memberID(e) == r.id }) {
			groups = append(groups, map[string]any{"value": g.id, "display": g.doc["displayName"], "type": "direct"})
		}
	}
	if groups != nil {
		doc["groups"] = groups
	}
	return doc
}

// schemasOf lists the schemas of which a resource has something.
func schemasOf(r *record) []any {
	list := []any{r.t.Schema.ID}
	for _, e := range r.t.Extensions {
		if inner, ok := r.doc[e.Schema.ID].(map[string]any); ok && len(inner) > 0 {
			list = append(list, e.Schema.ID)
		}
	}
	return list
}

// show is a resource as the server takes it, its members as a stream.
func (m *Memory) show(r *record, p scim.Projection) *scim.Resource {
	doc := cloneJSON(m.facts(r))
	out := &scim.Resource{
		Type: r.t, ID: r.id, Attributes: doc,
		Meta: scim.Meta{Created: r.created, LastModified: r.last, Version: strconv.Itoa(r.version)},
	}
	out.ExternalID, _ = doc["externalId"].(string)
	list, _ := doc["members"].([]any)
	for _, name := range []string{"id", "schemas", "externalId", "meta", "members"} {
		delete(doc, name)
	}
	if len(list) > 0 && p.Wants("members") {
		out.Members = func(yield func(scim.Member, error) bool) {
			for _, e := range list {
				o, _ := e.(map[string]any)
				kind, _ := o["type"].(string)
				if !yield(scim.Member{Value: memberID(e), Type: kind}, nil) {
					return
				}
			}
		}
	}
	return out
}

// documentOf is a resource as one document, of which nothing is shared.
func documentOf(r *scim.Resource) map[string]any {
	doc := cloneJSON(r.Attributes)
	if r.ExternalID != "" {
		doc["externalId"] = r.ExternalID
	}
	return doc
}

func cloneJSON(doc map[string]any) map[string]any {
	b, err := json.Marshal(doc)
	if err != nil {
		panic(err) // documents are made of JSON
	}
	d := json.NewDecoder(strings.NewReader(string(b)))
	d.UseNumber()
	var out map[string]any
	if err := d.Decode(&out); err != nil {
		panic(err)
	}
	return out
}

func equalJSON(a, b any) bool {
	left, _ := json.Marshal(a)
	right, _ := json.Marshal(b)
	return string(left) == string(right)
}

// sortKey is a resource's first value of an attribute, as text to sort by.
func sortKey(doc map[string]any, a filter.Attr) string {
	within := doc
	if a.URI != "" {
		within, _ = doc[a.URI].(map[string]any)
	}
	v := within[a.Name]
	if list, ok := v.([]any); ok && len(list) > 0 {
		v = list[0]
	}
	if o, ok := v.(map[string]any); ok {
		v = o[a.Sub]
	}
	if v == nil {
		return ""
	}
	return strings.ToLower(fmt.Sprint(v))
}
