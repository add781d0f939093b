package api

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"net/http"
	"path"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/usherd/usher/internal/registry"
)

// maxFile is the largest file that is taken, in bytes, and fileTime how long its
// sending may take: at a megabit a second.
const (
	maxFile  = 64 << 20
	fileTime = 10 * time.Minute
)

// File is a file that a request sent, to be read as often as needed until the
// request is answered. A route takes one by a field with the tag in:"file".
type File struct {
	Name string
	Open func() (io.ReadCloser, error)
}

// Spool keeps what can be read once for as long as done is not called. It returns
// as it is what reading fails with.
type Spool func(r io.Reader) (open func() (io.ReadCloser, error), done func() error, err error)

// fileMedia are the types a file may be sent as, with the name of one that has
// none. A form has the file in its field "file".
var fileMedia = map[string]string{
	"text/csv": "people.csv",
	"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "people.xlsx",
	"application/octet-stream": "people",
	formMedia:                  "",
}

const formMedia = "multipart/form-data"

// content is what a request brings beside its address and headers.
type content struct {
	body []byte
	file *File
	// digest tells it from another in requests that have a key.
	digest []byte
	done   func() error
}

// contentOf reads what the operation takes: a document, a file, or nothing.
func (s *Server) contentOf(w http.ResponseWriter, q *request) (*content, error) {
	if !q.route.TakesFile() {
		body, err := s.bodyOf(w, q)
		return &content{body: body, digest: body, done: func() error { return nil }}, err
	}
	control, until := http.NewResponseController(w), time.Now().Add(fileTime) //nolint:forbidigo // the network keeps real time
	_ = control.SetReadDeadline(until)
	_ = control.SetWriteDeadline(until.Add(time.Minute))
	const form = 64 << 10 // what a form adds to its file
	q.Body = http.MaxBytesReader(w, q.Body, maxFile+form)
	name, r, err := sentFile(q)
	if err != nil {
		return nil, err
	}
	sum := sha256.New()
	_, _ = io.WriteString(sum, name+"\n") // a hash takes everything
	open, done, err := s.cfg.Spool(io.TeeReader(&bounded{r, maxFile}, sum))
	if err != nil {
		return nil, brokenFile(err)
	}
	return &content{file: &File{Name: name, Open: open}, digest: sum.Sum(nil), done: done}, nil
}

// sentFile is the file of a request, to be read once.
func sentFile(q *request) (name string, r io.Reader, err error) {
	media, params, _ := mime.ParseMediaType(q.Header.Get("Content-Type"))
	usual, ok := fileMedia[media]
	if !ok {
		return "", nil, refuse(registry.CodeMediaType, "the body is %q; send %s", clip(media), strings.Join(slices.Sorted(maps.Keys(fileMedia)), ", "))
	}
	if media != formMedia {
		_, said, _ := mime.ParseMediaType(q.Header.Get("Content-Disposition"))
		return cmp.Or(baseName(said["filename"]), usual), q.Body, nil
	}
	form := multipart.NewReader(q.Body, params["boundary"])
	for {
		part, err := form.NextPart()
		switch {
		case errors.Is(err, io.EOF):
			return "", nil, refuse(registry.CodeInvalidValue, "the form has no field %q with a file", "file").at("file")
		case errors.As(err, new(*http.MaxBytesError)):
			return "", nil, brokenFile(err)
		case err != nil:
			return "", nil, refuse(registry.CodeBadRequest, "the form cannot be read")
		case part.FormName() == "file":
			return cmp.Or(baseName(part.FileName()), "people"), part, nil
		}
	}
}

// baseName is a file's name without the folders that some programs send along.
func baseName(name string) string {
	if name == "" {
		return ""
	}
	return clip(path.Base(strings.ReplaceAll(name, `\`, "/")))
}

// errLongFile is a file that is larger than may be.
var errLongFile = errors.New("the file is too large")

// brokenFile says why a file did not arrive; what failed here stays what it is.
func brokenFile(err error) error {
	var long *http.MaxBytesError
	switch {
	case errors.As(err, &long), errors.Is(err, errLongFile):
		return refuse(registry.CodeTooLarge, "a file has at most %d MB; send it in pieces", maxFile>>20)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF), errors.Is(err, multipart.ErrMessageTooLarge):
		return refuse(registry.CodeBadRequest, "the file broke off")
	}
	return err
}

// bounded reads up to so many bytes, and fails beyond.
type bounded struct {
	r    io.Reader
	left int64
}

// Read implements io.Reader.
func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, errLongFile
	}
	return n, err
}

// fileField is the field of the input that is a file.
func (r *Route) fileField() (reflect.StructField, bool) {
	for _, f := range fields(r.in) {
		if f.Tag.Get("in") == "file" {
			return f, true
		}
	}
	return reflect.StructField{}, false
}

// TakesFile reports whether the route's input has a file.
func (r *Route) TakesFile() bool {
	_, takes := r.fileField()
	return takes
}

// into puts a file into a route's input.
func (c *content) into(r *Route, in reflect.Value) {
	if f, ok := r.fileField(); ok && c.file != nil {
		in.Elem().FieldByIndex(f.Index).Set(reflect.ValueOf(*c.file))
	}
}

// fileBody describes the body of a route that takes a file.
func fileBody() object {
	binary := object{"type": "string", "format": "binary"}
	media := object{}
	for name := range fileMedia {
		media[name] = object{"schema": binary}
	}
	media[formMedia] = object{"schema": object{
		"type": "object", "required": []string{"file"}, "properties": object{"file": binary},
	}}
	return object{"required": true, "content": media, "description": "The file: the body itself, named by Content-Disposition, or the field `file` of a form"}
}
