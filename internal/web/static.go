package web

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
)

// staticPath is where static files are served.
const staticPath = "/static/"

// static serves embedded files under names that hold their content's hash, so
// that browsers may keep them for ever and a new version is fetched at once.
type static struct {
	urls  map[string]string // plain name → URL path
	files map[string][]byte // URL path → content
}

func hashStatic(files fs.FS) (static, error) {
	s := static{urls: map[string]string{}, files: map[string][]byte{}}
	entries, err := fs.ReadDir(files, ".")
	if err != nil {
		return s, fmt.Errorf("list static files: %w", err)
	}
	for _, e := range entries {
		raw, err := fs.ReadFile(files, e.Name())
		if err != nil {
			return s, fmt.Errorf("read static file: %w", err)
		}
		ext := path.Ext(e.Name())
		sum := sha256.Sum256(raw)
		url := fmt.Sprintf("%s%s.%x%s", staticPath, strings.TrimSuffix(e.Name(), ext), sum[:8], ext)
		s.urls[e.Name()], s.files[url] = url, raw
	}
	return s, nil
}

// url names a static file; an unknown one is a broken template.
func (s static) url(name string) (string, error) {
	if u, ok := s.urls[name]; ok {
		return u, nil
	}
	return "", fmt.Errorf("no static file %q", name)
}

// serve answers a request for a static file and reports whether there is one.
func (s static) serve(w http.ResponseWriter, r *http.Request) bool {
	raw, ok := s.files[r.URL.Path]
	if !ok || (r.Method != http.MethodGet && r.Method != http.MethodHead) {
		return false
	}
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	http.ServeContent(w, r, path.Base(r.URL.Path), time.Time{}, bytes.NewReader(raw))
	return true
}
