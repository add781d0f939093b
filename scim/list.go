package scim

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/usherd/usher/scim/attr"
	"github.com/usherd/usher/scim/dialect"
	"github.com/usherd/usher/scim/filter"
)

// search is what a query asks for, from a URL or from the body of a .search
// (RFC 7644 sections 3.4.2 and 3.4.3), before it is checked.
type search struct {
	filter, sortBy, sortOrder string
	startIndex, count         string // "" when not given
	cursor                    *string
	attributes, excluded      []string
}

// listing answers a GET of many resources, of one type or of all.
func (h *handler) listing(types ...*ResourceType) action {
	return func(c *call) (*answer, error) {
		return h.list(c, searchOf(c.query), types)
	}
}

// searching answers a POST to .search.
func (h *handler) searching(types ...*ResourceType) action {
	return func(c *call) (*answer, error) {
		s, err := searchIn(c.profile, c.body)
		if err != nil {
			return nil, err
		}
		return h.list(c, s, types)
	}
}

// searchOf reads a query from a URL. Parameters that the RFC does not know are
// passed over (RFC 7644 section 3.4.2).
func searchOf(q url.Values) search {
	s := search{
		filter: q.Get("filter"), sortBy: q.Get("sortBy"), sortOrder: q.Get("sortOrder"),
		startIndex: q.Get("startIndex"), count: q.Get("count"),
		attributes: commaList(q["attributes"]), excluded: commaList(q["excludedAttributes"]),
	}
	if q.Has("cursor") {
		cursor := q.Get("cursor")
		s.cursor = &cursor
	}
	return s
}

// searchSchema is the schema of a .search body.
const searchSchema = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"

// searchIn reads a query from a body.
func searchIn(p dialect.Profile, body map[string]any) (search, error) {
	var s search
	if err := checkMessage(p, body, searchSchema); err != nil {
		return s, err
	}
	for name, to := range map[string]*string{
		"filter": &s.filter, "sortBy": &s.sortBy, "sortOrder": &s.sortOrder,
		"startIndex": &s.startIndex, "count": &s.count,
	} {
		switch _, v := lookupFold(body, name); v := v.(type) {
		case nil:
		case string:
			*to = v
		case json.Number:
			*to = v.String()
		default:
			return s, Errorf(InvalidSyntax, "%s must be a string or a number", name)
		}
	}
	for name, to := range map[string]*[]string{"attributes": &s.attributes, "excludedAttributes": &s.excluded} {
		_, v := lookupFold(body, name)
		list, err := stringList(name, v)
		if err != nil {
			return s, err
		}
		*to = commaList(list)
	}
	switch _, v := lookupFold(body, "cursor"); v := v.(type) {
	case nil:
	case string:
		s.cursor = &v
	default:
		return s, Errorf(InvalidCursor, "cursor must be a string")
	}
	return s, nil
}

// stringList is a value as a list of strings; one string is a list of one.
func stringList(name string, v any) ([]string, error) {
	switch v := v.(type) {
	case nil:
		return nil, nil
	case string:
		return []string{v}, nil
	case []any:
		out := make([]string, 0, len(v))
		for _, e := range v {
			s, ok := e.(string)
			if !ok {
				return nil, Errorf(InvalidSyntax, "%s must be a list of strings", name)
			}
			out = append(out, s)
		}
		return out, nil
	}
	return nil, Errorf(InvalidSyntax, "%s must be a list of strings", name)
}

// checkMessage checks that a message names its schema.
func checkMessage(p dialect.Profile, body map[string]any, schema string) error {
	p.Message(body, schema)
	_, v := lookupFold(body, "schemas")
	list, err := stringList("schemas", v)
	if err != nil {
		return err
	}
	for _, uri := range list {
		if strings.EqualFold(uri, schema) {
			return nil
		}
	}
	return Errorf(InvalidValue, "schemas must list %s", schema)
}

// list answers a query.
func (h *handler) list(c *call, s search, types []*ResourceType) (*answer, error) {
	set := h.all
	if len(types) == 1 {
		set = types[0].Attributes()
	}
	p := newProjection(set, c.profile, s.attributes, s.excluded)
	q := Query{Types: types, Projection: p, Bytes: h.Limits.PageBytes}
	if err := h.readQuery(c, &q, s, set); err != nil {
		return nil, err
	}
	binding := ""
	if s.cursor != nil {
		binding = bindingOf(h.Caller(c.ctx), q)
		position, err := h.sealer.open(*s.cursor, binding)
		if err != nil {
			return nil, err
		}
		q.Cursor = &position
	}
	page, err := h.Backend.List(c.ctx, q)
	if err != nil {
		return nil, err
	}
	return &answer{status: http.StatusOK, write: func(w *stream) error {
		return h.page(w, q, page, p, binding)
	}}, nil
}

// readQuery checks what a query asks for and fills q with it.
func (h *handler) readQuery(c *call, q *Query, s search, set *attr.Set) error {
	var err error
	if q.Filter, err = h.filter(c, s.filter, set); err != nil {
		return err
	}
	if q.SortBy, err = sortAttribute(c.profile, s.sortBy, set); err != nil {
		return err
	}
	if err := oneOrder(q.SortBy, q.Types); err != nil {
		return err
	}
	switch strings.ToLower(s.sortOrder) {
	case "", "ascending":
	case "descending":
		q.Descending = true
	default:
		return Errorf(InvalidValue, "sortOrder must be ascending or descending")
	}
	if s.cursor != nil {
		return h.readCount(q, s.count)
	}
	start, err := number("startIndex", s.startIndex, 1)
	if err != nil {
		return err
	}
	count, err := number("count", s.count, h.Limits.DefaultPage)
	if err != nil {
		return err
	}
	q.StartIndex, q.Count = max(start, 1), min(max(count, 0), h.Limits.MaxPage)
	return nil
}

// readCount reads the count of cursor paging, which RFC 9865 section 2.1 wants
// refused rather than corrected.
func (h *handler) readCount(q *Query, count string) error {
	n, err := number("count", count, h.Limits.DefaultPage)
	if err != nil || n < 1 || n > h.Limits.MaxPage {
		return Errorf(InvalidCount, "count must be between 1 and %d", h.Limits.MaxPage)
	}
	q.Count = n
	return nil
}

// number reads a whole number; what is too large for one is as large as can be.
func number(name, text string, otherwise int) (int, error) {
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, Errorf(InvalidValue, "%s must be a whole number", name)
	}
	return n, nil
}

// filter reads a filter; nil for none.
func (h *handler) filter(c *call, text string, set *attr.Set) (filter.Expr, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	if len(text) > h.Limits.Filter {
		return nil, Errorf(InvalidFilter, "the filter is longer than %d bytes", h.Limits.Filter)
	}
	e, err := filter.Parse(c.profile.Filter(text))
	if err == nil {
		e, err = filter.Resolve(filter.Rename(e, spelling(c.profile, set)), set, c.profile.Literal)
	}
	if err != nil {
		return nil, Errorf(InvalidFilter, "%v", err)
	}
	return e, mayFilter(e, filter.Attr{}, set)
}

// spelling gives attributes the names that a dialect means by its own.
func spelling(p dialect.Profile, set *attr.Set) func(filter.Attr) filter.Attr {
	return func(a filter.Attr) filter.Attr { return filter.Attr(p.Attribute(set, dialect.Name(a))) }
}

// mayFilter refuses filters on what is never shown, which would tell it all the
// same, and values that no text column takes.
func mayFilter(e filter.Expr, within filter.Attr, set *attr.Set) error {
	switch e := e.(type) {
	case filter.And:
		return errors.Join(mayFilter(e.Left, within, set), mayFilter(e.Right, within, set))
	case filter.Or:
		return errors.Join(mayFilter(e.Left, within, set), mayFilter(e.Right, within, set))
	case filter.Not:
		return mayFilter(e.X, within, set)
	case filter.Present:
		return mayRead(e.Attr, within, set)
	case filter.Compare:
		if s, ok := e.Value.(string); ok && strings.ContainsRune(s, 0) {
			return Errorf(InvalidFilter, "a value holds the zero character")
		}
		return mayRead(e.Attr, within, set)
	case filter.ValuePath:
		return errors.Join(mayRead(e.Attr, filter.Attr{}, set), mayFilter(e.Filter, e.Attr, set))
	}
	return nil
}

// mayRead refuses an attribute that is never shown.
func mayRead(a, within filter.Attr, set *attr.Set) error {
	if a.Name == "" {
		within.Sub = a.Sub
		a = within
	}
	d, _ := set.Lookup(a.URI, a.Name)
	if d == nil {
		return nil
	}
	if sub := d.SubAttribute(a.Sub); sub != nil && a.Sub != "" && d.Returned != attr.Never {
		d = sub
	}
	if d.Returned == attr.Never {
		return Errorf(InvalidFilter, "%s is never shown, nor compared", a)
	}
	return nil
}

// sortAttribute reads sortBy; nil for none. A complex attribute sorts by its
// value (RFC 7644 section 3.4.2.3).
func sortAttribute(profile dialect.Profile, text string, set *attr.Set) (*filter.Attr, error) {
	if text == "" {
		return nil, nil
	}
	path, err := filter.ParsePath(text)
	if err == nil {
		path.Attr = spelling(profile, set)(path.Attr)
		path, err = filter.ResolvePath(path, set, nil)
	}
	if err != nil {
		return nil, Errorf(InvalidValue, "sortBy: %v", err)
	}
	d, _ := set.Lookup(path.Attr.URI, path.Attr.Name)
	if d == nil || path.Filter != nil {
		return nil, Errorf(InvalidValue, "sortBy must name one attribute")
	}
	if d.Type == attr.Complex && path.Attr.Sub == "" {
		if d.SubAttribute("value") == nil {
			return nil, Errorf(InvalidValue, "sortBy must name a sub-attribute of %s", d.Name)
		}
		path.Attr.Sub = "value"
	}
	if err := mayRead(path.Attr, filter.Attr{}, set); err != nil {
		return nil, Errorf(InvalidValue, "sortBy: %s is never shown", path.Attr)
	}
	return &path.Attr, nil
}

// oneOrder refuses to sort resources of several types by what does not compare.
func oneOrder(by *filter.Attr, types []*ResourceType) error {
	if by == nil {
		return nil
	}
	kinds := map[attr.Type]bool{}
	for _, t := range types {
		d, _ := t.Attributes().Lookup(by.URI, by.Name)
		if d != nil && by.Sub != "" {
			d = d.SubAttribute(by.Sub)
		}
		switch {
		case d == nil:
		case d.Type == attr.Reference || d.Type == attr.Binary:
			kinds[attr.String] = true
		default:
			kinds[d.Type] = true
		}
	}
	if len(kinds) > 1 {
		return Errorf(InvalidValue, "sortBy: %s is not the same in all resource types; sort one at a time", by)
	}
	return nil
}

// page writes a page (RFC 7644 section 3.4.2, RFC 9865 section 2).
func (h *handler) page(s *stream, q Query, page *Page, p *projection, binding string) error {
	s.text(`{"schemas":["` + listSchema + `"]`)
	s.member("totalResults", page.Total)
	s.member("itemsPerPage", len(page.Resources))
	if q.Cursor == nil {
		s.member("startIndex", q.StartIndex)
	} else {
		if page.PreviousCursor != "" {
			s.member("previousCursor", h.sealer.seal(page.PreviousCursor, binding))
		}
		if page.NextCursor != "" {
			s.member("nextCursor", h.sealer.seal(page.NextCursor, binding))
		}
	}
	s.text(`,"Resources":[`)
	for i, r := range page.Resources {
		if i > 0 {
			s.text(",")
		}
		t := r.Type
		if t == nil {
			t = q.Types[0]
		}
		if err := h.resource(s, t, r, p); err != nil {
			return err
		}
	}
	s.text("]}")
	return nil
}
