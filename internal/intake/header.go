package intake

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
)

// maxHeader is how many bytes of header are read.
const maxHeader = 256 << 10

// errHeaderTooLong: what claims to be a header does not end.
var errHeaderTooLong = errors.New("the header is too long")

// header are the fields of a message in their order. Libraries refuse a header
// with a single broken line, and then the person who wrote it is lost; here the
// line is.
type header []field

type field struct{ name, value string }

// readHeader reads up to and with the empty line that ends the header.
func readHeader(r *bufio.Reader) (header, error) {
	var h header
	var open bool // whether a folded line belongs to the last field
	for left := maxHeader; ; {
		line, err := readLine(r, left)
		ended := errors.Is(err, io.EOF)
		if err != nil && !ended {
			return nil, err
		}
		left -= len(line) + 1
		text := strings.TrimRight(line, "\r\n")
		switch {
		case text == "":
			return h, nil
		case text[0] == ' ' || text[0] == '\t':
			if open {
				h[len(h)-1].value += " " + strings.TrimSpace(text)
			}
		default:
			name, value, ok := strings.Cut(text, ":")
			if open = ok && isFieldName(name); open {
				h = append(h, field{strings.ToLower(strings.TrimRight(name, " \t")), strings.TrimSpace(value)})
			}
		}
		if ended {
			return h, nil
		}
	}
}

// readLine reads a line of at most so many bytes, its end included.
func readLine(r *bufio.Reader, most int) (string, error) {
	var b strings.Builder
	for {
		part, err := r.ReadSlice('\n')
		if b.Len()+len(part) > most {
			return "", errHeaderTooLong
		}
		b.Write(part)
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil && !errors.Is(err, io.EOF):
			return "", fmt.Errorf("read header: %w", err)
		}
		return b.String(), err
	}
}

// isFieldName is RFC 5322 section 3.6.8, with the blanks that some write before
// the colon (section 4.5).
func isFieldName(name string) bool {
	name = strings.TrimRight(name, " \t")
	for i := range len(name) {
		if name[i] <= ' ' || name[i] > '~' {
			return false
		}
	}
	return name != ""
}

// all are the values of a field, in their order.
func (h header) all(name string) []string {
	var out []string
	for _, f := range h {
		if f.name == name {
			out = append(out, f.value)
		}
	}
	return out
}

// first is the first value of a field, or "".
func (h header) first(name string) string {
	for _, f := range h {
		if f.name == name {
			return f.value
		}
	}
	return ""
}

// has reports whether a field is there.
func (h header) has(name string) bool { return len(h.all(name)) > 0 }

// messageIDs are the ids in a field, without their brackets.
func messageIDs(value string) []string {
	var out []string
	for {
		_, rest, ok := strings.Cut(value, "<")
		if !ok {
			return out
		}
		id, after, ok := strings.Cut(rest, ">")
		if !ok {
			return out
		}
		if id = strings.TrimSpace(id); id != "" {
			out = append(out, id)
		}
		value = after
	}
}
