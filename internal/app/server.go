package app

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/config"
	"github.com/usherd/usher/internal/jobs"
	usermail "github.com/usherd/usher/internal/mail"
	"github.com/usherd/usher/internal/onboard"
	"github.com/usherd/usher/internal/reconcile"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/store"
	"github.com/usherd/usher/internal/telemetry"
	"github.com/usherd/usher/internal/web"
	"github.com/usherd/usher/internal/web/admin"
	"github.com/usherd/usher/internal/web/register"
	"github.com/usherd/usher/internal/web/self"
)

// Server is usher as it stays: pages, queue, schedules, mail. New binds the
// addresses, Start serves, Stop ends everything that was started, the last
// first.
type Server struct {
	*Core
	patience            Patience
	listener, telemetry net.Listener
	mail                net.Listener // where mail is taken, nil for nowhere
	queue               *jobs.Queue
	drainer             *usermail.Drainer
	hasher              *auth.Hasher
	registrar           *onboard.Registrar
	stops               []stop
	// state is how far this process is in its life, a telemetry.State.
	state atomic.Int32
	// mailTrouble is what the mail server's trouble was last, as a string.
	mailTrouble atomic.Value
	// closing is closed when pages that stay open have to end.
	closing chan struct{}
	// failed gets the reason why this process cannot go on.
	failed chan error
}

// stop is how one started thing ends.
type stop struct {
	name string
	fn   func(context.Context) error
}

// onStop registers how something that was just started ends.
func (s *Server) onStop(name string, fn func(context.Context) error) {
	s.stops = append(s.stops, stop{name, fn})
}

// New opens the registry and binds the addresses, so that Addr is known and a
// taken port fails here.
func New(ctx context.Context, cfg *config.Config, o Options) (_ *Server, err error) {
	o.Serve = true
	core, err := Open(ctx, cfg, o)
	if err != nil {
		return nil, err
	}
	s := &Server{Core: core, patience: o.Patience.withDefaults(), failed: make(chan error, 1), closing: make(chan struct{})}
	s.metrics = s.newMetrics(o.Version)
	s.onStop("registry", func(context.Context) error { return core.Close() })
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Stop(context.WithoutCancel(ctx)))
		}
	}()
	if s.listener, err = s.listen("listen", cfg.Listen); err != nil {
		return nil, err
	}
	if cfg.Telemetry != "" {
		if s.telemetry, err = s.listen("telemetry", cfg.Telemetry); err != nil {
			return nil, err
		}
	}
	if err = s.listenMail(); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *Server) listen(setting, address string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", setting, err)
	}
	s.onStop(setting, func(context.Context) error {
		if err := l.Close(); !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	})
	return l, nil
}

// Addr is where the pages are served.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// TelemetryAddr is where health and metrics are served, "" for nowhere.
func (s *Server) TelemetryAddr() string {
	if s.telemetry == nil {
		return ""
	}
	return s.telemetry.Addr().String()
}

// Start serves and works until Stop. The context bounds the starting only.
func (s *Server) Start(ctx context.Context) error {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s.onStop("work", func(context.Context) error { cancel(); return nil })
	if s.telemetry != nil { // first, to be there until the end
		s.serve("telemetry", s.telemetry, s.health().Handler(), config.TLS{})
	}
	service, err := s.onboarding()
	if err != nil {
		return err
	}
	s.background(work, "onboarding", service.Run)
	s.background(work, "sign of life", s.showLife)
	if s.drainer, err = s.newDrainer(); err != nil {
		return err
	}
	if err := s.startHooks(work); err != nil {
		return err
	}
	handler, err := s.handler(work, service)
	if err != nil {
		return err
	}
	s.serve("pages", s.listener, handler, s.Config.TLS)
	s.onStop("live pages", func(context.Context) error { close(s.closing); return nil })
	if err := s.serveMail(); err != nil {
		return err
	}
	s.state.Store(telemetry.Serving) // requests need no queue
	return s.startQueue(ctx, work)
}

// startQueue begins the schedules and the queued work.
func (s *Server) startQueue(ctx, work context.Context) error {
	var err error
	s.queue, err = jobs.New(jobs.Config{
		DB: s.Store.WriteDB(), Postgres: s.Store.Postgres(), Sources: dueSources{s.Core}, Now: s.Now, Log: s.Log,
		Work: jobs.Work{
			RunSource: s.runQueued,
			Regular:   s.regular(),
		},
	})
	if err != nil {
		return err
	}
	if err := s.queue.Start(work); err != nil {
		return err
	}
	s.onStop("queue", s.queue.Stop)
	return ctx.Err()
}

// regular is the work that comes round, beside the schedules of sources.
func (s *Server) regular() []jobs.Regular {
	const long = 10 * time.Minute
	return append(s.notices(), []jobs.Regular{
		{Name: "mail_drain", Every: 5 * time.Second, Timeout: long, Do: s.drainMail},
		{Name: "uploads", Every: 5 * time.Second, Do: s.queueUploads},
		{Name: "sweep", Every: time.Hour, Timeout: long, Do: func(ctx context.Context) error {
			return s.Store.Sweep(ctx, s.Now(), s.Config.RetentionOf)
		}},
		{Name: "graces", Every: time.Hour, Timeout: long, Do: s.endGraces},
		{Name: "contact_care", Every: time.Hour, Timeout: long, Do: s.careForContacts},
		{Name: "registrations", Every: 5 * time.Second, Timeout: long, Do: s.workRegistrations},
		{Name: "registrations_sweep", Every: time.Hour, Timeout: long, Do: s.sweepRegistrations},
	}...)
}

// background runs something until Stop.
func (s *Server) background(ctx context.Context, name string, fn func(context.Context)) {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { fn(ctx) })
	s.onStop(name, func(context.Context) error {
		cancel()
		wg.Wait()
		return nil
	})
}

// showLife keeps this process on the list of the living.
func (s *Server) showLife(ctx context.Context) {
	tick := time.NewTicker(15 * time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			err := s.Store.Alive(ctx, s.process.Name)
			if errors.Is(err, registry.ErrNotFound) { // it was silent too long: a suspended machine, a database that was away
				err = s.Store.Announce(ctx, s.process)
			}
			switch {
			case errors.Is(err, store.ErrOtherConfig):
				s.fail(err)
			case err != nil && ctx.Err() == nil:
				s.Log.WarnContext(ctx, "show sign of life", "error", err)
			}
		}
	}
}

// Failed gives the reason when the server cannot go on and has to be stopped.
func (s *Server) Failed() <-chan error { return s.failed }

func (s *Server) fail(err error) {
	select {
	case s.failed <- err:
	default: // the first reason is enough
	}
}

// dueSources adapts the store to the queue.
type dueSources struct{ *Core }

func (d dueSources) DueSources(ctx context.Context, now time.Time) ([]registry.Source, error) {
	return d.Store.DueSources(ctx, now)
}

func (d dueSources) WaitingSources(ctx context.Context, now time.Time) ([]registry.Source, error) {
	return d.Store.WaitingSources(ctx, now)
}

func (d dueSources) AbandonedSources(ctx context.Context) ([]registry.Source, error) {
	return d.Store.AbandonedSources(ctx)
}

func (d dueSources) TakeDue(ctx context.Context, src registry.Source, next time.Time, then func(*sql.Tx) error) (bool, error) {
	return d.Store.For(src.Company).TakeDue(ctx, src.ID, src.NextDue, next, then)
}

// runQueued does a run that the schedule or a button asked for.
func (s *Server) runQueued(ctx context.Context, key, trigger string) error {
	if company := registry.UploadCompany(key); company != "" {
		return s.applyConfirmed(ctx, company)
	}
	run, err := s.RunSource(ctx, key, reconcile.Request{Mode: registry.ModeRun, Trigger: trigger})
	if err != nil {
		return err
	}
	if ctx.Err() != nil && run.State == registry.RunFailed {
		return ctx.Err() // cut off by the end of this process: the queue hands it to the next
	}
	s.Log.InfoContext(ctx, "run ended", "source", key, "run", run.Number, "state", run.State, "changes", run.Counts.Changes(),
		"failed", run.Counts.Failed, "conflicts", run.Counts.Conflicts)
	return nil
}

// RunSoon queues a run of a source, as its schedule would.
func (s *Server) RunSoon(ctx context.Context, key, trigger string) error {
	if _, err := s.source(key); err != nil {
		return err
	}
	return s.queue.Run(ctx, key, trigger)
}

// handler is everything served to people and programs.
func (s *Server) handler(work context.Context, service *onboard.Service) (http.Handler, error) {
	public, err := url.Parse(s.Config.PublicURL)
	if err != nil {
		return nil, fmt.Errorf("public_url: %w", err)
	}
	shell, err := web.New(web.Config{
		PublicURL: public, Sessions: s.Store, People: auth.DefaultPeopleLife(), Admins: auth.DefaultAdminLife(),
		Factor:   s.Config.SecondFactor != config.FactorOptional,
		ClientIP: clientIP(s.Config.TrustedProxies), Now: s.Now, NewRequestID: newID, Log: s.Log,
	}, self.Files(), self.EntryFiles(), register.Files(), admin.Files())
	if err != nil {
		return nil, err
	}
	pages := http.NewServeMux()
	if err := s.mountRegistration(pages, shell, service); err != nil {
		return nil, err
	}
	open := s.Config.Registration
	(&self.Handlers{
		Shell: shell, Onboarding: service, Access: s.Access, People: s.Store, Register: open.Users || open.Staff, CompanyOf: s.companyOfLogin,
	}).Mount(pages)
	door, err := s.scim(public)
	if err != nil {
		return nil, err
	}
	s.background(work, "SCIM request log", door.Run)
	root := http.NewServeMux()
	root.Handle("/", shell.Handler(pages))
	door.MountOAuth(root)
	desk, err := s.api(work, root)
	if err != nil {
		return nil, err
	}
	(&admin.Handlers{Shell: shell, Desks: consoles{desk}, Log: s.Log, Closing: s.closing}).Mount(pages)
	s.mountTeams(root)
	return s.requests().Handler(mountSCIM(root, renewing(door, s.patience.Write))), nil
}

// serve answers on a listener until Stop, which lets running requests end.
func (s *Server) serve(name string, l net.Listener, h http.Handler, tls config.TLS) {
	srv := &http.Server{
		Handler: h, ReadHeaderTimeout: s.patience.Header, ReadTimeout: s.patience.Read, WriteTimeout: s.patience.Write, IdleTimeout: s.patience.Idle,
		MaxHeaderBytes: 64 << 10, ErrorLog: slog.NewLogLogger(s.Log.Handler(), slog.LevelWarn),
	}
	go func() {
		var err error
		if tls.CertFile != "" {
			err = srv.ServeTLS(l, tls.CertFile, tls.KeyFile)
		} else {
			err = srv.Serve(l)
		}
		if !errors.Is(err, http.ErrServerClosed) {
			s.fail(fmt.Errorf("serve %s: %w", name, err))
		}
	}()
	s.onStop("serve "+name, srv.Shutdown)
}

// Stop ends everything that was started, the last first. Work that does not end
// before ctx does is cut off; it goes on where it was at the next start.
func (s *Server) Stop(ctx context.Context) error {
	s.state.Store(telemetry.Draining)
	var errs []error
	for i := len(s.stops) - 1; i >= 0; i-- {
		if err := s.stops[i].fn(ctx); err != nil {
			errs = append(errs, fmt.Errorf("stop %s: %w", s.stops[i].name, err))
		}
	}
	s.stops = nil
	return errors.Join(errs...)
}
