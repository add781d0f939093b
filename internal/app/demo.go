package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"text/template"
	"time"

	"github.com/usherd/usher/internal/config"
	"github.com/usherd/usher/internal/demo"
	"github.com/usherd/usher/internal/demo/tenant"
	"github.com/usherd/usher/internal/mailcatcher"
	"github.com/usherd/usher/internal/reconcile"
	"github.com/usherd/usher/internal/registry"
)

// Demo is usher with everything it needs on this machine: a sample directory, a
// mailbox that catches every mail, and buttons that turn the directory's days.
type Demo struct {
	*Server
	// ConfigFile is the configuration it runs with; commands beside it use it.
	ConfigFile string
	// Mailbox is where the mails and the buttons are.
	Mailbox string
	// Program is how commands are called, for the lines to try.
	Program string

	tenant    *tenant.Tenant
	directory *demo.Directory
	ldap      *demo.Server
	catcher   *mailcatcher.Catcher
	settings  demo.Settings

	mu       sync.Mutex
	happened []string
}

// The demo's preferred addresses; a taken one gives way to a free one.
const (
	demoPages   = "127.0.0.1:8080"
	demoHealth  = "127.0.0.1:9090"
	demoMailbox = "127.0.0.1:8025"
	demoSMTP    = "127.0.0.1:2525"
	demoLDAP    = "127.0.0.1:3890"
	demoSeed    = 7
	demoAdmin   = "admin"
)

// NewDemo builds the demo in a folder. Stop ends it.
func NewDemo(ctx context.Context, dir, program string, log *slog.Logger) (_ *Demo, err error) {
	d := &Demo{Program: program, settings: demo.SampleSettings(), ConfigFile: filepath.Join(dir, "usher.yaml")}
	var stops []stop
	defer func() {
		if err != nil {
			for _, s := range stops {
				err = errors.Join(err, s.fn(context.WithoutCancel(ctx)))
			}
		}
	}()
	ldapListener, err := listenNear(demoLDAP)
	if err != nil {
		return nil, err
	}
	d.directory = demo.New(demoSeed, time.Now())
	d.ldap = demo.Serve(ldapListener, d.directory)
	stops = append(stops, stop{"directory", func(context.Context) error { return d.ldap.Close() }})
	tenantStop, err := d.startTenant(dir)
	if err != nil {
		return nil, err
	}
	stops = append(stops, tenantStop)
	smtp, err := listenNear(demoSMTP)
	if err != nil {
		return nil, err
	}
	d.catcher = mailcatcher.Start(smtp, mailcatcher.Options{})
	stops = append(stops, stop{"mailbox", func(context.Context) error { return d.catcher.Close() }})
	cfg, err := d.configure(dir)
	if err != nil {
		return nil, err
	}
	if d.Server, err = New(ctx, cfg, Options{Log: log, Version: "demo", Synchronous: "NORMAL"}); err != nil {
		return nil, err
	}
	d.stops = append(stops, d.stops...)
	return d, nil
}

// listenNear takes an address, or any free port where it is taken.
func listenNear(address string) (net.Listener, error) {
	if l, err := net.Listen("tcp", address); err == nil {
		return l, nil
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	return l, nil
}

// freeNear is an address that could be taken a moment ago.
func freeNear(address string) (string, error) {
	l, err := listenNear(address)
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// configure writes the file that a real installation would have, and loads it.
func (d *Demo) configure(dir string) (*config.Config, error) {
	pages, err := freeNear(demoPages)
	if err != nil {
		return nil, err
	}
	health, err := freeNear(demoHealth)
	if err != nil {
		return nil, err
	}
	var doc bytes.Buffer
	err = demoConfig.Execute(&doc, map[string]any{
		"Pages": pages, "Health": health, "Database": "sqlite:" + filepath.Join(dir, "usher.db"),
		"SMTP": "smtp://" + d.catcher.Addr(), "LDAP": d.ldap.URL(), "S": d.settings, "Entra": d.tenantValues(),
	})
	if err != nil {
		return nil, fmt.Errorf("write demo configuration: %w", err)
	}
	if err := os.WriteFile(d.ConfigFile, doc.Bytes(), 0o600); err != nil {
		return nil, fmt.Errorf("write demo configuration: %w", err)
	}
	return config.Load(d.ConfigFile, func(string) (string, bool) { return "", false })
}

// demoConfig is the file a real installation would have. Quoted strings are
// written as Go quotes them, which YAML's double quotes understand.
var demoConfig = template.Must(template.New("usher.yaml").Parse(`# Written by usher demo.
listen: {{.Pages}}
telemetry: {{.Health}}
public_url: http://{{.Pages}}
database: {{printf "%q" .Database}}
mail:
  smtp: {{.SMTP}}
  from: {{printf "%q" (printf "%s Helpdesk <helpdesk@acme.example>" .S.CompanyName)}}
# A second step is optional here, so that the demo can be walked through.
second_factor: optional
companies:
  {{.S.CompanyKey}}: {name: {{printf "%q" .S.CompanyName}}, locale: {{.S.CompanyLocale}}}
sources:
  {{.S.SourceName}}:
    company: {{.S.CompanyKey}}
    kind: ldap
    url: {{.LDAP}}
    bind_dn: {{printf "%q" .S.BindDN}}
    bind_password: {{printf "%q" .S.BindPassword}}
    schedule: "CRON_TZ=Europe/Rome 30 2 * * *"
    users:
      base: {{printf "%q" .S.UsersBase}}
      filter: {{printf "%q" .S.UsersFilter}}
      attributes:
{{- range $name, $expression := .S.Attributes}}
        {{$name}}: {{printf "%q" $expression}}
{{- end}}
    groups:
      base: {{printf "%q" .S.GroupsBase}}
      filter: {{printf "%q" .S.GroupsFilter}}
      nested: flatten
{{template "entra" .Entra}}` + demoEntraConfig))

// Start serves, runs the first sync and makes an admin, who finds a set-up mail
// in the mailbox like everybody else.
func (d *Demo) Start(ctx context.Context) (*registry.Run, error) {
	if err := d.Server.Start(ctx); err != nil {
		return nil, err
	}
	l, err := listenNear(demoMailbox)
	if err != nil {
		return nil, err
	}
	d.Mailbox = "http://" + l.Addr().String()
	d.serve("mailbox", l, d.mailbox(), config.TLS{})
	company, err := d.Company(ctx, d.settings.CompanyKey)
	if err != nil {
		return nil, err
	}
	_, err = d.CreateUser(ctx, company.ID, "demo", NewUser{
		UserName: demoAdmin, Email: demoAdmin + "@acme.example", GivenName: "Ada", FamilyName: "Admin", Locale: "en",
		Kind: registry.SupportStaff, Admin: true,
	})
	if err != nil && registry.CodeOf(err) != registry.CodeUserNameTaken {
		return nil, err
	}
	first, err := d.RunSource(ctx, d.settings.SourceName, reconcile.Request{Mode: registry.ModeRun, Trigger: "manual", Actor: "demo"})
	if err != nil {
		return nil, err
	}
	_, err = d.RunSource(ctx, demoEntra, reconcile.Request{Mode: registry.ModeRun, Trigger: "manual", Actor: "demo"})
	return first, err
}

// PagesURL is where the demo's pages are.
func (d *Demo) PagesURL() string { return d.Config.PublicURL }

// SignInURL is where the sample company's people sign in.
func (d *Demo) SignInURL() string {
	return d.Config.PublicURL + "/c/" + d.settings.CompanyKey + "/login"
}

// ConsoleURL is where the admin sees what runs did.
func (d *Demo) ConsoleURL() string { return d.Config.PublicURL + "/admin" }

// Admin is the userName of the admin the demo made.
func (d *Demo) Admin() string { return demoAdmin }

// SourceName is the sample directory's name as a source.
func (d *Demo) SourceName() string { return d.settings.SourceName }

// Commands are lines to try beside the running demo.
func (d *Demo) Commands() []string {
	at := fmt.Sprintf("%s -c %s ", d.Program, d.ConfigFile)
	n := d.settings.SourceName
	return []string{
		at + "source test " + n, at + "sync preview " + n, at + "sync run " + n, at + "sync runs", at + "sync show 1",
		at + "source test " + demoEntra, at + "sync preview " + demoEntra,
		at + "user show " + demoAdmin, at + "mail list", at + "connection create --name okta",
	}
}

// mailbox is the page with the mails and the buttons.
func (d *Demo) mailbox() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", d.catcher.Handler(mailcatcher.Page{
		Title: "usher demo: mailbox and directory",
		Intro: fmt.Sprintf("Every mail that usher sends in this demo ends here. The sample directory has %d people and %d groups; a tenant of Entra ID stands beside it.",
			d.directory.People(), d.directory.Groups()),
		Buttons: []mailcatcher.Button{
			{Label: "Next day", Path: "/day/next", Hint: "Hires, leavers and renames happen in the directory and the tenant, then a run of each"},
			{Label: "Bad day", Path: "/day/bad", Hint: "Most people vanish from the directory, then a run that the guard holds", Danger: true},
			{Label: "Recover", Path: "/day/recover", Hint: "Everybody is back in the directory, then a run"},
			{Label: "Run now", Path: "/day/run", Hint: "Run both as they stand"},
		},
		Notes: []mailcatcher.Note{
			{Title: "Sign in", Text: "Follow the link in the admin's mail (or anybody's), set a password, and you are in.",
				Links: []mailcatcher.Link{{Label: "The admin's mail", URL: "./?q=" + demoAdmin + "%40"}, {Label: "Sign-in page", URL: d.SignInURL()}}},
			{Title: "On the command line", Text: "These work beside the running demo:", Commands: d.Commands()},
		},
		State: d.state,
	}))
	next := func() []string { return append(d.directory.NextDay(), d.tenant.NextDay()...) }
	for path, fn := range map[string]func() []string{
		"next": next, "bad": d.directory.BadDay, "recover": d.directory.Recover, "run": func() []string { return nil },
	} {
		mux.HandleFunc("POST /day/"+path, func(w http.ResponseWriter, r *http.Request) { d.day(w, r, fn) })
	}
	return http.NewCrossOriginProtection().Handler(mux)
}

// day lets something happen in the directories and runs both.
func (d *Demo) day(w http.ResponseWriter, r *http.Request, fn func() []string) {
	happened := append(fn(), d.runBoth(r.Context())...)
	d.mu.Lock()
	d.happened = happened
	d.mu.Unlock()
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// words tells how a run ended.
func (d *Demo) words(r *registry.Run) []string {
	out := []string{fmt.Sprintf("Run %d of %s is %s: %s.", r.Number, r.SourceKey, r.State, CountWords(r.Counts))}
	if r.State == registry.RunHeld {
		at := fmt.Sprintf("%s -c %s sync ", d.Program, d.ConfigFile)
		out = append(out, "The guard holds it: "+r.Message.String()+". Look at it and decide:")
		for _, command := range []string{"show %d", "approve %d --note 'they left'", "reject %d --note 'a mistake'"} {
			out = append(out, "$ "+at+fmt.Sprintf(command, r.Number))
		}
	}
	return out
}

func (d *Demo) state() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.happened
}
