package self

import (
	"context"
	"embed"
	"io/fs"
	"net/http"
	"time"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/web"
)

// Onboarding decides. onboard.Service implements it and says what each error
// means.
type Onboarding interface {
	Open(ctx context.Context, token string) (auth.LinkView, error)
	Complete(ctx context.Context, token, password string) (auth.Identity, error)
	RequestNew(ctx context.Context, token string, c auth.Client)
	Forgot(ctx context.Context, company registry.CompanyID, name string, c auth.Client)
	SignIn(ctx context.Context, company registry.CompanyID, name, password string, c auth.Client) (auth.Identity, error)
	ChangePassword(ctx context.Context, id auth.Identity, present, wanted string) (auth.Identity, error)
}

// People tells what is known. Missing records are registry.ErrNotFound.
type People interface {
	// CompanyByKey finds a living company by its key.
	CompanyByKey(ctx context.Context, key string) (registry.Company, error)
	// Profile gathers what is known of a living person.
	Profile(ctx context.Context, company registry.CompanyID, user registry.UserID) (Profile, error)
}

// Profile is what is known of a person and who said so.
type Profile struct {
	User registry.User
	// Values are the person's attributes that have a value, in any order.
	Values []Value
	// Groups are the person's direct groups, by name.
	Groups []Group
}

// Value is one attribute with where it came from.
type Value struct {
	Attribute string // a registry.Attr constant
	Values    []string
	Origin    registry.Origin // zero where nobody recorded it
	Since     time.Time       // when the value became this; zero if unknown
}

// Group is a group the person is in, with the origins that say so.
type Group struct {
	Name    string
	Origins []registry.Origin
	Since   time.Time // the first of them to say so; zero if unknown
}

//go:embed templates/*.html
var templateFiles embed.FS

//go:embed locales/*.json
var localeFiles embed.FS

// Files are the templates and words of these pages, for web.New.
func Files() web.Pages {
	return web.Pages{Templates: folder(templateFiles, "templates"), Locales: folder(localeFiles, "locales")}
}

func folder(f embed.FS, dir string) fs.FS {
	out, err := fs.Sub(f, dir)
	if err != nil {
		panic(err) // the name is a constant: only an invalid one fails
	}
	return out
}

// Handlers are the pages. Ports are required.
type Handlers struct {
	*web.Shell
	Onboarding Onboarding
	People     People
	// Register says that people can make an account themselves.
	Register bool
	// CompanyOf finds the company of whoever chose a login name at registration,
	// the zero company for a name that nobody chose; nil where nobody registers.
	CompanyOf func(ctx context.Context, name string) (registry.Company, error)
}

// Mount registers the pages.
func (h *Handlers) Mount(mux *http.ServeMux) {
	for pattern, f := range map[string]http.HandlerFunc{
		"GET /{$}":                 h.home,
		"GET /login":               h.chooseCompany,
		"POST /login":              h.login,
		"GET /forgot":              h.showForgot,
		"POST /forgot":             h.forgot,
		"GET /c/{company}/login":   h.showLogin,
		"POST /c/{company}/login":  h.login,
		"POST /c/{company}/logout": h.logout,
		"GET /c/{company}/forgot":  h.showForgot,
		"POST /c/{company}/forgot": h.forgot,
		"GET /setup/{token}":       h.followLink,
		"GET /setup/sent":          h.linkSent,
		"POST /setup/new":          h.newLink,
		"GET /setup":               h.showSetup,
		"POST /setup":              h.setup,
		"GET /me":                  h.me,
		"GET /me/password":         h.showPassword,
		"POST /me/password":        h.changePassword,
		"POST /me/sessions/end":    h.endOthers,
	} {
		mux.HandleFunc(pattern, f)
	}
}
