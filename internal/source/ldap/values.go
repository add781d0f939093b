package ldap

import (
	"encoding/binary"
	"math"
	"strconv"
	"strings"
	"time"
)

// sidText is the text form of a security identifier (MS-DTYP 2.4.2.1), "" for
// what is none.
func sidText(v string) string {
	const head = 8
	if len(v) < head || v[0] != 1 || len(v) != head+4*int(v[1]) {
		return ""
	}
	var authority uint64
	for i := 2; i < head; i++ {
		authority = authority<<8 | uint64(v[i])
	}
	out := append(make([]byte, 0, 48), "S-1-"...)
	out = strconv.AppendUint(out, authority, 10)
	for at := head; at < len(v); at += 4 {
		out = append(out, '-')
		out = strconv.AppendUint(out, uint64(binary.LittleEndian.Uint32([]byte(v[at:at+4]))), 10)
	}
	return string(out)
}

// primaryGroup is the identifier of the group whose number within the domain a
// person's primaryGroupID is, "" where either makes no sense.
func primaryGroup(sid, rid string) string {
	if _, err := strconv.ParseUint(rid, 10, 32); err != nil {
		return ""
	}
	if i := strings.LastIndexByte(sid, '-'); i > len("S-1-5") {
		return sid[:i+1] + rid
	}
	return ""
}

// fileTime reads 100 ns since 1601 (MS-DTYP 2.3.3), as accountExpires has them.
// 0 and the largest number mean never, which is the zero time.
func fileTime(v string) (t time.Time, ok bool) {
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil || n < 0 {
		return t, false
	}
	if n == 0 || n == math.MaxInt64 {
		return t, true
	}
	const (
		ticks = 10_000_000     // a second
		epoch = 11_644_473_600 // seconds from 1601 to 1970
		nanos = int64(time.Microsecond) / 10
	)
	return time.Unix(n/ticks-epoch, n%ticks*nanos).UTC(), true
}

// generalizedTime reads the time of RFC 4517 section 3.3.13 to the second, which
// is how servers write modifyTimestamp.
func generalizedTime(v string) (time.Time, bool) {
	t, err := time.Parse("20060102150405Z0700", v)
	return t.UTC(), err == nil
}

// withoutUID cuts the optional bit string off a Name and Optional UID (RFC 4517
// section 3.3.21), the syntax of uniqueMember.
func withoutUID(v string) string {
	if !strings.HasSuffix(v, "'B") {
		return v
	}
	i := strings.LastIndex(v, "#'")
	if i < 0 || strings.Trim(v[i+2:len(v)-2], "01") != "" {
		return v
	}
	return v[:i]
}
