package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/usherd/usher/internal/address"
	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/config"
	"github.com/usherd/usher/internal/intake"
	usermail "github.com/usherd/usher/internal/mail"
	"github.com/usherd/usher/internal/onboard"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/store"
)

// Encounter is somebody who turned up without signing in, Met who it was.
type (
	Encounter = registry.Encounter
	Met       = registry.Met
)

// buildContacts makes what people without an account are met by.
func (c *Core) buildContacts() error {
	c.Contacts = onboard.NewContacts(c.Registry, func(id registry.CompanyID) onboard.Doors { return c.Store.For(id) }, c.entraOrigins)
	var err error
	c.Mailroom, err = intake.NewMailroom(c, func(id registry.CompanyID) intake.Notes { return notes{c.Store.For(id), c.Contacts, id} },
		c.intakeSettings(), c.Now, c.Log)
	if err != nil {
		return c.Config.Fault("intake", err.Error(), "")
	}
	return nil
}

// notes is intake.Notes, with the doors that were opened before.
type notes struct {
	*store.Tenant
	contacts *onboard.Contacts
	company  registry.CompanyID
}

// EnsureOrigin implements intake.Notes.
func (n notes) EnsureOrigin(ctx context.Context, kind registry.OriginKind, _ string) (registry.Origin, error) {
	return n.contacts.Door(ctx, n.company, kind)
}

// intakeSettings are the file's, with what follows from other settings.
func (c *Core) intakeSettings() intake.Settings {
	in := c.Config.Intake
	s := intake.Settings{
		Recipients: in.Recipients, AuthServers: in.AuthservIDs, Idless: in.IdlessMailboxes, Own: slices.Clone(in.OwnAddresses),
		OwnDomains: slices.Clone(in.OwnDomains), Forwarders: in.Forwarders,
		Sender: perSender(in.PerSender, intake.DefaultSender()), Thread: perSender(in.PerThread, intake.DefaultThread()),
	}
	if from, err := usermail.ParseFrom(c.Config.Mail.From); err == nil {
		if a, err := address.Parse(from.Address); err == nil {
			s.Own = append(s.Own, a.String())
		}
	}
	// Every mail of ours has this on the right side of its Message-ID.
	if domain, err := address.Domain(messageDomain(c.Config)); err == nil {
		s.OwnDomains = append(s.OwnDomains, domain)
	}
	return s
}

// perSender is a ceiling of the file, or the default.
func perSender(r config.Rate, otherwise auth.Rate) auth.Rate {
	if r.Count == 0 {
		return otherwise
	}
	return auth.Rate{Burst: r.Count, Every: r.Per / time.Duration(r.Count)}
}

// entraOrigins are the company's sources that read a Microsoft tenant.
func (c *Core) entraOrigins(ctx context.Context, company registry.CompanyID, tenant string) ([]registry.OriginID, error) {
	var out []registry.OriginID
	for _, key := range slices.Sorted(maps.Keys(c.Config.Sources)) {
		if e := c.Config.Sources[key].Entra; e == nil || !strings.EqualFold(e.TenantID, tenant) {
			continue
		}
		src, err := c.Store.SourceByKey(ctx, key)
		if err != nil {
			return nil, err
		}
		if src.Company == company && src.RetiredAt.IsZero() {
			out = append(out, src.Origin.ID)
		}
	}
	return out, nil
}

// teamsTenant is the Microsoft tenant that a source reads, "" for none.
func (s *source) teamsTenant() string {
	if s.cfg.Entra == nil {
		return ""
	}
	return s.cfg.Entra.TenantID
}

// Recognise finds who somebody is who did not sign in, or makes a contact; the door
// is registry.OriginAPI or OriginAdmin for whom a helpdesk or an admin names. An
// address that several have, or ids that mean two, is a *registry.Error with code
// ambiguous_match, noted in the audit; Met then has the candidates.
func (c *Core) Recognise(ctx context.Context, company registry.CompanyID, at registry.OriginKind, e Encounter) (Met, error) {
	met, err := c.Contacts.Recognise(ctx, company, at, e)
	if onboard.IsAmbiguous(err) {
		deed := registry.Deed{Actor: e.Actor, Action: "contact.meet", Outcome: string(registry.CodeAmbiguous), Detail: map[string]string{}}
		for i, candidate := range met.Candidates {
			deed.Detail[fmt.Sprintf("candidate_%d", i+1)] = candidate.PublicID
		}
		err = errors.Join(err, c.Store.For(company).Audit(ctx, deed))
	}
	return met, err
}

// IntakeMail finds out who wrote a message that a program hands over whole; the
// mailbox is the recipient it came for, "" where that is not known. An error passes:
// the same message may be handed over again.
func (c *Core) IntakeMail(ctx context.Context, company registry.CompanyID, mailbox string, message io.Reader) (intake.Answer, error) {
	if theirs, ours := c.Mailroom.CompanyOf(mailbox); ours { // a mailbox of the file is its company's
		if key, err := c.companyKey(ctx, company); err != nil {
			return intake.Answer{}, err
		} else if key != theirs {
			return intake.Answer{}, registry.Refuse(registry.CodeInvalidValue, "mailbox: %s takes mail for another company", mailbox)
		}
	}
	letter, err := intake.Read(message, nil)
	if err != nil {
		return intake.Answer{}, err
	}
	return c.Mailroom.Receive(ctx, company, mailbox, letter)
}

// companyID finds a company by its key, for doors that the file gives companies.
func (c *Core) companyID(ctx context.Context, key string) (registry.CompanyID, error) {
	company, err := c.Store.CompanyByKey(ctx, key)
	return company.ID, err
}

// listenMail binds where mail is taken, if anywhere. A socket that another process
// left behind is taken over.
func (s *Server) listenMail() error {
	network, at, _, ok := s.Config.Intake.Endpoint()
	if !ok {
		return nil
	}
	if network == "unix" {
		if err := removeStale(at); err != nil {
			return fmt.Errorf("intake.listen: %w", err)
		}
	}
	l, err := net.Listen(network, at)
	if err != nil {
		return fmt.Errorf("intake.listen: %w", err)
	}
	if network == "unix" {
		// Who may deliver is for the folder's rights to say: the mail server is another user.
		if err := os.Chmod(at, 0o666); err != nil {
			return errors.Join(fmt.Errorf("intake.listen: %w", err), l.Close())
		}
	}
	s.mail = l
	s.onStop("intake.listen", func(context.Context) error {
		if err := l.Close(); !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	})
	return nil
}

// removeStale removes a socket that nobody listens on.
func removeStale(path string) error {
	conn, err := net.DialTimeout("unix", path, time.Second)
	if err == nil {
		return errors.Join(errors.New("another process listens there"), conn.Close())
	}
	info, err := os.Lstat(path)
	if err != nil || info.Mode()&os.ModeSocket == 0 {
		return nil //nolint:nilerr // listening says what is wrong with the path
	}
	return os.Remove(path)
}

// MailAddr is where mail is taken, "" for nowhere.
func (s *Server) MailAddr() string {
	if s.mail == nil {
		return ""
	}
	return s.mail.Addr().String()
}

// serveMail takes mail until Stop, which lets deliveries under way end.
func (s *Server) serveMail() error {
	if s.mail == nil {
		return nil
	}
	in := s.Config.Intake
	_, _, lmtp, _ := in.Endpoint()
	cfg := intake.ListenerConfig{
		LMTP: lmtp, Domain: messageDomain(s.Config), MaxSize: int64(in.MaxSize), MaxRecipients: in.MaxRecipients, Company: s.companyID,
	}
	if in.TLS.CertFile != "" {
		cert, err := tls.LoadX509KeyPair(in.TLS.CertFile, in.TLS.KeyFile)
		if err != nil {
			return s.Config.Fault("intake.tls", err.Error(), "")
		}
		cfg.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	}
	l := intake.NewListener(s.Mailroom, cfg, s.Log)
	go func() {
		if err := l.Serve(s.mail); err != nil {
			s.fail(fmt.Errorf("serve intake: %w", err))
		}
	}()
	s.onStop("serve intake", l.Close)
	return nil
}

// mountTeams adds the address that the Bot Framework posts to, where a bot is set
// up.
func (s *Server) mountTeams(root *http.ServeMux) {
	cfg := s.Config.Teams
	if cfg.AppID == "" {
		return
	}
	metadata := cfg.Metadata
	if metadata == "" {
		metadata = auth.BotMetadata
	}
	root.Handle("/teams/messages", intake.NewTeams(s.Core, auth.NewBotTokens(cfg.AppID, metadata, s.Now), intake.TeamsConfig{
		Tenants: cfg.Tenants, Sender: perSender(s.Config.Intake.PerSender, intake.DefaultSender()), Company: s.companyID,
	}, s.Now, s.Log))
}

// careForContacts warns and forgets idle contacts of every company, and tells the
// admins of those where strangers began to write.
func (s *Server) careForContacts(ctx context.Context) error {
	companies, err := s.Store.Companies(ctx)
	if err != nil {
		return err
	}
	times := onboard.ContactTimes{Idle: time.Duration(s.Config.Contacts.Idle), Warn: time.Duration(s.Config.Contacts.Warn)}
	var errs []error
	for _, company := range companies {
		care := onboard.ContactCare{
			Contacts: s.Contacts, Store: s.Store.For(company.ID), Company: company.ID, Times: times, MessageDomain: messageDomain(s.Config), NewID: newID,
		}
		if err := care.Do(ctx, s.Now()); err != nil {
			errs = append(errs, fmt.Errorf("contacts of %s: %w", company.Key, err))
		}
	}
	return errors.Join(errs...)
}
