package reconcile

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strconv"

	"github.com/usherd/usher/internal/registry"
)

// stamp is what a link keeps in its marker: the directory's own change marker
// and what that marker does not cover, but by which a scan must know that nothing
// is different.
type stamp struct {
	// marker is the directory's, "" for an object that every run reads whole.
	marker string
	// keys are, of a person, the names by which groups refer to them: those move
	// with a parent, and the person's marker does not.
	keys uint64
	// lacks is true of a person who names a manager that was not there.
	lacks bool
	// rest is, of a person, the userName the directory gave, and of a group whom
	// its members lead to: the registry may have come to differ from both.
	rest uint64
}

// tail is the length of a stamp's text behind the marker.
const tail = 1 + 16 + 16

func (s stamp) String() string {
	bar := '|'
	if s.lacks {
		bar = lacking
	}
	return fmt.Sprintf("%s%c%016x%016x", s.marker, bar, s.keys, s.rest)
}

// lacking stands in a stamp's text for the bar of somebody whose manager was not
// there.
const lacking = '!'

// parseStamp reads a stamp's text; a marker of before there were stamps is none.
func parseStamp(v string) (s stamp, ok bool) {
	at := len(v) - tail
	if at < 0 || v[at] != '|' && v[at] != lacking {
		return s, false
	}
	keys, err1 := strconv.ParseUint(v[at+1:at+17], 16, 64)
	rest, err2 := strconv.ParseUint(v[at+17:], 16, 64)
	return stamp{marker: v[:at], keys: keys, rest: rest, lacks: v[at] == lacking}, err1 == nil && err2 == nil
}

// hashed is the stored hash of a text: the same in every process.
func hashed(v string) uint64 {
	sum := sha256.Sum256([]byte(v))
	return binary.BigEndian.Uint64(sum[:])
}

// keysOf folds refs, whose order means nothing.
func keysOf(refs []ref) (sum uint64) {
	for _, r := range refs {
		sum += binary.BigEndian.Uint64(r[:])
	}
	return sum
}

// mixed spreads a key over 64 bits (the finalizer of SplitMix64), so that the sum
// over a set of keys identifies the set.
func mixed(id registry.UserID) uint64 {
	z := uint64(id) + 0x9e3779b97f4a7c15 //nolint:gosec // bits, not a number
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
