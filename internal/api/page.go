package api

import (
	"crypto/sha256"
	"encoding/base64"
	"reflect"
	"strconv"
	"strings"

	"github.com/usherd/usher/internal/registry"
)

// Page is a stretch of a list.
type Page[T any] struct {
	Items []T `json:"items" doc:"The records, in the list's order"`
	// Next is where the following page begins, in the words of whoever fills it;
	// "" where there is none. Programs see it sealed.
	Next string `json:"next_cursor,omitempty" doc:"Send it as cursor to get the following page; missing on the last"`
}

// pager is any page.
type pager interface {
	next() string
	sealed(cursor string) any
	rows() reflect.Value
}

func (p Page[T]) next() string        { return p.Next }
func (p Page[T]) rows() reflect.Value { return reflect.ValueOf(p.Items) }

// sealed is the page as programs see it: a list is never null, and the next place
// is opaque.
func (p Page[T]) sealed(cursor string) any {
	if p.Next = cursor; p.Items == nil {
		p.Items = []T{}
	}
	return p
}

// Paging is what every list is asked with.
type Paging struct {
	// After is where the page begins: Next of the page before, "" for the first.
	After string `in:"query" name:"cursor" doc:"next_cursor of the page before; the filters must be the same"`
	// Limit is how many records the page holds at most.
	Limit int `in:"query" name:"limit" min:"1" max:"500" doc:"How many records at most, 50 unless told otherwise"`
}

// The sizes of pages.
const (
	defaultLimit = 50
	exportLimit  = 1000
)

// paging finds the Paging in an input, nil where there is none.
func paging(in reflect.Value) *Paging {
	f := in.Elem().FieldByName("Paging")
	if !f.IsValid() {
		return nil
	}
	p, _ := f.Addr().Interface().(*Paging)
	return p
}

// CutPage makes a page of up to limit records of a list that was asked for one
// more; place says where a page that ends with a record goes on.
func CutPage[S, T any](list []S, limit int, place func(S) string, convert func(S) T) Page[T] {
	var p Page[T]
	if len(list) > limit {
		list = list[:limit]
		p.Next = place(list[limit-1])
	}
	for _, x := range list {
		p.Items = append(p.Items, convert(x))
	}
	return p
}

// Key reads a place that is one number; "" is 0.
func Key(place string) (int64, error) {
	if place == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(place, 10, 64)
	if err != nil {
		return 0, badCursor()
	}
	return n, nil
}

// Keyed reads a place that is a text behind a number, as "12 ann".
func Keyed(place string) (int64, string, error) {
	number, text, _ := strings.Cut(place, " ")
	n, err := Key(number)
	return n, text, err
}

func badCursor() *refusal {
	return refuse(registry.CodeBadCursor, "the cursor is not one of this list with these filters").at("cursor")
}

// Cursors are sealed, not signed: places hold keys, which are nobody's business
// outside. The list they belong to is sealed with them.
const cursorPurpose = "api cursor"

// sealCursor makes the cursor of a place in a list.
func (s *Server) sealCursor(list, place string) (string, error) {
	of := sha256.Sum256([]byte(list))
	sealed, err := s.cfg.Vault.Seal(cursorPurpose, append(of[:8:8], place...))
	return base64.RawURLEncoding.EncodeToString(sealed), err
}

// openCursor is the place that a cursor of a list stands for.
func (s *Server) openCursor(list, cursor string) (string, error) {
	sealed, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		return "", badCursor()
	}
	plain, err := s.cfg.Vault.Open(cursorPurpose, sealed)
	of := sha256.Sum256([]byte(list))
	if err != nil || len(plain) < 8 || string(plain[:8]) != string(of[:8]) {
		return "", badCursor()
	}
	return string(plain[8:]), nil
}
