package demo

import (
	"bufio"
	"bytes"
	"io"
)

// Answer handles one raw request as the server would, on a connection that is
// signed in.
func Answer(dir *Directory, raw []byte) {
	m, err := readMessage(bytes.NewReader(raw))
	if err != nil {
		return
	}
	s := &session{dir: dir, bound: true}
	_ = s.handle(m, responder{bufio.NewWriter(io.Discard), m.id})
}
