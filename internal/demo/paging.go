package demo

import (
	"crypto/rand"
	"slices"
)

// maxCursors is how many paged searches may be open on one connection; the
// oldest makes room.
const maxCursors = 16

// cursor is a paged search under way: the rest of an answer as it was when the
// search began, so that a change in between neither doubles nor drops anybody.
type cursor struct {
	cookie string
	rest   []found
}

// take removes and returns what is left of a paged search.
func (s *session) take(cookie string) ([]found, bool) {
	i := slices.IndexFunc(s.cursors, func(c cursor) bool { return c.cookie == cookie })
	if i < 0 {
		return nil, false
	}
	rest := s.cursors[i].rest
	s.cursors = slices.Delete(s.cursors, i, i+1)
	return rest, true
}

// page cuts off a page and keeps the rest under a new cookie. A size of 0 ends
// the search.
func (s *session) page(all []found, size uint32) (page []found, cookie string) {
	if size == 0 {
		return nil, ""
	}
	if int(size) >= len(all) {
		return all, ""
	}
	cookie = rand.Text()
	if len(s.cursors) == maxCursors {
		s.cursors = s.cursors[1:]
	}
	s.cursors = append(s.cursors, cursor{cookie, all[size:]})
	return all[:size], cookie
}
