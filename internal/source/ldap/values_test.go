package ldap

import (
	"math"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
)

func TestSID(t *testing.T) {
	const domain = "\x01\x05\x00\x00\x00\x00\x00\x05\x15\x00\x00\x00\xdc\xf4\xdc\x3b\x83\x3d\x2b\x46\x82\x8b\xa6\x28\x01\x02\x00\x00"
	for in, want := range map[string]string{
		domain: "S-1-5-21-1004336348-1177238915-682003330-513", // MS-DTYP 2.4.2.1's own kind of example
		"\x01\x01\x00\x00\x00\x00\x00\x05\x0b\x00\x00\x00": "S-1-5-11",
		"\x01\x00\x00\x00\x00\x00\x00\x01":                 "S-1-1",
		"":                                                 "",
		"\x02\x00\x00\x00\x00\x00\x00\x01":                 "",
		domain[:20]:                                        "",
	} {
		if got := sidText(in); got != want {
			t.Errorf("sidText(%x) = %q, want %q", in, got, want)
		}
	}
	for _, tc := range []struct{ sid, rid, want string }{
		{"S-1-5-21-1-2-3-1104", "513", "S-1-5-21-1-2-3-513"},
		{"S-1-5-21-1-2-3-1104", "-1", ""}, {"S-1-5-21-1-2-3-1104", "", ""}, {"", "513", ""}, {"S-1-5", "513", ""},
	} {
		if got := primaryGroup(tc.sid, tc.rid); got != tc.want {
			t.Errorf("primaryGroup(%q, %q) = %q, want %q", tc.sid, tc.rid, got, tc.want)
		}
	}
}

func TestTimes(t *testing.T) {
	for in, want := range map[string]string{
		"0": "never", strconv.FormatInt(math.MaxInt64, 10): "never", "116444736000000000": "1970-01-01T00:00:00Z",
		"134063964010000000": "2025-10-31T15:00:01Z", "1": "1601-01-01T00:00:00.0000001Z", "-1": "none", "soon": "none", "": "none",
	} {
		at, ok := fileTime(in)
		got := at.Format(time.RFC3339Nano)
		if at.IsZero() {
			got = map[bool]string{true: "never", false: "none"}[ok]
		}
		if got != want {
			t.Errorf("fileTime(%s) = %s, want %s", in, got, want)
		}
	}
	for in, want := range map[string]string{
		"20260301090000Z": "2026-03-01T09:00:00Z", "20260301090000.5Z": "2026-03-01T09:00:00.5Z", "20260301100000+0100": "2026-03-01T09:00:00Z",
	} {
		if at, ok := generalizedTime(in); !ok || at.Format(time.RFC3339Nano) != want {
			t.Errorf("generalizedTime(%s) = %s, %v", in, at, ok)
		}
	}
	for _, in := range []string{"", "2026", "20261301090000Z", "20260301090000", "yesterday"} {
		if at, ok := generalizedTime(in); ok {
			t.Errorf("generalizedTime(%s) = %s", in, at)
		}
	}
}

func TestWithoutUID(t *testing.T) {
	for in, want := range map[string]string{
		"cn=x,dc=y#'0101'B": "cn=x,dc=y", "cn=x,dc=y#''B": "cn=x,dc=y", "cn=x,dc=y": "cn=x,dc=y", "cn=x'B": "cn=x'B",
		"cn=a#'b'B": "cn=a#'b'B", "cn=#1,dc=y": "cn=#1,dc=y",
	} {
		if got := withoutUID(in); got != want {
			t.Errorf("withoutUID(%q) = %q", in, got)
		}
	}
}

// TestMarkerOf: a time in seconds is trusted when it is old enough, others at once.
func TestMarkerOf(t *testing.T) {
	now := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	for _, tc := range []struct {
		kind       kind
		value, set string
	}{
		{kind{clocked: true}, "20260301084900Z", "20260301084900Z"},
		{kind{clocked: true}, "20260301085100Z", ""},
		{kind{clocked: true}, "20260301093000Z", ""},
		{kind{clocked: true}, "once", ""},
		{kind{}, "20260301085959.1Z#000000#000#000000", "20260301085959.1Z#000000#000#000000"},
		{kind{usn: true}, "77", "77@dc"},
	} {
		b := &builder{server: &server{kind: tc.kind}, now: now}
		if tc.kind.usn {
			b.server.scope = "@dc"
		}
		if got := b.markerOf(tc.value); got != tc.set {
			t.Errorf("markerOf(%s) = %q, want %q", tc.value, got, tc.set)
		}
	}
}

// TestKinds recognises every make of server by what it says of itself.
func TestKinds(t *testing.T) {
	const ad = "1.2.840.113556.1.4.800"
	for _, tc := range []struct {
		want, anchor, marker, disabled string
		root                           map[string][]string
	}{
		{"Active Directory", "objectGUID", "uSNChanged", "userAccountControl", map[string][]string{"supportedCapabilities": {ad, "1.2.840.113556.1.4.1670"}}},
		{"Samba AD", "objectGUID", "uSNChanged", "userAccountControl", map[string][]string{"supportedCapabilities": {ad}, "vendorName": {"Samba Team (https://www.samba.org)"}}},
		{"OpenLDAP", "entryUUID", "entryCSN", "pwdAccountLockedTime", map[string][]string{"objectClass": {"top", "OpenLDAProotDSE"}}},
		{"389 Directory Server", "nsUniqueId", "modifyTimestamp", "nsAccountLock", map[string][]string{"vendorName": {"389 Project"}, "vendorVersion": {"389-Directory/2.4.5 B2024.017.0000"}}},
		{"FreeIPA", "ipaUniqueID", "modifyTimestamp", "nsAccountLock", map[string][]string{"vendorName": {"389 Project"}, "namingContexts": {"cn=changelog", "dc=ipa,dc=test", "o=ipaca"}}},
		{"FreeIPA", "ipaUniqueID", "modifyTimestamp", "nsAccountLock", map[string][]string{"vendorName": {"389 Project"}, "ipaTopologyPluginVersion": {"1.0"}}},
		{"PingDirectory", "entryUUID", "modifyTimestamp", "ds-pwp-account-disabled", map[string][]string{"vendorName": {"Ping Identity Corporation"}}},
		{"OpenDJ", "entryUUID", "modifyTimestamp", "ds-pwp-account-disabled", map[string][]string{"vendorName": {"ForgeRock AS."}, "vendorVersion": {"OpenDJ Server 4.6.2"}}},
		{"eDirectory", "GUID", "modifyTimestamp", "loginDisabled", map[string][]string{"vendorName": {"NetIQ Corporation"}, "vendorVersion": {"LDAP Agent for NetIQ eDirectory 9.2"}}},
		{"another LDAP server", "entryUUID", "modifyTimestamp", "", map[string][]string{"vendorName": {"Somebody"}}},
	} {
		root := ldap.NewEntry("", tc.root)
		for _, k := range kinds {
			if !k.is(root) {
				continue
			}
			if k.name != tc.want || k.anchor != tc.anchor || k.marker != tc.marker || k.disabled != tc.disabled || (k.disabled == "") != (k.isDisabled == nil) {
				t.Errorf("%v is taken for %s (%s, %s, %s), want %s", tc.root, k.name, k.anchor, k.marker, k.disabled, tc.want)
			}
			break
		}
	}
}

func TestAnchorValue(t *testing.T) {
	const guid = "00112233-4455-6677-8899-aabbccddeeff"
	for _, tc := range []struct{ attribute, anchor, want string }{
		{"objectGUID", guid, `\33\22\11\00\55\44\77\66\88\99\aa\bb\cc\dd\ee\ff`},
		{"mS-DS-ConsistencyGuid", guid, `\33\22\11\00\55\44\77\66\88\99\aa\bb\cc\dd\ee\ff`},
		{"GUID", guid, `\00\11\22\33\44\55\66\77\88\99\aa\bb\cc\dd\ee\ff`},
		{"entryUUID", guid, guid}, {"objectGUID", "*)(x", `\2a\29\28x`}, {"employeeNumber", "*", `\2a`},
	} {
		if got := anchorValue(tc.attribute, tc.anchor); got != tc.want {
			t.Errorf("anchorValue(%s, %s) = %s", tc.attribute, tc.anchor, got)
		}
	}
}

var sidForm = regexp.MustCompile(`^S-1-\d+(-\d+)*$`)

func FuzzSID(f *testing.F) {
	f.Add("\x01\x01\x00\x00\x00\x00\x00\x05\x0b\x00\x00\x00")
	f.Fuzz(func(t *testing.T, v string) {
		if got := sidText(v); got != "" && !sidForm.MatchString(got) {
			t.Errorf("sidText(%x) = %q", v, got)
		}
	})
}

func FuzzTimes(f *testing.F) {
	for _, s := range []string{"0", "9223372036854775807", "9223372036854775806", "20260301090000Z", "20260301090000.123Z"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, v string) {
		if at, ok := fileTime(v); ok && !at.IsZero() && at.Year() < 1601 {
			t.Errorf("fileTime(%q) = %s", v, at)
		}
		if at, ok := generalizedTime(v); ok && at.Location() != time.UTC {
			t.Errorf("generalizedTime(%q) = %s", v, at)
		}
	})
}

// FuzzAnchorFilter: whatever is looked for is looked for as a value.
func FuzzAnchorFilter(f *testing.F) {
	f.Add("objectGUID", "*)(uid=*")
	f.Fuzz(func(t *testing.T, _, anchor string) {
		for _, attribute := range []string{"objectGUID", "entryUUID"} {
			filter, err := ldap.CompileFilter(anchorFilter(attribute, []string{anchor}))
			if err != nil || len(filter.Children) != 1 || filter.Children[0].Tag != ldap.FilterEqualityMatch {
				t.Errorf("%q makes %v, %v", anchor, filter, err)
			}
		}
	})
}
