package ldap_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"

	"github.com/usherd/usher/internal/source"
	sourceldap "github.com/usherd/usher/internal/source/ldap"
)

// outcome is how a read has to end: an error of a kind, or a listing that is not
// complete, with words that say what to do.
type outcome struct {
	err   error // nil for a listing that is not complete
	words string
}

// TestResultCodes has a server answer each result code that matters at each step
// of a read of three pages, by an account and by a visitor.
func TestResultCodes(t *testing.T) {
	const signIn, visitor = "sign-in", "visitor"
	var (
		unreachable = func(words string) outcome { return outcome{source.ErrUnreachable, words} }
		protocol    = func(words string) outcome { return outcome{source.ErrProtocol, words} }
		auth        = func(words string) outcome { return outcome{source.ErrAuth, words} }
		cut         = func(words string) outcome { return outcome{nil, words} }
	)
	for _, tc := range []struct {
		code int64
		page outcome
		at   map[string]outcome // where it means something else
	}{
		{code: 1, page: protocol("the server's own log"), at: map[string]outcome{visitor: auth("set bind_dn and bind_password")}},
		{code: 2, page: protocol("changes them on the way")},
		{code: 3, page: cut("time limit"), at: map[string]outcome{signIn: unreachable("tried again at the next run")}},
		{code: 4, page: cut("size limit"), at: map[string]outcome{signIn: protocol("Size Limit Exceeded")}},
		{code: 8, page: auth("ldaps://")},
		{code: 10, page: protocol("name that one in url")},
		{code: 11, page: cut("administrative limit"), at: map[string]outcome{signIn: unreachable("tried again at the next run")}},
		{code: 12, page: protocol("cannot page")},
		{code: 13, page: auth("starttls")},
		{code: 19, page: protocol("Constraint Violation"), at: map[string]outcome{signIn: auth("locked")}},
		{code: 32, page: protocol("the base does not exist"), at: map[string]outcome{signIn: auth("check bind_dn")}},
		{code: 48, page: auth("set bind_dn")},
		{code: 49, page: auth("check bind_dn and bind_password")},
		{code: 50, page: auth("give it read rights"), at: map[string]outcome{signIn: auth("may not sign in")}},
		{code: 51, page: unreachable("tried again at the next run")},
		{code: 52, page: unreachable("tried again at the next run")},
		{code: 53, page: protocol("ask whoever runs the server"), at: map[string]outcome{signIn: auth("ask whoever runs the server")}},
		{code: 80, page: protocol("the server's own log")},
	} {
		for where, at := range map[string]step{signIn: {bind: true}, "first page": {page: 0}, "in the middle": {page: 1, after: 1}, "at the end": {page: 2, after: 2}, visitor: {visitor: true}} {
			want, ok := tc.at[where]
			if !ok {
				want = tc.page
			}
			t.Run(fmt.Sprintf("%d %s", tc.code, where), func(t *testing.T) {
				sum, err := at.read(t, fakeEnd(ldap.ApplicationSearchResultDone, tc.code, "the server's words"), fakeEnd(ldap.ApplicationBindResponse, tc.code, "the server's words"))
				if sum.Complete {
					t.Errorf("called complete: %+v", sum)
				}
				if wantErr(t, err, want.err, want.words); err != nil && !strings.Contains(err.Error(), "the server's words") {
					t.Errorf("the server's words are missing: %v", err)
				}
				if want.err == nil && !strings.Contains(sum.Incomplete.String(), want.words) {
					t.Errorf("summary = %+v, want %q", sum, want.words)
				}
			})
		}
	}
}

// TestRefusedSignIns reads Active Directory's words with a refused sign-in.
func TestRefusedSignIns(t *testing.T) {
	for data, words := range map[string]string{
		"525": "there is no such user", "52e": "the password is wrong", "530": "not at this hour", "531": "not from this machine",
		"532": "the password has expired", "533": "the account is disabled", "701": "the account has expired",
		"773": "the password must be changed first", "775": "the account is locked", "fff": "check bind_dn and bind_password",
	} {
		t.Run(data, func(t *testing.T) {
			said := "80090308: LdapErr: DSID-0C090439, comment: AcceptSecurityContext error, data " + data + ", v4563\x00"
			sum, err := step{bind: true}.read(t, nil, fakeEnd(ldap.ApplicationBindResponse, 49, said))
			wantErr(t, err, source.ErrAuth, words)
			if sum.Complete || strings.ContainsRune(err.Error(), 0) {
				t.Errorf("%+v, %q", sum, err)
			}
		})
	}
}

// step is a place in the conversation with a server of three pages of two people.
type step struct {
	bind, visitor bool
	page, after   int // the page, and after how many of its people
}

// read reads from a server that answers the refusal there.
func (at step) read(t *testing.T, page, bind *ber.Packet) (source.Summary, error) {
	t.Helper()
	f := startFake(t, func(n int, answer func(op *ber.Packet, controls ...ldap.Control)) {
		for i := range 2 {
			if n == at.page && i == at.after && !at.bind {
				break
			}
			answer(fakeEntry(fmt.Sprintf("uid=%d-%d,dc=x", n, i), "entryUUID", fmt.Sprintf("%d-%d", n, i)))
		}
		switch {
		case n == at.page && !at.bind:
			answer(page)
		case n < 2:
			answer(fakeDone(0), paging(0, "more"))
		default:
			answer(fakeDone(0), paging(0, ""))
		}
	})
	cfg := sourceldap.Config{Name: "x", URLs: []string{f.url}, Users: sourceldap.Search{Base: "dc=x"}, Timeout: 10 * time.Second}
	if !at.visitor {
		cfg.BindDN, cfg.BindPassword = "cn=usher", sourceldap.Password("secret")
	}
	if at.bind {
		f.bind = bind
	}
	src, err := sourceldap.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return src.Read(t.Context(), source.Request{}, func(source.Entry) error { return nil })
}
