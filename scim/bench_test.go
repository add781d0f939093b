package scim_test

import (
	"net/http"
	"testing"
)

// The cost of the protocol alone: the backend holds one user in memory.

func BenchmarkGet(b *testing.B) {
	s := newService(b, "")
	id := s.user(b, "anna")
	for b.Loop() {
		if w := s.do(b, "GET", "/Users/"+id, ""); w.Code != http.StatusOK {
			b.Fatal(w.Code)
		}
	}
}

func BenchmarkPatch(b *testing.B) {
	s := newService(b, "")
	id := s.user(b, "anna")
	body := `{` + patchSchema + `,"Operations":[{"op":"Replace","path":"emails[type eq \"work\"].value","value":"a@x.example"},{"op":"replace","value":{"active":true}}]}`
	for b.Loop() {
		if w := s.do(b, "PATCH", "/Users/"+id, body); w.Code != http.StatusOK {
			b.Fatal(w.Code)
		}
	}
}

func BenchmarkFilter(b *testing.B) {
	s := newService(b, "")
	s.user(b, "anna")
	for b.Loop() {
		if w := s.do(b, "GET", "/Users?filter=userName+eq+%22anna%22", ""); w.Code != http.StatusOK {
			b.Fatal(w.Code)
		}
	}
}
