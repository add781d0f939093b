package api_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"

	"github.com/usherd/usher/internal/api"
	"github.com/usherd/usher/internal/registry"
)

// ReceiveUpload implements api.Uploads.
func (d *desk) ReceiveUpload(_ context.Context, _ *api.Who, in api.ReceiveUploadInput) (api.Upload, error) {
	r, err := in.File.Open()
	if err != nil {
		return api.Upload{}, err
	}
	content, err := io.ReadAll(r)
	d.files = append(d.files, strings.Join(append([]string{in.File.Name, string(content), in.Key}, in.Map...), "|"))
	return api.Upload{ID: "u1", File: in.File.Name, Format: "csv", Size: int64(len(content)), State: "received", Mail: "send"}, errors.Join(err, r.Close())
}

// form is a form with a file.
func form(t *testing.T, field, name, content string) (string, map[string]string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	part, err := w.CreateFormFile(field, name)
	if err == nil {
		_, err = io.WriteString(part, content)
	}
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return b.String(), map[string]string{"Content-Type": w.FormDataContentType()}
}

// TestFiles: a file comes as the body or in a form, under the name it is given, and
// what is no file, too large or broken off is refused.
func TestFiles(t *testing.T) {
	w := newWorld(t).start()
	asForm, formHeader := form(t, "file", `C:\people\new.csv`, "a;b")
	other, otherHeader := form(t, "other", "new.csv", "a;b")
	csv := func(more ...string) map[string]string {
		h := map[string]string{"Content-Type": "text/csv; charset=utf-8"}
		for i := 0; i+1 < len(more); i += 2 {
			h[more[i]] = more[i+1]
		}
		return h
	}
	for name, c := range map[string]struct {
		query, body string
		header      map[string]string
		status      int
		got         string
	}{
		"body":         {"", "a;b", csv(), 201, "people.csv|a;b|"},
		"named":        {"", "a;b", csv("Content-Disposition", `attachment; filename="../new.csv"`), 201, "new.csv|a;b|"},
		"named beyond": {"", "a;b", csv("Content-Disposition", "attachment; filename*=UTF-8''%D0%BB%D1%8E%D0%B4%D0%B8.csv"), 201, "люди.csv|a;b|"},
		"choices":      {"?key=emails&map=Mail%3Demails&map=Notes%3D-", "a;b", csv(), 201, "people.csv|a;b|emails|Mail=emails|Notes=-"},
		"form":         {"", asForm, formHeader, 201, "new.csv|a;b|"},
		"no file":      {"", other, otherHeader, 422, "invalid_value"},
		"cut off":      {"", asForm[:len(asForm)-20], formHeader, 400, "bad_request"},
		"no boundary":  {"", "x", map[string]string{"Content-Type": "multipart/form-data"}, 400, "bad_request"},
		"a document":   {"", "{}", nil, 415, "unsupported_media_type"},
		"too large":    {"", strings.Repeat("x", 64<<20+1), csv(), 413, "too_large"},
		"reader":       {"", "a;b", csv("Authorization", "Bearer reader"), 403, "forbidden"},
		"wrong choice": {"?mail=twice", "a;b", csv(), 400, "bad_request"},
	} {
		t.Run(name, func(t *testing.T) {
			w.t, w.desk.files = t, nil
			res, body := w.do(http.MethodPost, "/uploads"+c.query, c.body, c.header)
			if res.StatusCode != c.status {
				t.Fatalf("%d %s", res.StatusCode, body)
			}
			if c.status == http.StatusCreated {
				if got := strings.Join(w.desk.files, " "); got != c.got || res.Header.Get("Location") != api.Base+"/uploads/u1" {
					t.Errorf("got %q, at %s", got, res.Header.Get("Location"))
				}
			} else if got := problem(t, body).Code; got != c.got || len(w.desk.files) > 0 {
				t.Errorf("%s, and received %v", got, w.desk.files)
			}
		})
	}
}

// TestFileOnce: a file sent twice with one key is received once, another with it is
// refused.
func TestFileOnce(t *testing.T) {
	w := newWorld(t).start()
	send := func(body string) *http.Response {
		res, _ := w.do(http.MethodPost, "/uploads", body, map[string]string{"Content-Type": "text/csv", "Idempotency-Key": "one"})
		return res
	}
	first, again, other := send("a;b"), send("a;b"), send("a;c")
	if first.StatusCode != 201 || again.StatusCode != 201 || again.Header.Get("Idempotent-Replayed") != "true" || other.StatusCode != 422 || len(w.desk.files) != 1 {
		t.Errorf("%d, %d, %d: %v", first.StatusCode, again.StatusCode, other.StatusCode, w.desk.files)
	}
	if n := len(w.records.deeds); n == 0 || w.records.deeds[n-1].Outcome != string(registry.CodeKeyReused) {
		t.Errorf("deeds: %+v", w.records.deeds)
	}
}

// inMemory is an api.Spool.
func inMemory(r io.Reader) (func() (io.ReadCloser, error), func() error, error) {
	content, err := io.ReadAll(r)
	return func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil }, func() error { return nil }, err
}
