package scimserver

import (
	"context"
	"encoding/json"
	"errors"
	"hash/fnv"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/scim"
	"github.com/usherd/usher/scim/patch"
)

// userResource is a person as a resource.
func (b *backend) userResource(c caller, rec registry.ScimUser) (*scim.Resource, error) {
	r := b.laterResource(c, rec)
	var err error
	r.Attributes, err = r.Later()
	r.Later = nil
	return r, err
}

// laterResource is a person as a resource whose document is decoded when it is
// written.
func (b *backend) laterResource(c caller, rec registry.ScimUser) *scim.Resource {
	u := rec.User
	return &scim.Resource{
		Type: b.users, ID: u.PublicID, ExternalID: registry.ExternalID(rec.Anchor), Later: func() (map[string]any, error) { return wholeDocument(rec) },
		Meta: scim.Meta{
			Created: u.CreatedAt, LastModified: u.UpdatedAt, Version: strconv.FormatInt(u.Version, 10), View: viewOf(c, rec),
		},
	}
}

// viewOf is a digest of what a person's resource shows of others: the groups they are
// in, their manager's name, and, of who is another origin's, what ties them to the
// connection. The version is not moved by it. Who is the connection's own, in no group
// and nobody's report has none.
func viewOf(c caller, rec registry.ScimUser) string {
	foreign := rec.Owner != c.Origin.ID && rec.Anchor+rec.Manager != ""
	if len(rec.Groups) == 0 && rec.ManagerName == "" && !foreign {
		return ""
	}
	digest := fnv.New64a()
	add := func(parts ...string) {
		for _, p := range parts {
			_, _ = io.WriteString(digest, p+"\x00") // a hash takes all
		}
	}
	if foreign {
		add(rec.Anchor, rec.Manager)
	}
	add(rec.ManagerName)
	for _, g := range rec.Groups {
		add(g.ID, g.Display)
	}
	return strconv.FormatUint(digest.Sum64(), 36)
}

// showsOthers tells whether an answer depends on others than the person: it shows
// their groups or manager, or meta, whose version has those in it.
func showsOthers(p scim.Projection) bool {
	return p.Wants("groups") || p.Wants("meta") || p.Wants(enterprise+":manager")
}

// wholeDocument is a person's document with what has a place of its own.
func wholeDocument(rec registry.ScimUser) (map[string]any, error) {
	doc, err := documentOf(rec.User)
	if err != nil {
		return nil, err
	}
	if rec.Manager != "" {
		plant(doc, managerValue, rec.Manager)
	}
	if rec.ManagerName != "" {
		plant(doc, managerName, rec.ManagerName)
	}
	doc["userName"] = rec.User.UserName()
	doc["active"] = rec.User.Enabled
	if len(rec.Groups) > 0 {
		groups := make([]any, len(rec.Groups))
		for i, g := range rec.Groups {
			groups[i] = map[string]any{"value": g.ID, "display": g.Display, "type": "direct"}
		}
		doc["groups"] = groups
	}
	return doc, nil
}

// hasNUL reports whether a value holds U+0000, which PostgreSQL keeps nowhere.
func hasNUL(v any) bool {
	switch v := v.(type) {
	case string:
		return strings.ContainsRune(v, 0)
	case []any:
		return slices.ContainsFunc(v, hasNUL)
	case map[string]any:
		for name, x := range v {
			if strings.ContainsRune(name, 0) || hasNUL(x) {
				return true
			}
		}
	}
	return false
}

// ownPlace are the attributes of a person that are no part of what is stored as the
// document.
var ownPlace = []string{"id", "externalId", "meta", "schemas", "userName", "active", "groups", "password"}

// assertion is what a document says of a person.
func (b *backend) assertion(ctx context.Context, c caller, external, present string, doc map[string]any) (registry.PutUser, error) {
	stored, err := kept(b.users, doc, ownPlace...)
	if err != nil {
		return registry.PutUser{}, err
	}
	active := true
	if v, ok := doc["active"].(bool); ok {
		active = v
	}
	name := text(doc["userName"])
	op := registry.PutUser{
		Anchor: b.anchorFor(external, present), WasAnchor: present, Name: name,
		Attributes: attributesOf(name, doc), Enabled: active, Document: stored,
	}
	op.Fingerprint = registry.FingerprintOf(op.Attributes, strconv.FormatBool(active), string(stored))
	if c.SetupMail {
		op.SetupMail = registry.SetupSend
	}
	op.PasswordHash, err = b.passwordHash(ctx, c, op.Attributes, text(doc["password"]))
	return op, err
}

// createUser makes a person, brings back one of the connection's own who was
// disabled or deleted, or does with somebody else's what the connection says.
func (b *backend) createUser(ctx context.Context, r *scim.Resource, p scim.Projection) (*scim.Resource, error) {
	c := b.caller(ctx)
	op, err := b.assertion(ctx, c, r.ExternalID, "", r.Attributes)
	if err != nil {
		return nil, err
	}
	op.Fresh = true
	if c.OnForeign == registry.ForeignPromote {
		if op.Join, err = contactFor(ctx, c, op.Attributes); err != nil {
			return nil, refused(err)
		}
	}
	res, err := b.apply(ctx, c, op)
	var e *registry.Error
	if errors.As(err, &e) && e.Code == registry.CodeUserNameTaken && e.User != 0 && c.OnForeign == registry.ForeignLink {
		op.Join, op.LinkOnly = e.User, true
		res, err = b.apply(ctx, c, op)
	}
	if errors.As(err, &e) && e.User != 0 && e.Code != registry.CodeErased {
		return nil, scim.Errorf(scim.Uniqueness, "%s", e.Message) // as RFC 7644 section 3.3 has it for whoever is there already
	}
	if err != nil {
		return nil, refused(err)
	}
	if made := res[0].Change; made != nil && made.Action == registry.ActionCreate && dig(r.Attributes, managerValue) == nil {
		return b.created(op, res[0], r.Attributes), nil
	}
	return b.rereadUser(ctx, c, res[0].PublicID, p)
}

// contactFor is the contact whom a person of the connection was until now, 0 for
// none. The connection vouches for its addresses, so one is enough.
func contactFor(ctx context.Context, c caller, a registry.Attributes) (registry.UserID, error) {
	var keys []string
	for _, address := range a[registry.AttrEmails] {
		keys = append(keys, registry.Key(address))
	}
	if len(keys) == 0 {
		return 0, nil
	}
	id, err := c.ContactWith(ctx, keys)
	if errors.Is(err, registry.ErrNotFound) {
		return 0, nil
	}
	return id, err
}

// created is a person just made, who is what the operation says, in no group and
// nobody's report: reading that back would cost as much again as half the writing.
func (b *backend) created(op registry.PutUser, res registry.Result, doc map[string]any) *scim.Resource {
	doc = keeping(b.users, doc, ownPlace...)
	doc["userName"], doc["active"] = res.Name, op.Enabled
	at := res.Change.At
	return &scim.Resource{
		Type: b.users, ID: res.PublicID, ExternalID: registry.ExternalID(op.Anchor), Attributes: doc,
		Meta: scim.Meta{Created: at, LastModified: at, Version: strconv.FormatInt(res.Change.Version, 10)},
	}
}

// rereadUser answers with what is there now.
func (b *backend) rereadUser(ctx context.Context, c caller, id string, p scim.Projection) (*scim.Resource, error) {
	rec, err := c.ScimUserByID(ctx, c.view, id, showsOthers(p))
	if err != nil {
		return nil, refused(err)
	}
	return b.userResource(c, rec)
}

// forWriting finds a person whom the connection may change.
func (b *backend) forWriting(ctx context.Context, c caller, id string, pre scim.Precondition) (registry.ScimUser, error) {
	rec, err := c.ScimUserByID(ctx, c.view, id, false)
	if err != nil {
		return rec, refused(err)
	}
	return rec, errors.Join(holds(pre, rec.Version), owned(c, rec.Owner, rec.UserName()))
}

// replaceUser makes a person what the document says, and nothing else.
func (b *backend) replaceUser(ctx context.Context, id string, r *scim.Resource, pre scim.Precondition, p scim.Projection) (*scim.Resource, error) {
	c := b.caller(ctx)
	rec, err := b.forWriting(ctx, c, id, pre)
	if err != nil {
		return nil, err
	}
	old, err := b.userResource(c, rec)
	if err != nil {
		return nil, err
	}
	if err := b.users.KeepImmutable(old.Attributes, r.Attributes); err != nil {
		return nil, err
	}
	if personOf(ctx) != "" {
		keepWhatIsNotTheirs(old, r)
	}
	keepOrder(old.Attributes, r.Attributes)
	if err := b.put(ctx, c, rec, r.ExternalID, r.Attributes); err != nil {
		return nil, err
	}
	return b.rereadUser(ctx, c, id, p)
}

// keepOrder gives lists that have the values they had the order they had: order says
// nothing (RFC 7643 section 2.4), and some providers send another one each time.
func keepOrder(old, doc map[string]any) {
	for name, v := range doc {
		switch v := v.(type) {
		case map[string]any:
			if was, ok := old[name].(map[string]any); ok {
				keepOrder(was, v)
			}
		case []any:
			if was, ok := old[name].([]any); ok && sameValues(was, v) {
				doc[name] = was
			}
		}
	}
}

// sameValues tells whether two lists have the same values, each as often.
func sameValues(a, b []any) bool {
	return slices.Equal(sortedTexts(a), sortedTexts(b))
}

// sortedTexts are values as JSON, in one order.
func sortedTexts(list []any) []string {
	out := make([]string, len(list))
	for i, v := range list {
		text, _ := json.Marshal(v) //nolint:errchkjson // it was read from JSON
		out[i] = string(text)
	}
	slices.Sort(out)
	return out
}

// put writes a person as the document says, if nobody was faster. A document
// without active leaves it as it is: Okta leaves it out of profile pushes, and
// null, which is the same (RFC 7643 section 2.5), is how mappings say nothing.
func (b *backend) put(ctx context.Context, c caller, rec registry.ScimUser, external string, doc map[string]any) error {
	if _, given := doc["active"]; !given {
		doc["active"] = rec.Enabled
	}
	if personOf(ctx) != "" {
		if err := b.onlyTheirs(c, rec, external, doc); err != nil {
			return err
		}
	}
	op, err := b.assertion(ctx, c, external, rec.Anchor, doc)
	if err != nil {
		return err
	}
	op.IfVersion = rec.Version
	_, err = b.apply(ctx, c, op)
	return refused(err)
}

// patchUser applies operations to a person's document.
func (b *backend) patchUser(ctx context.Context, id string, ops []patch.Operation, pre scim.Precondition, p scim.Projection) (*scim.Resource, bool, error) {
	c := b.caller(ctx)
	rec, err := b.forWriting(ctx, c, id, pre)
	if err != nil {
		return nil, false, err
	}
	r, err := b.userResource(c, rec)
	if err != nil {
		return nil, false, err
	}
	doc := r.Attributes
	if r.ExternalID != "" {
		doc["externalId"] = r.ExternalID
	}
	changed, err := patch.Apply(doc, ops, b.users.Attributes())
	if err != nil {
		return nil, false, err
	}
	if changed {
		if err := b.put(ctx, c, rec, text(doc["externalId"]), doc); err != nil {
			return nil, false, err
		}
	}
	r, err = b.rereadUser(ctx, c, id, p)
	return r, changed, err
}
