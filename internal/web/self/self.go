package self

import (
	"context"
	"embed"
	"io/fs"
	"net/http"
	"net/url"
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

// Access is what stands beside the password: identity providers, second
// factors, passkeys, and the audit of it. signin.Service implements it and says
// what each error means.
type Access interface {
	Doors(c registry.Company) auth.Doors
	StartProvider(ctx context.Context, c registry.Company, key, next string, tie *auth.Session) (auth.Passage, error)
	FinishProvider(ctx context.Context, c registry.Company, key, kept string, answer url.Values, present *auth.Session, client auth.Client) (auth.Arrival, error)
	AskAnyPasskey(ctx context.Context, company registry.CompanyID) (auth.PasskeyAsk, error)
	SignInPasskey(ctx context.Context, company registry.CompanyID, kept, answer string, c auth.Client) (auth.Identity, error)

	ProveCode(ctx context.Context, v auth.Session, typed string, c auth.Client) (auth.Identity, error)
	AskPasskey(ctx context.Context, v auth.Session) (auth.PasskeyAsk, error)
	ProvePasskey(ctx context.Context, v auth.Session, kept, answer string, c auth.Client) (auth.Identity, error)

	Factors(ctx context.Context, v auth.Session) (auth.Factors, error)
	StartTOTP(ctx context.Context, v auth.Session, earlier string) (auth.TOTPSetup, error)
	FinishTOTP(ctx context.Context, v auth.Session, kept, code, name string, c auth.Client) (auth.Added, error)
	StartPasskey(ctx context.Context, v auth.Session) (auth.PasskeyAsk, error)
	FinishPasskey(ctx context.Context, v auth.Session, kept, answer, name string, c auth.Client) (auth.Added, error)
	NewRecovery(ctx context.Context, v auth.Session, c auth.Client) ([]string, error)
	RemoveFactor(ctx context.Context, v auth.Session, id int64, c auth.Client) error

	SignedIn(ctx context.Context, id auth.Identity, c auth.Client) error
	SignedOut(ctx context.Context, v auth.Session, c auth.Client) error
	SessionsEnded(ctx context.Context, v auth.Session, n int, c auth.Client) error
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
	Access     Access
	People     People
	// Register says that people can make an account themselves.
	Register bool
	// CompanyOf finds the company of whoever chose a login name at registration,
	// the zero company for a name that nobody chose; nil where nobody registers.
	CompanyOf func(ctx context.Context, name string) (registry.Company, error)
}

// Mount registers the pages.
func (h *Handlers) Mount(mux *http.ServeMux) { h.Shell.Mount(mux, h.Routes()) }

// Routes are the pages with who may open them.
//
//nolint:funlen // a table: one line for each page
func (h *Handlers) Routes() []web.Route {
	open := func(pattern string, f http.HandlerFunc) web.Route {
		return web.Route{Pattern: pattern, Open: true, Serve: f}
	}
	own := func(pattern string, f http.HandlerFunc) web.Route {
		return web.Route{Pattern: pattern, Right: auth.RightSelf, Serve: f}
	}
	half := func(stage auth.Stage, pattern string, f http.HandlerFunc) web.Route {
		return web.Route{Pattern: pattern, Half: stage, Right: auth.RightSelf, Serve: f}
	}
	return []web.Route{
		open("GET /{$}", h.home),
		open("GET /login", h.chooseCompany),
		open("POST /login", h.login),
		open("GET /forgot", h.showForgot),
		open("POST /forgot", h.forgot),
		open("GET /c/{company}/login", h.showLogin),
		open("POST /c/{company}/login", h.login),
		open("POST /c/{company}/logout", h.logout),
		open("GET /c/{company}/forgot", h.showForgot),
		open("POST /c/{company}/forgot", h.forgot),
		open("GET /c/{company}/passkey", h.showPasskeySignIn),
		open("POST /c/{company}/passkey", h.passkeySignIn),
		open("GET /c/{company}/sso/{provider}", h.toProvider),
		open("GET /c/{company}/sso/{provider}/callback", h.fromProvider),
		open("GET /setup/{token}", h.followLink),
		open("GET /setup/sent", h.linkSent),
		open("POST /setup/new", h.newLink),
		open("GET /setup", h.showSetup),
		open("POST /setup", h.setup),
		half(auth.StageProve, "GET /factor", h.showProof),
		half(auth.StageProve, "POST /factor", h.proveCode),
		half(auth.StageProve, "POST /factor/passkey", h.provePasskey),
		half(auth.StageEnrol, "GET /me/factors", h.factors),
		half(auth.StageEnrol, "GET /me/factors/totp", h.showTOTP),
		half(auth.StageEnrol, "POST /me/factors/totp", h.addTOTP),
		half(auth.StageEnrol, "GET /me/factors/passkey", h.showAddPasskey),
		half(auth.StageEnrol, "POST /me/factors/passkey", h.addPasskey),
		own("POST /me/factors/recovery", h.newRecovery),
		own("POST /me/factors/{id}/remove", h.removeFactor),
		own("GET /me", h.me),
		own("GET /me/password", h.showPassword),
		own("POST /me/password", h.changePassword),
		own("POST /me/sessions/end", h.endOthers),
		own("POST /me/sessions/{id}/end", h.endOne),
		own("POST /me/tie/{provider}", h.tie),
	}
}
