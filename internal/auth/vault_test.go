package auth_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/usherd/usher/internal/auth"
)

func TestVault(t *testing.T) {
	key := []byte(strings.Repeat("k", 32))
	v, err := auth.NewVault(key)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := v.Seal("totp", []byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := v.Open("totp", sealed); err != nil || string(got) != "secret" {
		t.Errorf("Open = %q, %v", got, err)
	}
	again, err := v.Seal("totp", []byte("secret"))
	if err != nil || bytes.Equal(again, sealed) || bytes.Contains(sealed, []byte("secret")) {
		t.Errorf("sealed twice: the same, or readable (%v)", err)
	}
	other, err := auth.NewVault([]byte(strings.Repeat("o", 32)))
	if err != nil {
		t.Fatal(err)
	}
	spoilt := bytes.Clone(sealed)
	spoilt[len(spoilt)-1] ^= 1
	for name, open := range map[string]func() ([]byte, error){
		"another purpose": func() ([]byte, error) { return v.Open("webhook", sealed) },
		"another key":     func() ([]byte, error) { return other.Open("totp", sealed) },
		"a spoilt byte":   func() ([]byte, error) { return v.Open("totp", spoilt) },
		"nothing":         func() ([]byte, error) { return v.Open("totp", nil) },
	} {
		if got, err := open(); !errors.Is(err, auth.ErrSealed) || got != nil {
			t.Errorf("%s: %q, %v, want ErrSealed", name, got, err)
		}
	}
	if !bytes.Equal(v.Blind("name", "x"), v.Blind("name", "x")) {
		t.Error("the same value is blinded in two ways")
	}
	if bytes.Equal(v.Blind("name", "x"), v.Blind("address", "x")) || bytes.Equal(v.Blind("name", "x"), other.Blind("name", "x")) {
		t.Error("another purpose or key blinds alike")
	}
	if _, err := auth.NewVault(key[:31]); err == nil {
		t.Error("a short key was taken")
	}
}

func TestMay(t *testing.T) {
	const mine, theirs = 1, 2
	type row struct {
		who  string
		p    auth.Principal
		mine string // the rights at home, in the order of rights
	}
	rights := []auth.Right{auth.RightSelf, auth.RightContacts, auth.RightRead, auth.RightOperate, auth.RightApprove, auth.RightManage, auth.RightInstall, auth.RightPrivacy}
	for _, r := range []row{
		{"nobody", auth.Principal{}, "........"},
		{"end user", auth.Principal{Roles: []auth.Role{auth.RoleEndUser}}, "s......."},
		{"support staff", auth.Principal{Roles: []auth.Role{auth.RoleSupport}}, "sc......"},
		{"auditor", auth.Principal{Roles: []auth.Role{auth.RoleAuditor}}, "s.r....."},
		{"approver", auth.Principal{Roles: []auth.Role{auth.RoleApprover}}, "s.r.a..."},
		{"admin", auth.Principal{Roles: []auth.Role{auth.RoleAdmin}}, "scro.m.p"},
		{"admin who approves", auth.Principal{Roles: []auth.Role{auth.RoleAdmin, auth.RoleApprover}}, "scroam.p"},
		{"operator", auth.Principal{Roles: []auth.Role{auth.RoleOperator}}, "scroamip"},
		{"contacts token", auth.Principal{Scopes: []string{"contacts"}}, ".c......"},
		{"read token", auth.Principal{Scopes: []string{"read"}}, "..r....."},
		{"operate token", auth.Principal{Scopes: []string{"operate"}}, ".cro...."},
		{"approve token", auth.Principal{Scopes: []string{"approve"}}, "..r.a..."},
		{"privacy token", auth.Principal{Scopes: []string{"privacy"}}, "..r....p"},
		{"unknown scope", auth.Principal{Scopes: []string{"manage"}}, "........"},
	} {
		r.p.Company = mine
		for i, right := range rights {
			want := r.mine[i] != '.'
			if got := r.p.May(right, mine); got != want {
				t.Errorf("%s, %s at home: %v", r.who, right, got)
			}
			if got := r.p.May(right, theirs); got != (want && r.p.Operator()) {
				t.Errorf("%s, %s next door: %v", r.who, right, got)
			}
		}
	}
}
