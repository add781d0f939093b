package dirgen

import (
	"bytes"
	"crypto/sha256"
	"strings"
	"testing"
)

func TestLDIF(t *testing.T) {
	o := Options{People: 300, Groups: 7, Members: 40, Seed: 3}
	var a, b, c bytes.Buffer
	for _, w := range []struct {
		to   *bytes.Buffer
		seed uint64
	}{{&a, 3}, {&b, 3}, {&c, 4}} {
		o.Seed = w.seed
		if err := LDIF(w.to, o); err != nil {
			t.Fatal(err)
		}
	}
	if a.String() != b.String() {
		t.Error("the same seed gave two directories")
	}
	if sha256.Sum256(a.Bytes()) == sha256.Sum256(c.Bytes()) {
		t.Error("two seeds gave one directory")
	}
	if got := strings.Count(a.String(), "objectClass: inetOrgPerson\n"); got != 300 {
		t.Errorf("people = %d, want 300", got)
	}
	for _, record := range strings.Split(a.String(), "\n\n") {
		if !strings.Contains(record, "objectClass: groupOfNames") {
			continue
		}
		seen := map[string]bool{}
		for _, l := range strings.Split(record, "\n") {
			if strings.HasPrefix(l, "member: ") {
				seen[l] = true
			}
		}
		if len(seen) != 40 {
			t.Errorf("a group has %d distinct members, want 40", len(seen))
		}
	}
}

func TestLDIFNoPeople(t *testing.T) {
	var w bytes.Buffer
	if err := LDIF(&w, Options{Groups: 1, Members: 5}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(w.String(), "member: \n") {
		t.Error("a group without people lacks its placeholder member")
	}
}
