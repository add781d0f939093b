package config

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

func (v *validator) source(path, key string, s Source) {
	v.key(path, key)
	if v.need(path+".company", s.Company, "name one of companies") {
		v.companyOf(path+".company", s.Company)
	}
	if s.Schedule != "" {
		if err := CheckSchedule(s.Schedule); err != nil {
			v.bad(path+".schedule", err.Error(), `write it as "CRON_TZ=Europe/Rome 30 2 * * *" or @daily`)
		}
	}
	v.join(path+".join", s.Join)
	v.need(path+".kind_of_user", s.KindOfUser, "write end_user, support_staff or an expression")
	v.oneOf(path+".on_missing", string(s.OnMissing), string(MissingKeep), string(MissingDeactivate))
	v.oneOf(path+".setup_mail", string(s.SetupMail), string(SetupMailNow), string(SetupMailNever), string(SetupMailHoldFirst))
	v.oneOf(path+".on_recreate", string(s.OnRecreate), string(RecreateConflict), string(RecreateNew), string(RecreateAdopt))
	v.oneOf(path+".policy", string(s.Policy), string(PolicySync), string(PolicyUpsertOnly), string(PolicyCreateOnly), string(PolicyReportOnly))
	v.guard(path+".guard", s.Guard)
	if s.LDAP != nil {
		v.ldap(path, s.LDAP)
	}
	if s.Entra != nil {
		v.entra(path, s.Entra)
	}
}

func (v *validator) companyOf(path, company string) {
	if _, ok := v.Companies[company]; ok {
		return
	}
	fix := "add it under companies"
	if near := nearest(company, slices.Collect(maps.Keys(v.Companies))); near != "" {
		fix = "did you mean " + strconv.Quote(near) + "?"
	}
	v.bad(path, "there is no company "+strconv.Quote(company), fix)
}

// ErrNeverDue is of a schedule that can be read and never comes.
var ErrNeverDue = errors.New("a time that never comes")

// CheckSchedule reports a schedule that cannot be read or that never comes
// (ErrNeverDue), such as the 30th of February.
func CheckSchedule(spec string) error {
	if strings.HasPrefix(spec, "CRON_TZ=") || strings.HasPrefix(spec, "TZ=") {
		// The library cuts at the first space without looking whether it is there.
		if !strings.Contains(spec, " ") {
			return fmt.Errorf("a time zone and no schedule")
		}
	}
	schedule, err := cron.ParseStandard(spec)
	if err != nil {
		return fmt.Errorf("not a schedule: %w", err)
	}
	if schedule.Next(time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return ErrNeverDue
	}
	return nil
}

// joinable are the attributes by which people may be tied to users.
var joinable = []string{"employeeNumber", "userName", "email"}

func (v *validator) join(path string, join []JoinRule) {
	for i, rule := range join {
		at := path + "[" + strconv.Itoa(i) + "]"
		v.oneOf(at, rule.Attribute, joinable...)
		if slices.Contains(join[:i], rule) {
			v.bad(at, "named twice", "remove it")
		}
	}
}

func (v *validator) guard(path string, g Guard) {
	v.oneOf(path+".settings_change", string(g.SettingsChange), string(SettingsHold), string(SettingsAllow))
	for _, x := range []struct {
		name  string
		limit Limit
	}{
		{"deactivate", g.Deactivate}, {"delete", g.Delete}, {"group_delete", g.GroupDelete}, {"membership_remove", g.MembershipRemove},
		{"membership_remove_per_group", g.MembershipRemovePerGroup}, {"rename", g.Rename}, {"mail_change", g.MailChange}, {"create", g.Create},
		{"adopt", g.Adopt}, {"minimum", g.Minimum},
	} {
		if (x.name == "delete" || x.name == "adopt") && x.limit == g.Deactivate {
			continue // what is wrong there is said there
		}
		v.limit(path+"."+x.name, x.limit)
		if x.limit.Percent > 100 && x.name != "create" { // creations may double what there is
			v.bad(path+"."+x.name+".percent", "not a percentage", "use a number from 0 to 100")
		}
	}
}

func (v *validator) limit(path string, l Limit) {
	if l.Percent < 0 {
		v.bad(path+".percent", "not a percentage", "use a number from 0 to 100")
	}
	if l.Count < 0 {
		v.bad(path+".count", "less than nothing", "use 0 or more")
	}
	if l.Floor < 0 {
		v.bad(path+".floor", "less than nothing", "use 0 or more")
	}
}

func (v *validator) ldap(path string, l *LDAP) {
	encrypted := l.StartTLS
	for i, address := range l.URLs {
		at := path + ".url"
		if len(l.URLs) > 1 {
			at += "[" + strconv.Itoa(i) + "]"
		}
		u, err := url.Parse(address)
		if err != nil || !isServer(u, "ldap", "ldaps") {
			v.bad(at, "not an LDAP server", "write ldap://host or ldaps://host, without a user or a path")
			continue
		}
		if u.Scheme == "ldaps" && l.StartTLS {
			v.bad(path+".starttls", "ldaps:// is encrypted from the start", "use ldap:// with starttls, or ldaps:// without")
		}
		encrypted = encrypted || u.Scheme == "ldaps"
	}
	if len(l.URLs) == 0 {
		v.bad(path+".url", "missing", "write ldaps://host")
	}
	if l.CAFile != "" && !encrypted {
		v.bad(path+".ca_file", "has no use on an unencrypted connection", "use ldaps:// or starttls: true")
	}
	// A bind with a name and no password succeeds as nobody (RFC 4513 section
	// 5.1.2), and the directory then looks empty.
	if (l.BindDN == "") != (!l.BindPassword.IsSet() && l.BindPasswordFile == "") {
		v.bad(path+".bind_dn", "bind_dn and bind_password go together", "set both, or neither to read as nobody")
	}
	v.need(path+".users.base", l.Users.Base, "write the DN under which people are")
	v.mapped(path+".users", l.Users)
	if l.Groups.Base == "" && l.Groups.Filter != "" {
		v.bad(path+".groups.base", "missing", "write the DN under which groups are, or remove the filter")
	}
	if l.Groups.Base == "" && (l.Groups.Scope != "" || l.Groups.Map != nil) {
		v.bad(path+".groups.base", "missing", "write the DN under which groups are, or remove scope and map")
	}
	v.nested(path, l.Groups.Nested)
}

// attributeForm is what the name of an LDAP attribute looks like, options
// included (RFC 4512 section 2.5).
var attributeForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.;-]*$`)

func (v *validator) mapped(path string, u LDAPUsers) {
	if u.Manager != "" && !attributeForm.MatchString(u.Manager) {
		v.bad(path+".manager", "not the name of an attribute", "write manager")
	}
	for _, name := range slices.Sorted(maps.Keys(u.Attributes)) {
		a, at := u.Attributes[name], path+".attributes."+name
		if a.Write != "" {
			v.oneOf(at+".write", string(a.Write), string(WriteAlways), string(WriteIfEmpty), string(WriteNever))
		}
		if strings.EqualFold(name, "userName") && a.Write != "" && a.Write != WriteAlways {
			v.bad(at+".write", "nobody can be without a userName", "use always")
		}
	}
}

func (v *validator) nested(path string, n Nested) {
	v.oneOf(path+".groups.nested", string(n), string(NestedFlatten), string(NestedKeep), string(NestedIgnore))
}

// isServer reports whether u names a server by one of the schemes, and nothing
// else.
func isServer(u *url.URL, schemes ...string) bool {
	return slices.Contains(schemes, u.Scheme) && u.Hostname() != "" && u.User == nil &&
		strings.Trim(u.Path, "/") == "" && u.RawQuery == "" && u.Fragment == ""
}

func (v *validator) entra(path string, e *Entra) {
	v.cloud(path+".cloud", e.Cloud)
	v.need(path+".tenant_id", e.TenantID, "copy it from the app registration's overview")
	ways := 0
	for _, used := range []bool{e.ClientSecret.IsSet(), e.CertificateFile != "", e.ManagedIdentity, e.WorkloadIdentity} {
		if used {
			ways++
		}
	}
	if ways != 1 {
		v.bad(path, "needs one way to sign in", "set one of client_secret_file, certificate_file, managed_identity, workload_identity")
	}
	if !e.ManagedIdentity && !e.WorkloadIdentity {
		v.need(path+".client_id", e.ClientID, "copy it from the app registration's overview")
	}
	if e.CertificatePassword.IsSet() && e.CertificateFile == "" {
		v.bad(path+".certificate_password", "there is no certificate_file that it opens", "name the file, or remove the password")
	}
	for i, t := range e.UserTypes {
		v.oneOf(path+".user_types["+strconv.Itoa(i)+"]", t, "member", "guest")
	}
	v.nested(path, e.Groups.Nested)
}

func (v *validator) cloud(path string, c Cloud) {
	if c.Authority == "" && c.Graph == "" {
		v.oneOf(path, c.Name, "global", "usgov", "dod", "china")
		return
	}
	for name, address := range map[string]string{"authority": c.Authority, "graph": c.Graph} {
		if u, err := url.Parse(address); err != nil || !isServer(u, "https") {
			v.bad(path+"."+name, "not an address", "write it as https://host")
		}
	}
}

func sortedList(words []string) string {
	slices.Sort(words)
	return strings.Join(words, ", ")
}
