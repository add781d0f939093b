package app

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/usherd/usher/internal/source/upload"
)

// SpooledUpload is a file that came over the network, kept in a temporary file
// that has no name any more, so that it is gone however the process ends.
type SpooledUpload struct {
	UploadFile
	f *os.File
}

// SpoolUpload reads a file that can be read once, as a form sends it. One that is
// too large is a MistakeError. Close it when it was received.
func SpoolUpload(name string, r io.Reader) (_ *SpooledUpload, err error) {
	f, err := os.CreateTemp("", "usher-upload-*")
	if err != nil {
		return nil, fmt.Errorf("keep uploaded file: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close())
		}
	}()
	if err := os.Remove(f.Name()); err != nil {
		return nil, fmt.Errorf("keep uploaded file: %w", err)
	}
	n, err := io.Copy(f, io.LimitReader(r, upload.MaxSize+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("keep uploaded file: %w", err)
	case n > upload.MaxSize:
		return nil, mistake("the file is larger than %d MB; upload it in pieces", upload.MaxSize>>20)
	}
	return &SpooledUpload{f: f, UploadFile: UploadFile{Name: name, Open: func() (io.ReadCloser, error) {
		return io.NopCloser(io.NewSectionReader(f, 0, n)), nil
	}}}, nil
}

// spool is SpoolUpload for the API.
func spool(r io.Reader) (func() (io.ReadCloser, error), func() error, error) {
	f, err := SpoolUpload("", r)
	if err != nil {
		return nil, nil, err
	}
	return f.Open, f.Close, nil
}

// Close lets the file go.
func (s *SpooledUpload) Close() error { return s.f.Close() }
