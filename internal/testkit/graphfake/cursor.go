package graphfake

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"time"
)

// tokenLife is how long the tokens of directory objects last
// (concepts/delta-query-overview.md, "Token duration").
const tokenLife = 7 * 24 * time.Hour

// cursor is what a $skiptoken or $deltatoken stands for. A client sees it as
// one opaque word; it embeds the query it began with.
type cursor struct {
	// Of is the collection, as "users/delta".
	Of string `json:"o"`
	// Query holds the options in their encoded form.
	Query string `json:"q,omitempty"`
	// From and To are the versions a delta tells the difference of; From is -1
	// in the first round.
	From int64 `json:"f,omitempty"`
	To   int64 `json:"t,omitempty"`
	// At is the position of the page's first object, Sub the members of it that
	// earlier pages told.
	At  int `json:"a,omitempty"`
	Sub int `json:"s,omitempty"`
	// Size is the page size asked for, 0 for the server's.
	Size int `json:"n,omitempty"`
	// Epoch is the server's and Issued a Unix time.
	Epoch  string `json:"e"`
	Issued int64  `json:"i"`
}

func (c cursor) String() string { return base64.RawURLEncoding.EncodeToString(marshal(c)) }

// readCursor is the other way round. It does not say that the token is still
// good.
func readCursor(token string) (cursor, *odataError) {
	var c cursor
	bad := badRequest("Request_BadRequest", "Badly formed token.")
	data, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || json.Unmarshal(data, &c) != nil {
		return cursor{}, bad
	}
	if c.At < 0 || c.Sub < 0 || c.Size < 0 || c.Size > maxTop || c.To < 0 || c.From < -1 || c.From > c.To {
		return cursor{}, bad
	}
	return c, nil
}

// stamp gives a cursor out.
func (s *Server) stamp(c cursor) cursor {
	c.Epoch, c.Issued = s.epoch(), s.now().Unix()
	return c
}

// expired reports whether the cursor's state is no longer known: it is too old,
// from before ExpireTokens, or of another tenant's history.
func (s *Server) expired(c cursor, version int64) bool {
	return c.Epoch != s.epoch() || c.To > version || s.now().Sub(time.Unix(c.Issued, 0)) > tokenLife
}

// resync is the answer to an expired token: 410 with the address at which to
// begin anew (concepts/delta-query-overview.md, "Synchronization reset").
func resync(location string) *Reply {
	r := failed(&odataError{http.StatusGone, "syncStateNotFound",
		"The sync state generation is not found. The delta token is expired and data must be synchronized again."})
	r.set("Location", location)
	return r
}
