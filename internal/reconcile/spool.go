package reconcile

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"os"
	"time"

	"github.com/usherd/usher/internal/registry"
)

// record is a mapped person as it waits on disk between read and apply. Marker is
// the text of the link's stamp.
type record struct {
	Name       string              `json:"n"`
	Marker     string              `json:"m,omitempty"`
	Attributes registry.Attributes `json:"a"`
	Enabled    bool                `json:"e"`
	Kind       registry.Kind       `json:"k"`
	Department string              `json:"d,omitempty"`
	Contract   string              `json:"c,omitempty"`
	RecheckAt  time.Time           `json:"r,omitzero"`
	Protected  bool                `json:"p,omitempty"`
	Join       []string            `json:"j,omitempty"` // mapping.Person.Join
	Twin       string              `json:"t,omitempty"`
}

// errTemporary is around whatever is wrong with the temporary file.
var errTemporary = registry.Errorf("the temporary folder could not be used")

func temporary(doing string, err error) error {
	return registry.Errorf("%s: %s: %s", errTemporary, doing, err)
}

// spool keeps whole records out of memory: a temporary file that has no name any
// more as soon as it is open, so that it is gone however the process ends.
type spool struct {
	f    *os.File
	w    *bufio.Writer
	next int64
}

func newSpool(dir string) (*spool, error) {
	f, err := os.CreateTemp(dir, "usher-run-*")
	if err != nil {
		return nil, temporary("create temporary file", err)
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(temporary("unlink temporary file", err), f.Close())
	}
	return &spool{f: f, w: bufio.NewWriterSize(f, 1<<16)}, nil
}

// put appends a record and tells where it is.
func (s *spool) put(r *record) (int64, error) {
	doc, err := json.Marshal(r)
	if err != nil {
		return 0, temporary("encode record", err)
	}
	at := s.next
	var size [4]byte
	binary.BigEndian.PutUint32(size[:], uint32(len(doc))) //nolint:gosec // values are capped far below 4 GiB
	if _, err := s.w.Write(size[:]); err != nil {
		return 0, temporary("write temporary file", err)
	}
	if _, err := s.w.Write(doc); err != nil {
		return 0, temporary("write temporary file", err)
	}
	s.next += int64(len(size) + len(doc))
	return at, nil
}

// seal ends the writing.
func (s *spool) seal() error {
	if err := s.w.Flush(); err != nil {
		return temporary("write temporary file", err)
	}
	return nil
}

// get reads the record at a place that put gave.
func (s *spool) get(at int64) (*record, error) {
	if s.w.Buffered() > 0 { // still being written
		if err := s.seal(); err != nil {
			return nil, err
		}
	}
	var size [4]byte
	if _, err := s.f.ReadAt(size[:], at); err != nil {
		return nil, temporary("read temporary file", err)
	}
	doc := make([]byte, binary.BigEndian.Uint32(size[:]))
	if _, err := io.ReadFull(io.NewSectionReader(s.f, at+int64(len(size)), int64(len(doc))), doc); err != nil {
		return nil, temporary("read temporary file", err)
	}
	var r record
	if err := json.Unmarshal(doc, &r); err != nil {
		return nil, temporary("decode record", err)
	}
	return &r, nil
}

func (s *spool) close() error { return s.f.Close() }
