package entra

import (
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/microsoft/kiota-abstractions-go/serialization"
	"github.com/microsoft/kiota-abstractions-go/store"
	"github.com/microsoftgraph/msgraph-sdk-go/models"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/source"
)

// Properties with a meaning of their own, as Graph spells them.
const (
	propManager     = "manager"
	propMembers     = "members"
	propImmutableID = "onPremisesImmutableId"
	propExtensions  = "onPremisesExtensionAttributes"
	// keyObjectGUID is the value that onPremisesImmutableId stands for in Active
	// Directory, in the form that source/ldap gives it.
	keyObjectGUID = "objectguid"
)

// userBasics are read of everybody. None but the identifiers is in Graph's
// default set, so each is named; the times of synchronisation are left out,
// because they change each half hour.
var userBasics = []string{
	"id", "userPrincipalName", "displayName", "accountEnabled", "userType", "assignedLicenses", propManager,
	propImmutableID, "onPremisesSyncEnabled", "onPremisesSamAccountName", "onPremisesUserPrincipalName", "onPremisesDistinguishedName",
	"onPremisesDomainName", "onPremisesSecurityIdentifier", propExtensions,
}

// groupBasics are read of every group.
var groupBasics = []string{"id", "displayName", "description", "mail", "mailNickname", "visibility", "groupTypes", "securityEnabled"}

// property is one that is copied into Entry.Values.
type property struct {
	name string // as the SDK spells it
	key  string // in lower case
}

// shape is what is read of users or of groups.
type shape struct {
	sel   []string // for $select, without the relation
	props []property
	// extra are the keys of properties that the SDK has no field for.
	extra map[string]bool
}

func userShape(wanted []string) (shape, []string) {
	return newShape(models.NewUser(), userBasics, wanted)
}

func groupShape(wanted []string) (shape, []string) {
	return newShape(models.NewGroup(), groupBasics, wanted)
}

// noSecurityAttributes: no delta query tells of them, so that a change would never be
// seen, and they need a permission that reads nothing else
// (resources/customsecurityattributevalue.md).
const noSecurityAttributes = " that usher reads: custom security attributes are told by no delta query; " +
	"use extensionAttribute1 to 15 or a directory extension (extension_…) instead"

// newShape selects the basics and what is wanted, and gives what there is not.
// The SDK's own list of fields is the list of what there is.
func newShape(model fielded, basics, wanted []string) (s shape, unknown []string) {
	fields := map[string]string{}
	for name := range model.GetFieldDeserializers() {
		fields[strings.ToLower(name)] = name
	}
	s.extra = map[string]bool{}
	sel := map[string]bool{}
	add := func(name string) {
		if sel[name] {
			return
		}
		sel[name] = true
		s.sel = append(s.sel, name)
		if name != "id" && name != propManager {
			s.props = append(s.props, property{name, strings.ToLower(name)})
		}
	}
	for _, name := range basics {
		add(name)
	}
	for _, name := range wanted {
		key := strings.ToLower(name)
		whole, _, _ := strings.Cut(key, ".")
		switch {
		case whole == "customsecurityattributes":
			unknown = append(unknown, name+noSecurityAttributes)
		case fields[whole] != "":
			add(fields[whole])
		case sel[propImmutableID] && (key == keyObjectGUID || isExtensionAttribute(key)):
		case strings.HasPrefix(key, "extension_"):
			sel[name], s.extra[key] = true, true
			s.sel = append(s.sel, name)
		default:
			unknown = append(unknown, name)
		}
	}
	return s, unknown
}

// fielded is a model of the SDK.
type fielded interface {
	GetFieldDeserializers() map[string]func(serialization.ParseNode) error
}

// isExtensionAttribute reports whether a key is extensionattribute1 to 15.
func isExtensionAttribute(key string) bool {
	n, err := strconv.Atoi(strings.TrimPrefix(key, "extensionattribute"))
	return err == nil && strings.HasPrefix(key, "extensionattribute") && n >= 1 && n <= 15
}

// withMembers is the selection with the members.
func (s *shape) withMembers() []string { return append(slices.Clone(s.sel), propMembers) }

// object is what users and groups of the SDK have in common.
type object interface {
	GetId() *string
	GetBackingStore() store.BackingStore
	GetAdditionalData() map[string]any
}

// values copies the properties of an object.
func (s *shape) values(o object) map[string][]string {
	out := make(map[string][]string, len(s.props)+4)
	held := o.GetBackingStore()
	for _, p := range s.props {
		if v, err := held.Get(p.name); err == nil && v != nil {
			put(out, p.key, v)
		}
	}
	if len(s.extra) > 0 {
		for name, v := range o.GetAdditionalData() {
			if key := strings.ToLower(name); s.extra[key] {
				put(out, key, v)
			}
		}
	}
	return out
}

// put enters a value of the SDK as text. An object's properties are entered one
// by one, behind its name and a dot.
func put(out map[string][]string, key string, v any) {
	switch v := v.(type) {
	case models.OnPremisesExtensionAttributesable:
		for name, sub := range parts(v) {
			put(out, key+"."+name, sub)
			put(out, name, sub)
		}
	case []models.AssignedLicenseable:
		var all []string
		for _, l := range v {
			if l == nil { // a null
				continue
			}
			if id := l.GetSkuId(); id != nil {
				all = append(all, id.String())
			}
		}
		set(out, key, all)
	case store.BackedModel:
		for name, sub := range parts(v) {
			put(out, key+"."+name, sub)
		}
	default:
		set(out, key, texts(nil, v))
	}
}

func set(out map[string][]string, key string, all []string) {
	if len(all) > 0 {
		out[key] = all
	}
}

// parts are the properties of an object that is part of another.
func parts(m store.BackedModel) map[string]any {
	out := map[string]any{}
	for name, v := range m.GetBackingStore().Enumerate() {
		if name != "additionalData" && name != "odataType" && v != nil {
			out[strings.ToLower(name)] = v
		}
	}
	return out
}

// texts gives a simple value, or a list of them, as text. The SDK's values are
// pointers, in what it has no field for too.
func texts(out []string, v any) []string {
	switch v := v.(type) {
	case *string:
		if v != nil && *v != "" {
			out = append(out, *v)
		}
	case []string:
		out = append(out, v...)
	case *bool:
		if v != nil {
			out = append(out, strconv.FormatBool(*v))
		}
	case *int32:
		if v != nil {
			out = append(out, strconv.Itoa(int(*v)))
		}
	case *int64:
		if v != nil {
			out = append(out, strconv.FormatInt(*v, 10))
		}
	case *float64:
		if v != nil {
			out = append(out, strconv.FormatFloat(*v, 'f', -1, 64))
		}
	case *time.Time:
		if v != nil {
			out = append(out, v.UTC().Format(time.RFC3339))
		}
	case []any:
		for _, each := range v {
			out = texts(out, each)
		}
	case string:
		if v != "" {
			out = append(out, v)
		}
	case fmt.Stringer:
		out = append(out, v.String())
	}
	return out
}

// marker is the Marker of every entry. Graph has no change marker; its rounds
// tell what changed, so one marker for everything means: as last told.
const marker = "1"

// user makes an entry of a user. reason is why Graph removed it, "" for one that
// is there.
func (s *Source) user(u models.Userable) (e source.Entry, reason string) {
	data := u.GetAdditionalData()
	e = source.Entry{Kind: source.User, Anchor: strings.ToLower(deref(u.GetId()))}
	if reason = removed(data); reason != "" {
		return e, reason
	}
	e.Values = s.users.values(u)
	if guid := objectGUID(first(e.Values["onpremisesimmutableid"])); guid != "" {
		e.Values[keyObjectGUID], e.Twin = []string{guid}, guid
	}
	e.Name, e.Keys, e.Marker = first(e.Values["userprincipalname"]), []string{e.Anchor}, marker
	if e.Name == "" {
		e.Name = e.Anchor
	}
	for _, l := range links(data, propManager) {
		if l.Removed == "" {
			e.Manager = l.ID
		}
	}
	enabled := u.GetAccountEnabled()
	switch {
	case e.Anchor == "":
		e.Problem = registry.Say("Graph gave a user without an id")
	case enabled == nil:
		e.Problem = registry.Say("Graph does not say whether the account is enabled (accountEnabled)")
	default:
		e.Disabled = !*enabled
	}
	return e, ""
}

// link is one line of members@delta or manager@delta.
type link struct{ ID, Type, Removed string }

// links reads what the SDK keeps apart, as maps with pointers in them, because
// it knows no field of that name (the contract test pins it).
func links(data map[string]any, relation string) []link {
	all, _ := data[relation+"@delta"].([]any)
	out := make([]link, 0, len(all))
	for _, one := range all {
		m, _ := one.(map[string]any)
		l := link{ID: strings.ToLower(first(texts(nil, m["id"]))), Type: first(texts(nil, m["@odata.type"])), Removed: removed(m)}
		if l.ID != "" {
			out = append(out, l)
		}
	}
	return out
}

// removed reads the reason of @removed, "" when there is none.
func removed(data map[string]any) string {
	m, ok := data["@removed"].(map[string]any)
	if !ok {
		return ""
	}
	if reason := first(texts(nil, m["reason"])); reason != "" {
		return reason
	}
	return "deleted"
}

func first(all []string) string {
	if len(all) == 0 {
		return ""
	}
	return all[0]
}

// objectGUID decodes the usual onPremisesImmutableId: the objectGUID of Active
// Directory, its first three fields little-endian (MS-DTYP 2.3.4.2), in base64.
// "" for anything else.
func objectGUID(immutable string) string {
	b, err := base64.StdEncoding.DecodeString(immutable)
	if err != nil || len(b) != 16 {
		return ""
	}
	slices.Reverse(b[0:4])
	slices.Reverse(b[4:6])
	slices.Reverse(b[6:8])
	return uuid.UUID(b).String()
}

// sorted are the keys of a set, for requests that are the same each time.
func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
