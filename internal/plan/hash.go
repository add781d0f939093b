package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"strconv"
)

// Hash identifies a plan: two plans that would do the same have the same hash.
func (p *Plan) Hash(snap Snapshot) string {
	h := sha256.New()
	for _, c := range p.Users {
		writeAll(h, "user", string(c.Action), c.Anchor, c.Was, c.Reason, strconv.FormatInt(int64(c.User), 10), strconv.FormatBool(c.Mail))
		if c.Seen >= 0 {
			writeAll(h, string(snap.Users[c.Seen].Fingerprint[:]))
		}
	}
	for _, c := range p.Groups {
		writeAll(h, "group", string(c.Action), c.Anchor, strconv.FormatInt(int64(c.Group), 10))
		if c.Seen >= 0 {
			writeAll(h, string(snap.Groups[c.Seen].Fingerprint[:]))
		}
	}
	for _, c := range p.Members {
		writeAll(h, "members", c.Anchor)
		for _, s := range c.AddUsers {
			writeAll(h, "+", snap.Users[s].Anchor)
		}
		for _, s := range c.AddGroups {
			writeAll(h, "+g", snap.Groups[s].Anchor)
		}
		writeAll(h, fmt.Sprint(c.RemoveUsers, c.RemoveGroups))
	}
	for _, c := range p.Managers {
		manager := ""
		if c.Manager >= 0 {
			manager = snap.Users[c.Manager].Anchor
		}
		writeAll(h, "manager", snap.Users[c.Seen].Anchor, manager)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// writeAll feeds strings to a hash so that no two lists of them are alike.
func writeAll(h hash.Hash, parts ...string) {
	var buf []byte
	for _, s := range parts {
		buf = append(append(append(strconv.AppendInt(buf[:0], int64(len(s)), 10), ':'), s...), ';')
		h.Write(buf)
	}
}
