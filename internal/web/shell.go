package web

import (
	"embed"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/usherd/usher/internal/auth"
)

// Config is what the frame works with; all fields are required.
type Config struct {
	// PublicURL is where people reach usher. Its scheme says whether cookies
	// are bound to TLS, its origin is trusted for forms behind a proxy that
	// rewrites Host. No link is built from a request.
	PublicURL *url.URL
	Sessions  auth.SessionStore
	// People and Admins are the lives of their sessions.
	People, Admins auth.Life
	// Factor is true when whoever has rights must show a second factor.
	Factor bool
	// ClientIP tells the client's address, trusted proxies considered.
	ClientIP func(*http.Request) netip.Addr
	Now      func() time.Time
	// NewRequestID names a request for the log and for the person who reports
	// a failure.
	NewRequestID func() string
	Log          *slog.Logger
}

// Pages is what a folder of pages brings: templates (*.html, each defining
// "content", named by their file) and words (<language>.json).
type Pages struct {
	Templates fs.FS
	Locales   fs.FS
}

// Shell is the frame of the pages.
type Shell struct {
	cfg       Config
	words     *catalogue
	templates templates
	static    static
	// bodies are the sizes of the forms that may be larger, by pattern.
	bodies map[string]int64
	// Sessions begin and end here.
	Sessions *auth.Sessions
}

//go:embed templates/*.html
var templateFiles embed.FS

//go:embed locales/*.json
var localeFiles embed.FS

//go:embed static
var staticFiles embed.FS

// Files are the frame's own templates and words.
func Files() Pages {
	return Pages{Templates: sub(templateFiles, "templates"), Locales: sub(localeFiles, "locales")}
}

// sub opens a folder that was embedded under a constant name.
func sub(f embed.FS, dir string) fs.FS {
	out, err := fs.Sub(f, dir)
	if err != nil {
		panic(err) // the name is a constant: only an invalid one fails
	}
	return out
}

// New builds the frame around the pages. It fails on a template that does not
// parse or a catalogue that does not load.
func New(cfg Config, pages ...Pages) (*Shell, error) {
	if cfg.PublicURL == nil || cfg.PublicURL.Host == "" {
		return nil, errors.New("pages need the public URL")
	}
	all := append([]Pages{Files()}, pages...)
	words, err := loadCatalogue(all)
	if err != nil {
		return nil, err
	}
	files, err := hashStatic(sub(staticFiles, "static"))
	if err != nil {
		return nil, err
	}
	s := &Shell{cfg: cfg, words: words, static: files, bodies: map[string]int64{}}
	if s.templates, err = parseTemplates(all, words, files); err != nil {
		return nil, err
	}
	s.Sessions = auth.NewSessions(auth.SessionConfig{
		Secure: s.Secure(), People: cfg.People, Admins: cfg.Admins, Factor: cfg.Factor, Failed: s.Fail, Now: cfg.Now, Log: cfg.Log,
	}, cfg.Sessions)
	return s, nil
}

// Secure reports whether people come over TLS.
func (s *Shell) Secure() bool { return s.cfg.PublicURL.Scheme == "https" }

// Now is the frame's clock.
func (s *Shell) Now() time.Time { return s.cfg.Now() }

// Client says where a request came from.
func (s *Shell) Client(r *http.Request) auth.Client {
	return auth.Client{Address: s.cfg.ClientIP(r), Agent: r.UserAgent(), Request: requestID(r.Context())}
}
