package store_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/store"
	"github.com/usherd/usher/scim/attr"
	"github.com/usherd/usher/scim/filter"
)

func bytesReader(b []byte) io.Reader { return bytes.NewReader(b) }

// userFilters are filters over everybody in the company with whom they find, in
// the order of making. ALICE and SALES stand for public ids.
var userFilters = []struct{ filter, want string }{
	{``, `Alice bob carol_100% Dora eve frank gina hans ivan judy kim`},
	// The values that identity providers look for.
	{`userName eq "ALICE"`, `Alice`},
	{`userName eq "Alic"`, ``},
	{`not (userName eq "alice")`, `bob carol_100% Dora eve frank gina hans ivan judy kim`},
	{`userName ne "alice" and active eq true`, `carol_100% Dora eve frank gina hans ivan kim`},
	{`externalId eq "ext-A"`, `Alice`},
	{`externalId eq "EXT-a"`, ``},
	{`externalId eq "ext-A2"`, ``}, // another connection's
	{`externalId eq "l1"`, ``},
	{`externalId sw "ext-"`, `Alice bob Dora eve frank ivan`},
	{`externalId eq "~"`, ``},
	{`externalId co "~"`, ``},
	{`not (externalId pr)`, `carol_100% gina hans judy kim`},
	{`id eq "ALICE"`, `Alice`},
	{`id eq "ALICE" and emails[type eq "work"].value eq "alice@example.com"`, `Alice`},
	{`id eq "\u00e4"`, ``},
	{`emails eq "BOB@example.com"`, `bob`},
	{`emails.value eq "hans@example.com"`, `hans`},
	{`emails[type eq "work"].value eq "hans@example.com"`, `hans`},
	{`emails[type eq "work" and value eq "second@example.com"]`, ``},
	{`emails[type eq "Work" and value eq "alice@example.com"]`, `Alice`},
	{`emails[type eq "home" and value eq "alice@example.com"]`, ``},
	{`emails[value eq "bob@example.com" or value eq "kim@example.com"]`, `bob kim`},
	{`userName eq "bob" or emails.value eq "kim@example.com" or externalId eq "ext-D"`, `bob Dora kim`},
	{`groups.value eq "SALES"`, `Alice bob hans`},
	{`groups[value eq "SALES" and display sw "sal"]`, `Alice bob hans`},
	{`groups[display eq "ärzte"]`, `Alice`},
	{`groups.$ref eq "` + base + `/Groups/SALES"`, `Alice bob hans`},
	{`groups.type ne "direct" and groups pr`, ``},
	{`groups.type eq "direct"`, `Alice bob hans`},
	{`not (groups pr)`, `carol_100% Dora eve frank gina ivan judy kim`},
	{`active eq false`, `bob judy`},
	{`active ne true`, `bob judy`},
	{`active pr and active ne null`, `Alice bob carol_100% Dora eve frank gina hans ivan judy kim`},
	// Text.
	{`displayName co "ÅNGSTRÖM"`, `Alice`},
	{`displayName sw "100% c"`, `carol_100%`},
	{`displayName co "%"`, `carol_100%`},
	{`displayName co "_"`, `carol_100%`},
	{`displayName ew "L_"`, `carol_100%`},
	{`nickName eq "A\\B'C\"D"`, `carol_100%`},
	{`displayName eq "οδυσσευς"`, `Dora`},
	{`displayName sw "οδυσσεύ"`, ``},
	{`displayName co "σσευσ"`, `Dora`},
	{`title eq "STRASSE"`, `Dora`},
	{`title eq "engineer"`, `Alice carol_100% hans`},
	{`title ne "engineer"`, `bob Dora eve frank gina ivan judy kim`},
	{`title gt "engineer"`, `Dora`},
	{`title ge "ENGINEER"`, `Alice carol_100% Dora hans`},
	{`title lt "engineer"`, ``},
	{`title le "engineer"`, `Alice carol_100% hans`},
	{`title co ""`, `Alice carol_100% Dora hans`},
	{`title ew ""`, `Alice carol_100% Dora hans`},
	{`title eq ""`, ``},
	{`title eq null`, `bob eve frank gina ivan judy kim`},
	{`title ne null`, `Alice carol_100% Dora hans`},
	{`title pr`, `Alice carol_100% Dora hans`},
	// What the directory's people have.
	{`name.givenName eq "hans" and name.familyName eq "meier" and name.middleName eq "mid"`, `hans`},
	{`name pr`, `Alice hans`},
	{`name[familyName pr]`, `Alice hans`},
	{`locale eq "de" and preferredLanguage eq "de"`, `hans`},
	{`phoneNumbers[type eq "mobile" and value sw "+49"]`, `hans`},
	{`phoneNumbers[type eq "mobile"]`, `hans ivan`},
	{`phoneNumbers pr`, `Alice hans ivan`},
	{`phoneNumbers.value sw "+39"`, `Alice`},
	{enterpriseURN + `:department eq "SALES"`, `Alice hans`},
	{enterpriseURN + `:employeeNumber gt "1"`, `Alice hans`},
	{enterpriseURN + `:manager eq "m-1"`, `Alice hans`},
	{enterpriseURN + `:manager.value eq "M-1"`, ``},
	{enterpriseURN + `:manager pr`, `Alice hans`},
	{enterpriseURN + `:costCenter pr`, `hans`},
	{`emails[primary eq true]`, `Alice hans ivan judy kim`},
	{`emails[primary eq false and value pr]`, `Alice bob Dora hans`},
	{`emails.primary eq FALSE`, `Alice bob Dora hans`},
	{`emails[not (primary eq true)]`, `Alice bob Dora hans`},
	// Several values: any decides.
	{`emails.value ne "alice@example.com"`, `Alice bob carol_100% Dora eve frank gina hans ivan judy kim`},
	{`emails.value ne "bob@example.com"`, `Alice carol_100% Dora eve frank gina hans ivan judy kim`},
	{`not (emails.value eq "alice@example.com")`, `bob carol_100% Dora eve frank gina hans ivan judy kim`},
	{`emails.value eq null`, `carol_100% eve frank gina`},
	{`emails pr`, `Alice bob Dora hans ivan judy kim`},
	{`emails.type pr`, `Alice bob Dora hans ivan judy kim`},
	{`emails[type eq null]`, `hans`},
	{`emails co "home"`, `Alice`},
	{`addresses[locality eq "roma"]`, `Dora`},
	{`addresses.primary eq true`, `Dora`},
	{`roles eq "ADMIN"`, `Dora`},
	{`ims pr`, `frank`}, // what is no list counts as a list of one
	{`x509Certificates.value eq "QUJD"`, `frank`},
	// A schema of the installation's own.
	{extURN + `:level eq 5`, `Alice`},
	{extURN + `:level gt 5`, `bob`},
	{extURN + `:level eq 9007199254740993`, `bob`},
	{extURN + `:level eq 9007199254740992`, ``},
	{extURN + `:level ne 5`, `bob carol_100% Dora eve frank gina hans ivan judy kim`},
	{extURN + `:score gt 1.25`, `Alice`},
	{extURN + `:score lt 0`, `bob`},
	{extURN + `:score eq 15e-1`, `Alice`},
	{extURN + `:since eq "2026-01-31T11:00:00Z"`, `Alice`},
	{extURN + `:since gt "2026-01-31T12:00:00.4+01:00"`, `bob`},
	{extURN + `:vip eq true`, `Alice`},
	{extURN + `:vip ne true`, `bob carol_100% Dora eve frank gina hans ivan judy kim`},
	{extURN + `:badge eq "abc"`, `bob`},
	{extURN + `:badge co "b"`, `Alice bob`},
	{extURN + `:badge gt "AbC"`, `bob`},
	{extURN + `:tags eq "red"`, `Alice`},
	{extURN + `:tags[value eq "BLUE"]`, `Alice`},
	{extURN + `:place.room eq "r1"`, `Alice`},
	{extURN + `:place.keys eq "K2"`, `Alice`},
	{extURN + `:place.keys eq "k2"`, ``},
	{extURN + `:place pr`, `Alice`},
	{extURN + `:cars[seats gt 3 and plate eq "aa"]`, `Alice`},
	{extURN + `:cars[seats gt 3 and plate eq "bb"]`, ``},
	{extURN + `:cars.seats eq 4`, `Alice frank`},
	{extURN + `:cars[colours eq "BLACK"]`, `Alice`},
	{extURN + `:cars.colours pr`, `Alice`},
	{`schemas eq "` + extURN + `"`, `Alice bob frank`},
	{`schemas eq "` + enterpriseURN + `"`, `Alice hans`},
	{`schemas co "core:2.0:User"`, `Alice bob carol_100% Dora eve frank gina hans ivan judy kim`},
	// What the server knows.
	{`meta.resourceType eq "User" and userName eq "eve"`, `eve`},
	{`meta.resourceType eq "Group"`, ``},
	{`meta.created lt "2026-03-01T11:30:00Z" and meta.created ge "2026-03-01T11:00:00+00:00"`, `bob`},
	{`meta.created eq "2026-03-01T12:00:00.000+01:00"`, `bob`},
	{`meta.lastModified pr and meta pr and userName eq "eve"`, `eve`},
	{`meta.location eq "` + base + `/Users/ALICE"`, `Alice`},
	{`meta.version eq "W/\"1\"" and userName eq "eve"`, `eve`},
}

func (w *scimWorld) publicIDs(text string) string {
	w.t.Helper()
	alice := w.texts(`SELECT public_id FROM users WHERE id = %d`, w.ids["Alice"])[0]
	sales := w.texts(`SELECT public_id FROM "groups" WHERE id = %d`, w.groupIDs["Sales"])[0]
	return strings.NewReplacer("ALICE\"", alice+"\"", "SALES\"", sales+"\"").Replace(text)
}

func TestScimUserFilters(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w := newScimWorld(t, s)
		w.settle()
		for _, c := range userFilters {
			text := c.filter
			if !strings.Contains(text, `userName eq "ALICE"`) && !strings.Contains(text, `department eq "SALES"`) {
				text = w.publicIDs(text)
			}
			got, total := w.people(w.view(registry.VisibleCompany), selection(t, w.users, text, ""), everything100)
			if strings.Join(got, " ") != c.want || total != len(got) {
				t.Errorf("%s\n\tfinds %s (%d)\n\t want %s", c.filter, strings.Join(got, " "), total, c.want)
			}
		}
	})
}

func TestScimGroupFilters(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w := newScimWorld(t, s)
		w.settle()
		for _, c := range []struct{ filter, want string }{
			{``, `Sales Ärzte empty Directory`},
			{`displayName eq "sALES"`, `Sales`},
			{`displayName eq "ärzte" or externalId eq "g-3"`, `Ärzte empty`},
			{`displayName sw "ä"`, `Ärzte`},
			{`displayName gt "empty"`, `Sales Ärzte`},
			{`externalId pr`, `Sales empty`},
			{`members eq "ALICE"`, `Sales Ärzte Directory`},
			{`members[value eq "ALICE" and type eq "User"]`, `Sales Ärzte Directory`},
			{`members[value eq "ALICE" and type eq "Group"]`, ``},
			{`members[type eq "Group"]`, `Sales`},
			{`members.display sw "hans"`, `Sales Directory`},
			{`members.$ref eq "` + base + `/Users/ALICE"`, `Sales Ärzte Directory`},
			{`id eq "SALES" and members eq "ALICE"`, `Sales`},
			{`id eq "SALES" and members[value eq "nobody"]`, ``},
			{`not (members pr)`, `empty`},
			{`members.value ne "ALICE"`, `Sales empty Directory`},
			{`schemas eq "urn:ietf:params:scim:schemas:core:2.0:Group" and meta.resourceType eq "Group"`, `Sales Ärzte empty Directory`},
		} {
			got, total := w.groupNames(w.view(registry.VisibleCompany), selection(t, w.groups, w.publicIDs(c.filter), ""), everything100)
			if strings.Join(got, " ") != c.want || total != len(got) {
				t.Errorf("%s\n\tfinds %s (%d)\n\t want %s", c.filter, strings.Join(got, " "), total, c.want)
			}
		}
	})
}

// A query over both types asks each for what only the other has.
func TestScimFilterOfAnotherType(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w := newScimWorld(t, s)
		w.settle()
		both := attr.Union(w.users, w.groups)
		q := selection(t, both, `userName eq "bob" or emails pr or members pr or displayName eq "empty" or `+extURN+`:level eq 9`, "userName")
		groups, _ := w.groupNames(w.view(registry.VisibleCompany), q, everything100)
		want(t, "groups", groups, []string{"Sales", "Ärzte", "empty", "Directory"})
		people, _ := w.people(w.view(registry.VisibleCompany), q, everything100)
		want(t, "people", people, []string{"Alice", "bob", "Dora", "hans", "ivan", "judy", "kim"})
		not := selection(t, both, `not (userName pr) and userName ne "x" and userName eq null`, "")
		groups, _ = w.groupNames(w.view(registry.VisibleCompany), not, everything100)
		want(t, "groups without a userName", groups, []string{"Sales", "Ärzte", "empty", "Directory"})
	})
}

func TestScimVisibleOwn(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w := newScimWorld(t, s)
		w.settle()
		own := w.view(registry.VisibleOwn)
		people := func(text string) []string {
			t.Helper()
			got, _ := w.people(own, selection(t, w.users, w.publicIDs(text), ""), everything100)
			return got
		}
		want(t, "all", people(``), []string{"Alice", "bob", "carol_100%", "Dora", "eve", "frank", "ivan"})
		want(t, "hidden by name", people(`userName eq "hans"`), []string{})
		want(t, "hidden by address", people(`emails eq "hans@example.com" or userName eq "gina"`), []string{})
		want(t, "hidden group", people(`groups.display eq "Directory"`), []string{})
		groups, _ := w.groupNames(own, selection(t, w.groups, `members.display sw "Hans"`, ""), everything100)
		want(t, "hidden member", groups, []string{})
		groups, _ = w.groupNames(own, selection(t, w.groups, ``, ""), everything100)
		want(t, "groups", groups, []string{"Sales", "Ärzte", "empty"})
		none := registry.ScimView{Origin: w.okta.ID} // unknown visibility shows least
		got, _ := w.people(none, selection(t, w.users, `userName eq "hans"`, ""), everything100)
		want(t, "no visibility", got, []string{})
	})
}

func TestScimSort(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w := newScimWorld(t, s)
		w.settle()
		for _, c := range []struct {
			by   string
			desc bool
			want string
		}{
			{"", true, `kim judy ivan hans gina frank eve Dora carol_100% bob Alice`},
			{"userName", false, `Alice bob carol_100% Dora eve frank gina hans ivan judy kim`},
			{"userName", true, `kim judy ivan hans gina frank eve Dora carol_100% bob Alice`},
			{"title", false, `Alice carol_100% hans Dora bob eve frank gina ivan judy kim`},
			{"title", true, `bob eve frank gina ivan judy kim Dora Alice carol_100% hans`},
			{"emails", false, `Alice bob Dora hans ivan judy kim carol_100% eve frank gina`},
			{"emails.type", false, `bob Alice Dora hans ivan judy kim carol_100% eve frank gina`},
			{"name.familyName", false, `hans Alice bob carol_100% Dora eve frank gina ivan judy kim`},
			{"externalId", false, `Alice bob Dora eve frank ivan carol_100% gina hans judy kim`},
			{"active", false, `bob judy Alice carol_100% Dora eve frank gina hans ivan kim`},
			{extURN + ":level", false, `Alice bob carol_100% Dora eve frank gina hans ivan judy kim`},
			{extURN + ":since", true, `carol_100% Dora eve frank gina hans ivan judy kim bob Alice`},
			{extURN + ":tags", false, `Alice frank bob carol_100% Dora eve gina hans ivan judy kim`},
			{"groups.display", false, `Alice bob hans carol_100% Dora eve frank gina ivan judy kim`},
		} {
			q := selection(t, w.users, "", c.by)
			got, _ := w.people(w.view(registry.VisibleCompany), q, registry.ScimPage{Limit: 100, Descending: c.desc})
			want(t, "sorted by "+c.by, strings.Join(got, " "), c.want)
		}
		groups, _ := w.groupNames(w.view(registry.VisibleCompany), selection(t, w.groups, "", "displayName"), everything100)
		want(t, "groups", groups, []string{"Directory", "empty", "Sales", "Ärzte"})
	})
}

func TestScimPages(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w := newScimWorld(t, s)
		w.settle()
		v, q := w.view(registry.VisibleCompany), selection(t, w.users, `active eq true`, "")
		for _, c := range []struct {
			page  registry.ScimPage
			want  string
			total int
		}{
			{registry.ScimPage{}, ``, 9},
			{registry.ScimPage{Limit: 3}, `Alice carol_100% Dora`, 9},
			{registry.ScimPage{Limit: 3, Offset: 7}, `ivan kim`, 9},
			{registry.ScimPage{Limit: 3, Offset: 9}, ``, 9},
			{registry.ScimPage{Limit: 3, Offset: 6, NoTotal: true}, `hans ivan kim`, 0},
			{registry.ScimPage{Limit: 9}, `Alice carol_100% Dora eve frank gina hans ivan kim`, 9},
			{registry.ScimPage{Limit: 50}, `Alice carol_100% Dora eve frank gina hans ivan kim`, 9},
			{registry.ScimPage{Limit: -1, Offset: -1}, ``, 9},
			{registry.ScimPage{Limit: 2, Cursor: true}, `Alice carol_100%`, 9},
			{registry.ScimPage{Limit: 3, Cursor: true, After: int64(w.ids["gina"])}, `hans ivan kim`, 9},
			{registry.ScimPage{Limit: 9, Cursor: true, After: int64(w.ids["ivan"])}, `kim`, 9},
			{registry.ScimPage{Limit: 2, Cursor: true, After: int64(w.ids["kim"])}, ``, 9},
		} {
			got, total := w.people(v, q, c.page)
			if strings.Join(got, " ") != c.want || total != c.total {
				t.Errorf("%+v: %v of %d, want %s of %d", c.page, got, total, c.want, c.total)
			}
		}
	})
}

// What was not resolved, and what is never shown, is refused.
func TestScimRefusals(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w := newScimWorld(t, s)
		at := func(name, sub string) filter.Attr { return filter.Attr{Name: name, Sub: sub} }
		for name, q := range map[string]filter.Selection{
			"unknown":          {Filter: filter.Present{Attr: at("nothing", "")}},
			"unknown sub":      {Filter: filter.Present{Attr: at("name", "nothing")}},
			"unknown URN":      {Filter: filter.Present{Attr: filter.Attr{URI: "urn:x", Name: "userName"}}},
			"password":         {Filter: filter.Present{Attr: at("password", "")}},
			"password eq":      {Filter: filter.Compare{Attr: at("password", ""), Op: filter.StartsWith, Value: "a"}},
			"by password":      {SortBy: &filter.Attr{Name: "password"}},
			"by name":          {SortBy: &filter.Attr{Name: "meta"}},
			"complex":          {Filter: filter.Compare{Attr: at("name", ""), Op: filter.Equal, Value: "x"}},
			"type":             {Filter: filter.Compare{Attr: at("active", ""), Op: filter.Equal, Value: "true"}},
			"operator":         {Filter: filter.Compare{Attr: at("title", ""), Op: "xx", Value: "true"}},
			"no text":          {Filter: filter.Compare{Attr: at("userName", ""), Op: filter.Equal, Value: "a\x00"}},
			"no text inside":   {Filter: filter.ValuePath{Attr: at("emails", ""), Filter: filter.Compare{Attr: at("", "value"), Op: filter.Equal, Value: "a\xff"}}},
			"not multi-valued": {Filter: filter.ValuePath{Attr: at("name", ""), Filter: filter.Present{Attr: at("", "givenName")}}},
			"no expression":    {Filter: filter.And{Left: nil, Right: nil}},
		} {
			q.Set = w.users
			ids, total, err := w.tenant().ScimUsers(t.Context(), w.view(registry.VisibleCompany), q, everything100)
			if !errors.Is(err, store.ErrScimFilter) || ids != nil || total != 0 {
				t.Errorf("%s: %v of %d, %v", name, ids, total, err)
			}
		}
	})
}

// The largest filter that the parser lets through.
func TestScimLargeFilter(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w := newScimWorld(t, s)
		w.settle()
		deep := strings.Repeat("not (", filter.MaxNesting) + `title pr` + strings.Repeat(")", filter.MaxNesting)
		wide := strings.Repeat(`title ne "a" or `, 390) + `emails[type eq "x"]`
		for _, text := range []string{deep, wide, strings.ReplaceAll(wide, " or ", " and "), strings.Repeat(`emails pr and `, 390) + `id pr`} {
			ids, _, err := w.tenant().ScimUsers(t.Context(), w.view(registry.VisibleOwn), selection(t, w.users, text, ""), everything100)
			if err != nil {
				t.Errorf("%.60s: %v, %v", text, ids, err)
			}
		}
	})
}
